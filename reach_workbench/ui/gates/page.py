"""All that is known of a held action, as lines to decide by: the action first, then what approving it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from reach_workbench.protocol.gates import APPROVAL_STEP, GateView
from reach_workbench.ui.gates.reading import Line
from reach_workbench.ui.gates.spelled import Part, spelled
from reach_workbench.ui.visible import remarks, visible, visible_json
from reach_workbench.ui.words import ago, zoned

Json = Any

_EXPIRES: Final = {
    "fault": "Then the task fails with gate-expired, which a catch may handle; nothing is performed.",
    "cancel": "Then the whole run is cancelled; nothing is performed.",
}
"""What happens at the end of the time."""

_SAID: Final = {"approve": ("✓", "approved"), "deny": ("✗", "denied"), "delegate": ("→", "handed the decision over")}

OUTCOMES: Final = {
    "approved": "✓ approved",
    "denied": "✗ denied",
    "expired": "◷ expired",
    "cancelled": "⊘ cancelled",
    "superseded": "⇢ superseded",
}


class Page(NamedTuple):
    """The first `must` lines are what a reviewer has to have seen: the action, and the answer to its form."""

    lines: list[Line]
    must: int


def gate_page(gate: GateView, *, answer: Json = None, answered: bool = False, now: int | None = None) -> Page:
    """`answer` is what the form of an approval step was filled in with, when it was `answered`."""
    lines = list(_action(gate))
    if answered:
        lines += [Line(""), Line("your answer, which becomes the task's output", "head"), *_exact(visible_json(answer))]
    must = len(lines)
    lines += [Line(""), *_effect(gate, now), Line(""), *_facts(gate), Line("")]
    lines += [*_policies(gate), Line("the exact arguments", "head"), *_exact(visible_json(gate.arguments))]
    return Page(lines, must)


def task_name(gate: GateView) -> str:
    """What the task is called in the workflow."""
    return gate.task.rpartition("/")[2] or gate.task


def title_of(gate: GateView) -> str:
    """`shell.run at write`, for the frame of a dialog."""
    return f"◆ {visible(gate.kind)} at {visible(task_name(gate))}"


def _action(gate: GateView) -> Iterator[Line]:
    parts = spelled(gate.kind, gate.arguments)
    for words in remarks("\n".join(line for part in parts for line in part.lines)):
        yield Line(f"! {words}", "bad")
    for place, part in enumerate(parts):
        if place:
            yield Line("")
        yield from _part(part)


def _part(part: Part) -> Iterator[Line]:
    lines = f" ({len(part.lines):,} lines)" if len(part.lines) > 1 else ""
    yield Line(visible(part.title) + lines, "head")
    yield from _exact([visible(line) for line in part.lines])


def _effect(gate: GateView, now: int | None) -> Iterator[Line]:
    terms = gate.terms
    for policy in gate.holding:
        reason = f": {visible(policy.reason)}" if policy.reason else ", whose text is below."
        how = "Counted" if policy.counts else "Held"
        yield Line(f"{how} by policy {visible(policy.id)}{reason}")
    if gate.kind == APPROVAL_STEP:
        yield Line("The workflow itself asks for this approval.")
    yield Line("")
    yield Line("what approving does", "head")
    if gate.outcome is not None:
        reason = f": {visible(gate.reason)}" if gate.reason else ""
        yield Line(f"Nothing any more. {OUTCOMES[gate.outcome]}{reason}, {zoned(gate.closed_at)}.")
    else:
        what = (
            "The run goes on past this step" if gate.kind == APPROVAL_STEP else "Exactly this is performed, once"
        )  # and not by who approves: the node does it
        wanted = f"{terms.quorum} approvals" if terms.quorum > 1 else "1 approval"
        groups = f", from {' and '.join(map(visible, terms.groups))}" if terms.groups else ""
        yield Line(f"{what}, as soon as it has {wanted}{groups}. Your signature is for nothing else.")
        if gate.missing:
            yield Line(f"Still missing: {visible(gate.missing)}.")
        if not terms.self_approval:
            edited = f", nor whoever edited it ({', '.join(map(visible, terms.editors))})" if terms.editors else ""
            yield Line(f"Whoever asked for it ({visible(gate.requester)}) may not decide{edited}.")
        if gate.expires_at is not None:
            words = f"It expires {zoned(gate.expires_at)}, {ago(gate.expires_at, now)}."
            yield Line(f"{words} {_EXPIRES[terms.otherwise]}")
        else:
            yield Line("It never expires: it waits until somebody decides, or the run is cancelled.")
    for each in gate.verdicts:
        groups = f" of {', '.join(map(visible, each.groups))}" if each.groups else ""
        reason = f": {visible(each.reason)}" if each.reason else ""
        sign, said = _SAID[each.verdict]
        said += f" to {visible(each.to)}" if each.to else ""
        void = f" – it does not count: {visible(each.void)}" if each.void else ""
        yield Line(f"{sign} {visible(each.reviewer)}{groups} {said} {zoned(each.at)}, key {each.key}{reason}{void}")


def _facts(gate: GateView) -> Iterator[Line]:
    facts = {
        "gate": gate.id,
        "risk": gate.terms.risk,
        "asked by": gate.requester,
        "workflow": gate.workflow,
        "run": f"{gate.run}, command {gate.command}",
        "task": gate.task,
        "held since": zoned(gate.opened_at),
        "digest": gate.digest,
        "policies": gate.policy,
    }
    for name, value in facts.items():
        yield Line(visible(value), "bad" if name == "risk" and value == "high" else "", name=name)


def _policies(gate: GateView) -> Iterator[Line]:
    for policy in gate.holding:
        yield Line(f"policy {visible(policy.id)}", "head")
        yield from _exact([visible(line) for line in policy.text.strip().split("\n")])
        yield Line("")
    told = {policy.id for policy in gate.holding}
    others = [visible(id) for id in gate.policies if id not in told]
    if others and gate.kind != APPROVAL_STEP:
        yield Line(f"held by {', '.join(others)}, whose text is not kept", "head")
        yield Line("")


def _exact(lines: list[str]) -> list[Line]:
    return [Line(line, exact=True) for line in lines]
