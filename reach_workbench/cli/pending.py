"""What a run waits for, in words, and the command line that answers each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from reach_workbench.cli.terminal import brief
from reach_workbench.clock import SystemClock
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import EventView, PendingView, StateView

if TYPE_CHECKING:
    from reach_workbench.protocol.gates import GateView

_TIMERS: Final = {
    "wait": "waits until",
    "retry": "tries again at",
    "timeout": "times out at",
    "attempt": "gives this attempt up at",
}

_HEADLINE: Final = 100

Line = Callable[..., str]
"""Makes a command line that reaches the home in use; see `session.Session.line`."""


def waits(state: StateView, line: Line, issued: dict[int, EventView], gates: Sequence[GateView] = ()) -> Iterator[str]:
    """A line for everything the run waits for; `issued` are the events of the commands in doubt.

    `gates` are the open ones of the run and of its sub-workflows.
    """
    rated = {frame.task for frame in state.stack if frame.phase == "held by a rate"}
    gated = {frame.task for frame in state.stack if frame.phase == "held for approval"}
    for each in state.pending:
        if each.kind == "event":
            yield from _event(each, line, state)
        elif each.kind == "timer":
            yield _timer(each)
        elif each.kind == "in-doubt":
            yield from _in_doubt(each, state.run, line, issued.get(each.number))
        elif each.kind == "gate":
            if each.number not in {gate.command for gate in gates if gate.run == state.run}:
                yield f"{each.task} is held at a gate"
        elif each.task in rated:
            yield f"{each.task} waits for a free place at a rate gate: {line('policy', 'explain', state.run)}"
        elif each.task in gated:
            yield f"{each.task} is held for approval: its gate opens next"
        else:
            yield f"{each.task} performs effect {each.number}"

    for gate in gates:
        yield from _gate(gate, line, state.run)


def _gate(gate: GateView, line: Line, run: str) -> Iterator[str]:
    from reach_workbench.cli.gatepage import is_over, missing, needed
    from reach_workbench.ui.gates.spelled import headline
    from reach_workbench.ui.visible import visible

    of = f" of sub-workflow {gate.run}" if gate.run != run else ""
    yield f"{gate.task}{of} did not happen yet: somebody has to approve it first, at gate {gate.id}"
    yield f"    {gate.kind}: {_cut(visible(headline(gate.kind, gate.arguments)))}"
    for policy in gate.holding:
        reason = f": {visible(policy.reason)}" if policy.reason else ""
        if not policy.counts:
            yield f"    the policy {policy.id} holds it{reason}"
    if is_over(gate, SystemClock().now()):
        yield "    its time has passed, so nobody can approve it any more; the run goes on with what follows from that:"
        yield f"      {line('resume', run)}"
        return
    terms = gate.terms
    if (terms.quorum, terms.groups, terms.self_approval) != (1, (), True):
        yield f"    it needs {needed(gate)}"
    if gate.verdicts:
        yield f"    still missing: it {missing(gate)}"
    yield f"    look at it whole: {line('gates', gate.id)}"
    yield f"    let it happen:    {line('approve', gate.id)}"
    yield f"    refuse it:        {line('deny', gate.id, '--reason', 'TEXT')}"


def _cut(text: str) -> str:
    return text if len(text) <= _HEADLINE else f"{text[: _HEADLINE - 1]}… (not all of it)"


def _timer(pending: PendingView) -> str:
    detail = pending.detail or {}
    return f"{pending.task} {_TIMERS.get(str(detail.get('purpose')), 'goes on at')} {detail.get('due')}"


def _event(pending: PendingView, line: Line, state: StateView) -> Iterator[str]:
    first = "    "
    if state.status == "suspended":  # it takes nothing until it goes on
        first = f"    resume it first ({line('resume', state.run)}), then "
    filters = list(awaited(pending.detail))
    if not filters:
        yield f"{pending.task} waits for any event"
        yield f"{first}send one with: {line('publish', '--type', 'TYPE')}"
    for wanted in filters:
        yield f"{pending.task} waits for an event: {described(wanted)}"
        yield f"{first}answer with: {line(*_publish(wanted))}"


def described(wanted: dict[str, Json]) -> str:
    """The attributes that an event filter asks for, in words."""
    return ", ".join(f"{name} {_shown(value)}" for name, value in wanted.items()) or "any type"


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else brief(value)


def awaited(definition: Json) -> Iterator[dict[str, Json]]:
    """The attributes that each event filter of a `listen` task asks for, as written."""
    target = definition.get("listen", {}).get("to", {}) if isinstance(definition, dict) else {}
    if not isinstance(target, dict):
        return
    one = target.get("one")
    for each in [one] if one is not None else target.get("all") or target.get("any") or []:
        wanted = each.get("with") if isinstance(each, dict) else None
        yield wanted if isinstance(wanted, dict) else {}


def _publish(wanted: dict[str, Json]) -> Iterator[str]:
    """The words of a `reach publish` whose constant attributes fit; the rest is for people to fill in."""
    yield "publish"
    for name in ("type", "source", "subject"):
        value = wanted.get(name)
        if isinstance(value, str) and not value.strip().startswith("${"):
            yield from (f"--{name}", value)
        elif name == "type":
            yield from ("--type", "TYPE")
    yield from ("--data", "JSON")


def _in_doubt(pending: PendingView, run: str, line: Line, issued: EventView | None) -> Iterator[str]:
    number = str(pending.number)
    what = ""
    if issued is not None and issued.data is not None:
        what = f" ({issued.data.get('kind')} {brief(issued.data.get('arguments'))})"
    yield f"effect {number} of {pending.task} is in doubt{what}: it was started, and nobody knows whether it happened"
    yield f"    repeat it: {line('resolve', run, number, '--repeat')}"
    yield f"    it happened, with this result: {line('resolve', run, number, '--result', 'JSON')}"
    yield f"    it failed: {line('resolve', run, number, '--fail', 'MESSAGE')}"
