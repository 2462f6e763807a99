"""Gates for people and for scripts: the list, and one of them whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from reach_workbench.cli.terminal import Painted, Part, Style, Terminal
from reach_workbench.cli.watching import duration
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.protocol.gates import APPROVAL_STEP, GateView, Verdict
from reach_workbench.ui.gates.spelled import headline, spelled
from reach_workbench.ui.visible import remarks, visible, visible_json

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

STYLES: Final[dict[str | None, Style]] = {"approved": "green", "denied": "red", "expired": "yellow", None: "cyan"}
"""By the outcome of a gate."""

_SAID: Final[dict[Verdict, str]] = {
    "approve": "approves",
    "deny": "denies",
    "delegate": "hands the decision over to {}",
}

_HEADLINE: Final = 60


def gate_object(gate: GateView) -> dict[str, Json]:
    """A gate as scripts read it; times are ISO 8601 in UTC."""
    return {
        "id": gate.id,
        "outcome": gate.outcome,
        "reason": gate.reason,
        "missing": gate.missing,
        "kind": gate.kind,
        "arguments": gate.arguments,
        "digest": gate.digest,
        "requester": gate.requester,
        "run": gate.run,
        "command": gate.command,
        "task": gate.task,
        "workflow": gate.workflow,
        "policy": gate.policy,
        "policies": list(gate.policies),
        "holding": [
            {"id": each.id, "text": each.text, "reason": each.reason, "counts": each.counts} for each in gate.holding
        ],
        "quorum": gate.terms.quorum,
        "groups": list(gate.terms.groups),
        "self_approval": gate.terms.self_approval,
        "otherwise": gate.terms.otherwise,
        "risk": gate.terms.risk,
        "editors": list(gate.terms.editors),
        "nonce": gate.nonce,
        "opened_at": iso8601(gate.opened_at),
        "expires_at": _moment(gate.expires_at),
        "closed_at": _moment(gate.closed_at),
        "verdicts": [
            {
                "reviewer": each.reviewer,
                "verdict": each.verdict,
                "groups": list(each.groups),
                "reason": each.reason,
                "at": iso8601(each.at),
                "key": each.key,
                "void": each.void,
            }
            for each in gate.verdicts
        ],
    }


def _moment(at: int | None) -> str | None:
    return iso8601(at) if at is not None else None


def show_table(terminal: Terminal, gates: Sequence[GateView], now: int) -> None:
    """A line a gate: id, how it ended or since when it waits, kind, the beginning of the action, run and requester."""
    states = [
        gate.outcome or ("too late" if is_over(gate, now) else f"open {duration(max(now - gate.opened_at, 0))}")
        for gate in gates
    ]
    width = max((len(state) for state in states), default=0)
    for gate, state in zip(gates, states, strict=True):
        risk = Painted("high risk  ", "red") if gate.terms.risk == "high" and gate.outcome is None else ""
        terminal.show(
            Painted(gate.id, "bold"),
            "  ",
            Painted(f"{state:<{width}}  ", STYLES.get(gate.outcome, "dim")),
            f"{gate.kind:<14}",
            risk,
            _cut(visible(headline(gate.kind, gate.arguments))),
            Painted(f"  {visible(gate.task)} of run {gate.run}, asked for by {visible(gate.requester)}", "dim"),
        )


def is_over(gate: GateView, now: int) -> bool:
    """Whether its time has passed, and no process was there to close it."""
    return gate.outcome is None and gate.expires_at is not None and now > gate.expires_at


def _cut(text: str) -> str:
    return text if len(text) <= _HEADLINE else text[: _HEADLINE - 1] + "…"


def show_gate(line: Callable[..., None], gate: GateView, now: int, width: int | None) -> None:
    """The gate whole, nothing cut: `line` is `Terminal.show`, or `Terminal.say` where a question follows.

    On a terminal that is `width` columns wide a bar stands before each line of the action and its arguments, `┊` where
    one goes on: what a workflow wrote can't be taken for what Reach says of it.
    """
    for parts in gate_lines(gate, now, width):
        line(*parts)


def show_beginning(terminal: Terminal, gate: GateView) -> None:
    """What it is about, once more in a line: on a small terminal the action itself is out of sight by now."""
    terminal.say(f"{gate.kind}: ", Painted(_cut(visible(headline(gate.kind, gate.arguments))), "bold"))


def gate_lines(gate: GateView, now: int, width: int | None = None) -> Iterator[tuple[Part, ...]]:
    outcome = gate.outcome or "open"
    yield (Painted("gate ", "dim"), Painted(gate.id, "bold"), "  ", Painted(outcome, STYLES.get(gate.outcome, "dim")))
    yield from _row("action", gate.kind)
    parts = spelled(gate.kind, gate.arguments)
    for part in parts:
        yield (Painted(f"  {visible(part.title)}", "dim"),)
        for text in part.lines:
            yield from ((bar, Painted(row, "bold")) for bar, row in _barred(visible(text), width))
    for remark in dict.fromkeys(each for part in parts for text in part.lines for each in remarks(text)):
        yield (Painted(f"  ! {remark}", "yellow"),)
    yield (Painted("  arguments, exactly", "dim"),)
    for text in visible_json(gate.arguments):
        yield from _barred(text, width)
    yield from _row("digest", gate.digest)
    yield from _row("requester", visible(gate.requester))
    yield from _row("run", visible(f"{gate.run}, {gate.workflow}"))
    yield from _row("task", visible(gate.task))
    if gate.terms.risk == "high":
        yield (Painted("  risk        high", "red"),)
    yield from _policies(gate)
    for verdict in gate.verdicts:
        why = f": {visible(verdict.reason)}" if verdict.reason else ""
        said = _SAID[verdict.verdict].format(visible(verdict.to or ""))
        void = f", which does not count: {visible(verdict.void)}" if verdict.void else ""
        yield from _row("so far", f"{visible(verdict.reviewer)} {said}{why} (key {verdict.key}){void}")
    if gate.outcome is not None:
        why = f": {visible(gate.reason)}" if gate.reason else ""
        yield from _row("outcome", f"{gate.outcome} {_moment(gate.closed_at) or ''}{why}")
        return
    yield from _row("needs", needed(gate))
    if gate.verdicts:
        yield from _row("missing", visible(missing(gate)))
    step = "the task ends, with the form's answer, or who approved, as its output"
    act = "the action is performed, exactly as above, and once"
    yield from _row("if approved", step if gate.kind == APPROVAL_STEP else act)
    failing = f"task {visible(task_name(gate))} fails with the error authorization (403), code gate-denied"
    yield from _row("if denied", failing)
    yield from _row("expires", _expiry(gate, now))


def _barred(text: str, width: int | None) -> Iterator[tuple[str, str]]:
    """A line of somebody else's, in rows that fit, each behind a bar."""
    if width is None:
        yield "    ", text
        return
    room, bar, row, used = max(width - 5, 8), "  │ ", "", 0
    for char in text:
        cells = 2 if east_asian_width(char) in "WF" else 1
        if used + cells > room:
            yield bar, row
            bar, row, used = "  ┊ ", "", 0
        row, used = row + char, used + cells
    yield bar, row


def _row(title: str, text: str) -> Iterator[tuple[Part, ...]]:
    first, *more = text.split("\n")
    yield (Painted(f"  {title:<12}", "dim"), first)
    for each in more:
        yield (" " * 14, each)


def _policies(gate: GateView) -> Iterator[tuple[Part, ...]]:
    shown = {each.id for each in gate.holding}
    for policy in gate.holding:
        title, words = ("counted by", "rate gate") if policy.counts else ("held by", "policy")
        reason = f": {visible(policy.reason)}" if policy.reason else ""
        yield from _row(title, f"{words} {visible(policy.id)}{reason}")
        for text in policy.text.split("\n"):
            yield ("    ", Painted(visible(text), "dim"))
    for name in gate.policies:
        if name not in shown:
            words = "the workflow itself asks for it" if name == "workflow" else f"policy {visible(name)}"
            yield from _row("held by", words)


def needed(gate: GateView) -> str:
    """Whose approvals the gate asks for, in words."""
    count = "one approval" if gate.terms.quorum == 1 else f"{gate.terms.quorum} approvals"
    groups = f", one of each of these groups: {', '.join(map(visible, gate.terms.groups))}" if gate.terms.groups else ""
    own = "" if gate.terms.self_approval else f", none by {visible(gate.requester)}, who asked for it"
    if own and gate.terms.editors:
        own += f", or by who edited it: {', '.join(map(visible, gate.terms.editors))}"
    return count + groups + own


def missing(gate: GateView) -> str:
    """What the gate still waits for, in words that follow upon its name."""
    return (gate.missing or "nothing").removeprefix(f"gate {gate.id} ")


def _expiry(gate: GateView, now: int) -> str:
    if gate.expires_at is None:
        return "never"
    then = "the run is cancelled" if gate.terms.otherwise == "cancel" else "the task fails with the error timeout (408)"
    left = gate.expires_at - now
    when = f"in {duration(left)}" if left >= 0 else f"{duration(-left)} ago"
    return f"{_moment(gate.expires_at)}, {when}: then {then}, code gate-expired"


def task_name(gate: GateView) -> str:
    """The name of the gate's task, the last part of its reference (RFC 6901)."""
    return gate.task.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


async def held_in(node: Node, run: str) -> list[GateView]:
    """The open gates that hold a run or one of its sub-workflows, whole, the oldest first."""
    roots: dict[str, bool] = {run: True}
    found: list[GateView] = []
    for gate in await node.gates(state="open", limit=1000):
        if await _is_of(node, gate.run, roots):
            found.append(await node.gate(gate.id))
    return found


async def _is_of(node: Node, run: str, known: dict[str, bool]) -> bool:
    if run not in known:
        parent = (await node.run(run)).parent
        known[run] = parent is not None and await _is_of(node, parent, known)
    return known[run]
