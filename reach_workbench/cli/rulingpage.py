"""What was decided about a command, and what other policies would change, as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reach_workbench.cli.terminal import Painted, Part, Style, json_text
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.protocol.policies import (
    CommandRuling,
    DecisionView,
    Judgement,
    PolicyView,
    Ruled,
    TryReport,
    without_said,
)

Line = tuple[Part, ...]

_STYLES: Final[dict[Ruled, Style]] = {"allow": "green", "hold": "yellow", "wait": "yellow", "deny": "red"}
_SHORT: Final = 12
_TEXT: Final = 120
"""Characters of a text of a request that are shown beside other commands: a standard input may be a whole file."""


def ruling(found: CommandRuling, *, whole: bool = True) -> Iterator[Line]:
    """Everything about one command; unless `whole`, long texts of its request are cut."""
    request = found.request
    at = f" at {request.resource}" if request.resource else ""
    yield Painted(f"command {found.command}", "bold"), f"  {found.kind}{at}", Painted(f"  {found.task or ''}", "dim")
    groups = f" (of {', '.join(request.groups)})" if request.groups else ""
    yield _row("asked by", f"{request.principal}{groups}, {iso8601(found.at)}")
    for decision in found.decisions:
        yield _row("decided", *_decided(decision))
    for gate in found.gates:
        by = f" by {', '.join(gate.by)}" if gate.by else ""
        edited = ", with other arguments" if gate.edited else ""
        why = f": {gate.reason}" if gate.reason else ""
        yield _row("gate", f"{gate.gate}: {gate.outcome or 'open'}{by}{edited}{why}")
    if found.then is not None:
        yield from _judged(found.then)
        if (found.now.digest, found.now.verdict) == (found.then.digest, found.then.verdict):
            yield _row("now", "the same policies are in force")
        else:
            yield _row("now", *_verdict(found.now))
            yield from _judged(found.now)
    else:
        if any(decision.digest for decision in found.decisions):
            yield _row("", "the policies that decided are not kept any more")
        yield _row("now", *_verdict(found.now))
        yield from _judged(found.now)
    seen = {name: getattr(request, name) for name in ("principal", "groups", "action", "resource_type", "resource")}
    told: Json = {**seen, "context": request.context}
    yield _row("request", json_text(told if whole else shortened(told)))


def shortened(value: Json) -> Json:
    """The value with its long texts cut."""
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(each) for each in value]
    return f"{value[:_TEXT]}…" if isinstance(value, str) and len(value) > _TEXT else value


def _row(name: str, *parts: Part) -> Line:
    return (Painted(f"  {name:<9} ", "dim"), *parts)


def _decided(decision: DecisionView) -> Line:
    by = f" by {', '.join(decision.policies)}" if decision.policies else ""
    warned = f", warned by {', '.join(decision.warnings)}" if decision.warnings else ""
    until = f", to be asked again {iso8601(decision.until)}" if decision.until is not None else ""
    why = f": {decision.reason}" if decision.reason and not decision.policies else ""
    digest = f"  policies {decision.digest[:_SHORT]}" if decision.digest else ""
    about = Painted(f"  {iso8601(decision.at)}, event {decision.seq}{digest}", "dim")
    return Painted(decision.verdict, _STYLES[decision.verdict]), f"{by}{warned}{until}{why}", about


def _verdict(found: Judgement) -> Line:
    by = f" by {', '.join(each.id for each in found.policies)}" if found.policies else ""
    why = f": {found.reason}" if found.reason and not found.policies else ""
    digest = Painted(f"  policies {found.digest[:_SHORT]}" if found.digest else "", "dim")
    return Painted(found.verdict, _STYLES[found.verdict]), f"{by}{why}", digest


def _judged(found: Judgement) -> Iterator[Line]:
    for policy in found.policies:
        yield from _policy(policy)
    for policy in found.warnings:
        yield from _policy(policy)
    if found.asks:
        yield _row("", f"lifted by: {found.asks}")
    for rate in found.rates:
        yield _row("", f"rate: {rate}")
    for each in found.without:
        yield _row("", without_said(each))
    if found.verdict == "deny" and not found.policies and found.digest:
        yield _row("", "a permit that fits it would be needed")


def _policy(policy: PolicyView) -> Iterator[Line]:
    reason = f'  "{policy.reason}"' if policy.reason else ""
    warns = " (only warns)" if policy.mode == "warn" else ""
    yield _row("", Painted(policy.id, "bold"), f"  {policy.file}:{policy.line}{warns}{reason}")
    for line in policy.text.splitlines():
        yield (Painted(f"              {line}", "dim"),)


def report(found: TryReport) -> Iterator[Line]:
    """What other policies would change, a line for each group."""
    width = max((len(f"{each.count:,}") for each in found.changes), default=0)
    for each in found.changes:
        at = f" at {each.resource}" if each.resource else ""
        by = f"  by {', '.join(each.by)}" if each.by else "  as nothing permits it" if each.after == "deny" else ""
        was = f" (was by {', '.join(each.was_by)})" if each.was_by else ""
        yield (
            Painted(each.before, _STYLES[each.before]),
            " → ",
            Painted(each.after, _STYLES[each.after]),
            f"  {each.count:>{width},} × {each.action}{at}{by}{was}",
            Painted(f"  e.g. {each.example}", "dim"),
        )
        if each.reason:
            yield (f"    {each.reason}",)
    if found.groups > len(found.changes):
        more = _count(found.groups - len(found.changes), "group")
        yield (Painted(f"… and {more} more; --limit shows them", "dim"),)
    for warning in found.warnings:
        yield (
            Painted("would warn", "yellow"),
            f"  {warning.count:,} × {warning.action}  by {warning.policy}",
            Painted(f"  e.g. {warning.run}:{warning.command}", "dim"),
        )


def summary(found: TryReport) -> str:
    """In a sentence, how much would change."""
    asked = f"{_count(found.actions, 'action')} of {_count(found.runs, 'run')}"
    compared = "as recorded" if found.basis == "recorded" else "as the policies in force decide"
    if not found.changed:
        return f"nothing would change: {asked} would be decided {compared} ({found.seconds:.1f} s)"
    return f"{found.changed:,} of {asked} would not be decided {compared} ({found.seconds:.1f} s)"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
