"""Gates for people and for scripts: the list, and one of them whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from reach_workbench.cli.terminal import Painted, Part, Style, Terminal
from reach_workbench.cli.watching import duration
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.protocol.gates import APPROVAL_STEP, GateView
from reach_workbench.ui.gates.spelled import headline, spelled
from reach_workbench.ui.visible import remarks, visible, visible_json

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

STYLES: Final[dict[str | None, Style]] = {"approved": "green", "denied": "red", "expired": "yellow", None: "cyan"}
"""By the outcome of a gate."""

_HEADLINE: Final = 60
_SAID: Final = {"approve": "approves", "deny": "denies", "delegate": "hands the decision over to"}


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
        "holding": [{"id": each.id, "text": each.text, "reason": each.reason} for each in gate.holding],
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
            }
            for each in gate.verdicts
        ],
    }


def _moment(at: int | None) -> str | None:
    return iso8601(at) if at is not None else None


def show_table(terminal: Terminal, gates: Sequence[GateView], now: int) -> None:
    """A line a gate: id, how it ended or since when it waits, kind, the beginning of the action, run and requester."""
    for gate in gates:
        state = gate.outcome or (
            "expired?" if _is_over(gate, now) else f"open {duration(max(now - gate.opened_at, 0))}"
        )
        risk = Painted("high risk  ", "red") if gate.terms.risk == "high" and gate.outcome is None else ""
        terminal.show(
            Painted(gate.id, "bold"),
            "  ",
            Painted(f"{state:<14}", STYLES.get(gate.outcome, "dim")),
            f"{gate.kind:<14}",
            risk,
            _cut(visible(headline(gate.kind, gate.arguments))),
            Painted(f"  {visible(gate.task)} of run {gate.run}, asked for by {visible(gate.requester)}", "dim"),
        )


def _is_over(gate: GateView, now: int) -> bool:
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
        said = _SAID[verdict.verdict] + (f" {visible(verdict.to)}" if verdict.to else "")
        yield from _row("so far", f"{visible(verdict.reviewer)} {said}{why} (key {verdict.key})")
    if gate.outcome is not None:
        why = f": {visible(gate.reason)}" if gate.reason else ""
        yield from _row("outcome", f"{gate.outcome} {_moment(gate.closed_at) or ''}{why}")
        return
    yield from _row("needs", _needed(gate))
    if gate.verdicts:
        yield from _row("missing", visible(gate.missing or "nothing"))
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
        reason = f": {visible(policy.reason)}" if policy.reason else ""
        yield from _row("held by", f"policy {visible(policy.id)}{reason}")
        for text in policy.text.split("\n"):
            yield ("    ", Painted(visible(text), "dim"))
    for name in gate.policies:
        if name not in shown:
            words = "the workflow itself asks for it" if name == "workflow" else f"policy {visible(name)}"
            yield from _row("held by", words)


def _needed(gate: GateView) -> str:
    count = "one approval" if gate.terms.quorum == 1 else f"{gate.terms.quorum} approvals"
    groups = f", one of each of these groups: {', '.join(gate.terms.groups)}" if gate.terms.groups else ""
    own = "" if gate.terms.self_approval else ", none of them the requester's"
    if own and gate.terms.editors:
        own += f" or of who edited it: {', '.join(gate.terms.editors)}"
    return visible(count + groups + own)


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
