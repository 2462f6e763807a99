"""The node's breakpoints, and what those with a message wrote."""

from __future__ import annotations

from collections.abc import Sequence

from reach_workbench.protocol.debugging import Breakpoint, LogLine
from reach_workbench.ui.debug.jsontext import Line, Part
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.wording import BREAKPOINT, clean


class BreakPane(LinesView):
    """They hold for every run and every screen; `key` of a line is a breakpoint's id, or `@seq` of a log line."""

    BORDER_TITLE = "Breakpoints"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.breakpoints: Sequence[Breakpoint] = ()
        self._log: Sequence[LogLine] = ()

    def show(self, breakpoints: Sequence[Breakpoint], log: Sequence[LogLine]) -> None:
        self.breakpoints = breakpoints
        self._log = log
        lines = [line for each in breakpoints for line in _lines(each)]
        if not lines:
            words = ("b sets one at the task under the cursor,", "B with a condition, a count or a message.")
            lines = [Line(((text, "dim"),)) for text in words]
        if log:
            lines.append(Line((("Log", "head"),), key="log"))
            lines += [
                Line(((f"{each.seq:>6,} ", "dim"), (clean(each.message), "")), key=f"@{each.seq}")
                for each in reversed(log[-500:])
            ]
        self.set_lines(lines)

    @property
    def chosen(self) -> Breakpoint | None:
        """The breakpoint under the cursor."""
        key = self.line.key if self.line is not None else ""
        return next((each for each in self.breakpoints if each.id == key), None)


def what(breakpoint: Breakpoint) -> str:
    """What it holds at, in a few words."""
    if breakpoint.on == "task":
        return breakpoint.task or "every task"
    if breakpoint.on == "command":
        return f"before {breakpoint.command or 'any command'}"
    return f"any {breakpoint.on}"


def _lines(breakpoint: Breakpoint) -> list[Line]:
    sign = BREAKPOINT if breakpoint.enabled else "○"
    where = breakpoint.workflow or ("this run" if breakpoint.run else "")
    head: tuple[Part, ...] = (
        (clean(what(breakpoint)), "key"),
        (f"  {clean(where)}" if where else "", "dim"),
        (f"  met {breakpoint.count}×" if breakpoint.count else "", "dim"),
    )
    lines = [Line(head, None, sign, breakpoint.id)]
    if breakpoint.condition:
        lines.append(Line((("  if ", "dim"), (clean(breakpoint.condition), "number")), key=breakpoint.id))
    if breakpoint.hits:
        lines.append(Line(((f"  from the {breakpoint.hits}. time on", "dim"),), key=breakpoint.id))
    if breakpoint.log:
        lines.append(Line((("  log ", "dim"), (clean(breakpoint.log), "string")), key=breakpoint.id))
    if breakpoint.problem:
        lines.append(Line((("  ✗ ", "bad"), (clean(breakpoint.problem), "bad")), key=breakpoint.id))
    return lines
