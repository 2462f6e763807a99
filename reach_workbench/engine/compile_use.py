"""The reusable components that no task leads to: extensions, unused definitions, the schedule."""

from __future__ import annotations

from reach_workbench.engine.compile_access import endpoint, policy
from reach_workbench.engine.compile_control import problem
from reach_workbench.engine.compile_data import duration
from reach_workbench.engine.compile_events import strategy
from reach_workbench.engine.compile_functions import own_function
from reach_workbench.engine.compile_scope import DEFINITION, WORKFLOW_INPUT, Ground
from reach_workbench.engine.compile_session import Session
from reach_workbench.engine.compile_trying import retry
from reach_workbench.engine.grammar_tasks import BUILT_IN_CALLS
from reach_workbench.engine.program import Extension
from reach_workbench.engine.tree import Place, pointer_step


def compile_extensions(session: Session) -> tuple[tuple[str, Extension], ...]:
    """What each extension extends, and the extension, in the order of the document.

    Its tasks see none of the variables of the tasks it applies to, so one compiled extension
    serves them all.
    """
    extensions: list[tuple[str, Extension]] = []
    place = session.use.get("extensions")
    ground = Ground(extended=False)
    for item in place.items() if place is not None else ():
        for name, each in item.members():
            base = f"/use/extensions{pointer_step(item.step)}{pointer_step(name)}"
            before, after = each.get("before"), each.get("after")
            extension = Extension(
                name=name,
                when=session.condition(each.get("when"), DEFINITION),
                before=session.block(session, before, base + "/before", ground) if before is not None else None,
                after=session.block(session, after, base + "/after", ground) if after is not None else None,
            )
            extensions.append((each.text_of("extend"), extension))
    return tuple(extensions)


def check_schedule(session: Session, place: Place | None) -> None:
    """Compile the expressions of a schedule; there is no run yet that could give them data."""
    if place is None:
        return
    duration(session, place.get("every"), WORKFLOW_INPUT)
    duration(session, place.get("after"), WORKFLOW_INPUT)
    strategy(session, place.get("on"), WORKFLOW_INPUT)


def check_unused(session: Session) -> None:
    """Compile what is defined under `use` but used nowhere, for what may be wrong in it."""
    for name, function in _unused(session, "functions"):
        own_function(session, name, function, extended=True)
    _warn_hidden(session)
    for _, each in _unused(session, "retries"):
        retry(session, each, DEFINITION | {"error"})
    for _, each in _unused(session, "timeouts"):
        duration(session, each.get("after"), DEFINITION)
    for _, each in _unused(session, "errors"):
        problem(session, each, DEFINITION)
    for _, each in _unused(session, "authentications"):
        policy(session, each, DEFINITION)
    for _, each in _unused(session, "catalogs"):
        root = each.get("endpoint")
        if root is not None:
            endpoint(session, root, DEFINITION)


def _warn_hidden(session: Session) -> None:
    place = session.use.get("functions")
    for name, function in place.members() if place is not None else ():
        if name in BUILT_IN_CALLS:
            message = f"the function {name!r} can't be called: 'call: {name}' is a call of the DSL itself"
            session.findings.warning(function, "reserved-name", message, "give it another name", key=True)


def _unused(session: Session, group: str) -> list[tuple[str, Place]]:
    place = session.use.get(group)
    if place is None:
        return []
    return [(name, each) for name, each in place.members() if (group, name) not in session.used]
