"""Where a task stands in its document: the line, so that people find it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from reach_workbench.cli.history import one_event
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.protocol.node_views import RunView

if TYPE_CHECKING:
    from reach_workbench.engine.program import Program
    from reach_workbench.protocol.node import Node
    from reach_workbench.settings import Limits

_LARGEST: Final = 4 << 20


class Line(NamedTuple):
    file: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


class Source:
    """A workflow's text, with the lines of its tasks; compiled only when a line is asked for."""

    def __init__(self, text: str, file: str, limits: Limits) -> None:
        self._text = text
        self._file = file
        self._limits = limits

    def line(self, reference: str | None) -> Line | None:
        """The line of a task, None when it is not known."""
        program = self._compiled()
        task = program.tasks.get(reference or "") if program is not None else None
        lines = self._text.splitlines()
        if task is None or not 0 < task.line <= len(lines):
            return None
        return Line(self._file, task.line, lines[task.line - 1])

    def is_of(self, program: str) -> bool:
        """Whether this text still is the program of that digest."""
        compiled = self._compiled()
        return compiled is not None and compiled.digest == program

    def _compiled(self) -> Program | None:
        from reach_workbench.runner.loading import compile_text  # which compiles the same text once

        return compile_text(self._text, self._file, self._limits).program


async def source_of(node: Node, view: RunView, limits: Limits) -> Source | None:
    """The document a run was started from, if it is where it was and says what it said."""
    if view.file is None:
        return None
    file = Path(view.file)
    try:
        if file.stat().st_size > _LARGEST:
            return None
        source = Source(file.read_text("utf-8-sig"), view.file, limits)
    except (OSError, ValueError):
        return None
    created = await one_event(node, view.id, view.forked_at or 0)
    data = created.data if created is not None else None
    return source if source.is_of(str((data or {}).get("program"))) else None


def show_line(terminal: Terminal, line: Line) -> None:
    """The line as compilers show it, on standard error."""
    terminal.say(Painted(f"  {line.number:>5} | ", "dim"), line.text.rstrip())
