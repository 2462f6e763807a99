"""The body of a try task: what it catches, how it retries (dsl-reference.md, Try, Catch, Retry)."""

from __future__ import annotations

from reach_workbench.engine.compile_control import variable
from reach_workbench.engine.compile_data import duration
from reach_workbench.engine.compile_flow import then
from reach_workbench.engine.compile_session import Names, Session, Site
from reach_workbench.engine.program import Catch, Retry, Try
from reach_workbench.engine.tree import Place


def attempt(site: Site) -> Try:
    session, task, place, reference, ground, siblings = (
        site.session,
        site.task,
        site.place,
        site.reference,
        site.ground,
        site.siblings,
    )
    block = session.block(session, place, reference + "/try", ground)
    catch = task.get("catch")
    name = variable(session, catch, "as", "error")
    inside = ground.knowing(name)
    if catch is None:
        return Try(block, Catch(None, name, None, None, None, None, None))
    wanted = catch.dig("errors", "with")
    policy = catch.get("retry")
    if policy is not None and policy.text is not None:
        policy = session.lookup(policy, "retries", "retry")
    handler = catch.get("do")
    directive = catch.get("then")
    return Try(
        block,
        Catch(
            errors=wanted.plain if wanted is not None and isinstance(wanted.plain, dict) else None,
            variable=name,
            when=session.condition(catch.get("when"), inside.definition),
            except_when=session.condition(catch.get("exceptWhen"), inside.definition),
            retry=retry(session, policy, inside.definition) if policy is not None else None,
            block=session.block(session, handler, reference + "/catch/do", inside) if handler is not None else None,
            then=then(session, directive, siblings) if directive is not None else None,
        ),
    )


def retry(session: Session, place: Place, names: Names) -> Retry:
    """A retry policy; `names` include the variable of the caught error."""
    count = place.dig("limit", "attempt", "count")
    lowest = duration(session, place.dig("jitter", "from"), names)
    highest = duration(session, place.dig("jitter", "to"), names)
    fixed = (each.milliseconds if each is not None else None for each in (lowest, highest))
    low, high = (each or 0 for each in fixed)
    jitter = place.get("jitter")
    if jitter is not None and lowest and highest and highest.milliseconds is not None and low > high:
        session.findings.error(
            jitter, "wrong-value", "'jitter' must go from less to more", "swap from and to", key=True
        )
    backoff = place.get("backoff")
    return Retry(
        when=session.condition(place.get("when"), names),
        except_when=session.condition(place.get("exceptWhen"), names),
        delay=duration(session, place.get("delay"), names),
        backoff=(
            "exponential"
            if backoff is not None and backoff.get("exponential")
            else "linear"
            if backoff is not None and backoff.get("linear")
            else "constant"
        ),
        attempts=int(count.plain) if count is not None and count.node.sort == "number" else None,
        attempt_duration=duration(session, place.dig("limit", "attempt", "duration"), names),
        duration=duration(session, place.dig("limit", "duration"), names),
        jitter=(lowest, highest) if lowest is not None and highest is not None else None,
    )
