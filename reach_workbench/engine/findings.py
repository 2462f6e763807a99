"""Where the compiler collects what it has to say, each finding placed in the source."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from reach_workbench.engine.diagnostics import Diagnostic, Severity
from reach_workbench.engine.tree import Node, Place, pointer_step

MOST: Final = 100
"""Errors, and warnings, kept of one document: nobody reads more, and a hostile one could cause millions."""


class Position(NamedTuple):
    """A line and a column of the source, both counted from 1."""

    line: int
    column: int


class Findings:
    """Diagnostics of one document, without repetitions, at most `MOST` of each severity."""

    def __init__(self, file: str, source: str = "") -> None:
        self.file = file
        self.source = source
        self._found: dict[tuple[int, int, str, str], Diagnostic] = {}
        self._kept: dict[Severity, int] = {"error": 0, "warning": 0}
        self._dropped = 0

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return self._kept["error"] > 0

    def room(self, severity: Severity = "error") -> bool:
        """Whether another finding would be listed; if not, looking for a hint is in vain."""
        return self._kept[severity] < MOST

    def error(
        self, at: Place, code: str, message: str, hint: str = "", *, key: bool = False, offset: int | None = None
    ) -> None:
        """An error at a place's value, at its key, or `offset` characters into its text."""
        position = self._position(at, key, offset)
        self.add(position, code, message, hint, pointer=at.pointer)

    def error_at_member(self, at: Place, name: str, code: str, message: str, hint: str = "") -> None:
        """An error at the key `name` of the object at `at`."""
        line, column = at.node.keys.get(name, (at.node.line, at.node.column))
        self.add(Position(line, column), code, message, hint, pointer=at.pointer + pointer_step(name))

    def warning(self, at: Place, code: str, message: str, hint: str = "", *, key: bool = False) -> None:
        """A warning at a place's value, or at its key."""
        self.add(self._position(at, key, None), code, message, hint, severity="warning", pointer=at.pointer)

    def add(
        self,
        position: Position,
        code: str,
        message: str,
        hint: str = "",
        *,
        severity: Severity = "error",
        pointer: str = "",
    ) -> None:
        """A finding at a position of the source."""
        identity = (position.line, position.column, code, message)
        if identity in self._found:
            return
        if not self.room(severity):
            self._dropped += 1
            return
        self._kept[severity] += 1
        self._found[identity] = Diagnostic(
            self.file, position.line, position.column, code, message, hint, severity, pointer
        )

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings in the order of the source; the last one says how many more there were."""
        found = sorted(self._found.values())
        if self._dropped and found:
            last = found[-1]
            message = f"{self._dropped} more findings are not listed"
            hint = "correct those above first"
            found.append(
                replace(last, code="more-findings", message=message, hint=hint, severity="warning", pointer="")
            )
        return tuple(found)

    def _position(self, at: Place, key: bool, offset: int | None) -> Position:
        if key and at.parent is not None and isinstance(at.step, str):
            line, column = at.parent.node.keys.get(at.step, (at.node.line, at.node.column))
            return Position(line, column)
        if offset is not None:
            return _inside(at.node, self.source, offset)
        return Position(at.node.line, at.node.column)


def _inside(node: Node, source: str, offset: int) -> Position:
    """The position of a character of a text, where the source writes the text as it is; else the text's start."""
    written = source[node.start : node.end]
    text = node.value
    start = Position(node.line, node.column)
    if not isinstance(text, str) or not 0 <= offset <= len(text):
        return start
    if written.startswith("|"):
        return _inside_literal(node, written, text, offset)
    if "\n" in written:
        return start
    before = written.find(text) if text else -1
    return Position(node.line, node.column + before + offset) if before >= 0 else start


def _inside_literal(node: Node, written: str, text: str, offset: int) -> Position:
    lines = written.split("\n")[1:]
    row = text.count("\n", 0, offset)
    column = offset - (text.rfind("\n", 0, offset) + 1)
    wanted = text.split("\n")[row]
    if row < len(lines) and wanted and lines[row].endswith(wanted):
        return Position(node.line + 1 + row, len(lines[row]) - len(wanted) + column + 1)
    return Position(node.line, node.column)
