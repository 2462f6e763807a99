"""The state of a run at one event, and what changed between two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reach_workbench.cli.pending import Line, waits
from reach_workbench.cli.terminal import Painted, Style, Terminal, brief
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.protocol.gates import GateView
from reach_workbench.protocol.node_views import Change, EventView, StateView

_SIGNS: Final[dict[str, tuple[str, Style]]] = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
}


def state_object(state: StateView) -> dict[str, Json]:
    """A state as scripts read it; `started_at` of the stack is ISO 8601 in UTC."""
    shown = state.as_dict()
    for frame in shown["stack"]:
        frame["started_at"] = iso8601(frame["started_at"])
    return {**shown, "stack": list(shown["stack"]), "pending": list(shown["pending"])}


def change_object(change: Change) -> dict[str, Json]:
    """One difference as scripts read it; what was added has no `before`, what was removed no `after`."""
    shown: dict[str, Json] = {"pointer": change.pointer, "kind": change.kind}
    if change.kind != "added":
        shown["before"] = change.before
    if change.kind != "removed":
        shown["after"] = change.after
    return shown


def show_state(
    terminal: Terminal,
    state: StateView,
    place: str | None,
    line: Line,
    issued: dict[int, EventView],
    gates: Sequence[GateView] = (),
) -> None:
    """The state for people; `place` is where the position stands in the document."""
    terminal.show(Painted(f"run {state.run} after event {state.seq:,}", "bold"), f": {state.status}")
    if state.position:
        terminal.show(Painted("position  ", "dim"), state.position, f"  ({place})" if place else "")
    if state.stack:
        terminal.show(Painted("stack", "dim"))
        for frame in state.stack:
            terminal.show(f"  {frame.task}  ", Painted(f"{frame.kind}, {frame.phase}", "dim"))
            for name, value in frame.variables.items():
                terminal.show(f"    ${name.removeprefix('$')} = {brief(value)}")
    for each in waits(state, line, issued, gates):
        terminal.show(Painted("waits     ", "dim"), each)
    for name in ("input", "context", "data"):
        terminal.show(Painted(name, "dim"))
        terminal.print_json(getattr(state, name), indent=True)
    if state.error is not None:
        terminal.show(Painted("error", "dim"))
        terminal.print_json(state.error, indent=True)


def change_lines(changes: Sequence[Change], most: int = 200) -> list[tuple[str, Style]]:
    """Lines that say by their sign what was added (+), removed (-) or changed (~)."""
    lines: list[tuple[str, Style]] = []
    for change in changes:
        sign, style = _SIGNS[change.kind]
        pointer = change.pointer or "/"
        if change.kind == "changed":
            lines.append((f"{sign} {pointer}: {brief(change.before, most)} → {brief(change.after, most)}", style))
        else:
            value = change.after if change.kind == "added" else change.before
            lines.append((f"{sign} {pointer}: {brief(value, most)}", style))
    return lines
