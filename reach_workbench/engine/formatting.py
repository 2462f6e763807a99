"""The text of a document with even indentation and spacing: two columns a level, everything else as it was.

Lines are moved, never written anew: comments, quotes, folded lists and texts of several lines stay as
their author wrote them. (Writing the parsed document out again would lose how lists are broken.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from reach_workbench.engine.document import DocumentLimits, read_document
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.outline import last_line
from reach_workbench.engine.sketch import key_of, sketch
from reach_workbench.engine.tree import Node
from reach_workbench.errors import CompileError

_LITERAL: Final = re.compile(r"[|>](\d?)[+-]?(\d?)")
_STEP: Final = 2


def format_document(source: str, limits: DocumentLimits | None = None) -> str:
    """The text in even form. It means the same: should it not, it is given back as it was.

    Raises CompileError with the diagnostics when it is not YAML.
    """
    bounds = limits or DocumentLimits()
    findings = Findings("", source)
    node = read_document(source, findings, bounds)
    if node is None or findings.failed:
        raise CompileError(
            "a text that can't be read can't be formatted",
            diagnostics=findings.diagnostics(),
            hint="correct what is reported first",
        )
    written = _json(source) or _Lines(source, node).written()
    again = read_document(written, Findings("", written), bounds)
    return written if again is not None and _alike(again.plain, node.plain) else source


def _json(source: str) -> str | None:
    """A document in JSON stays one."""
    if not source.lstrip().startswith("{"):
        return None
    try:
        return json.dumps(json.loads(source), indent=2, ensure_ascii=False) + "\n"
    except ValueError:
        return None


def _alike(one: Any, other: Any) -> bool:
    """Equal in every type and order."""
    return json.dumps(one) == json.dumps(other)


class _Level(NamedTuple):
    """A block that is open: the column it had, the one it gets."""

    old: int
    new: int
    is_list: bool


class _Lines:
    def __init__(self, source: str, root: Node) -> None:
        self.rows = source.split("\n")
        starts = sketch(source).starts
        self.texts = dict(_continued(root, source, starts))
        self.levels: list[_Level] = []
        self.before: list[_Level] = []
        self.out: list[str] = []
        self.waiting: list[str] = []

    def written(self) -> str:
        number = 0
        while number < len(self.rows):
            row = self.rows[number]
            if not row.strip() or row.lstrip().startswith("#"):
                self.waiting.append(row)
                number += 1
                continue
            if not row.startswith((" ", "-")) and re.match(r"(?:---|\.\.\.)(?:\s|$)|%", row):
                self._flush(0, 0)
                self.out.append(row.rstrip())
                number += 1
                continue
            number = self._structure(number)
        self._flush(0, 0)
        return "\n".join(self.out).strip("\n") + "\n"

    def _structure(self, number: int) -> int:
        """Move a line and those that go on with its text; returns the one after them."""
        row = self.rows[number].rstrip()
        old = len(row) - len(row.lstrip(" "))
        self.before = list(self.levels)
        text = row[old:]
        new = first = self._column(old, _is_item(text))
        head = ""
        while _is_item(text):
            body = text[1:].lstrip(" ")
            if not body or body.startswith("#"):
                break
            head += "- "
            old += len(text) - len(body)
            new += _STEP
            text = body
            if _is_item(text) or key_of(text) is not None:
                self.levels.append(_Level(old, new, _is_item(text)))
        self._flush(len(row) - len(row.lstrip(" ")), first)
        key = key_of(text)
        if key is not None and (value := text[key[1] :].strip()) and not value.startswith("#"):
            text = f"{text[: key[1]]} {value}"
        self.out.append(" " * first + head + text)
        inside = new if key is not None else new - _STEP
        return self._rest(number, old, new, max(inside, 0))

    def _column(self, old: int, is_item: bool) -> int:
        """Where a line goes that stood at a column, by the blocks that are open there."""
        while self.levels and (
            self.levels[-1].old > old or (self.levels[-1].old == old and self.levels[-1].is_list and not is_item)
        ):
            self.levels.pop()
        top = self.levels[-1] if self.levels else None
        if top is None:
            self.levels.append(_Level(old, 0, is_item))
        elif top.old < old or (is_item and not top.is_list):
            self.levels.append(_Level(old, top.new + _STEP, is_item))
        return self.levels[-1].new

    def _rest(self, number: int, old: int, new: int, around: int) -> int:
        """Lines that go on with a text or a list in brackets keep their shape and move as one."""
        last = self.texts.get(number + 1)
        if last is None:
            return number + 1
        rows = self.rows[number + 1 : last[0]]
        shift = new - old
        if last[1]:
            filled = [len(row) - len(row.lstrip(" ")) for row in rows if row.strip()]
            if filled and not last[2]:
                shift = around + _STEP - filled[0]
        for row in rows:
            bare = row if last[1] else row.rstrip()
            indent = len(bare) - len(bare.lstrip(" "))
            self.out.append(" " * max(indent + shift, 0) + bare[indent:] if bare.strip() else "")
        return last[0]

    def _flush(self, old: int, new: int) -> None:
        """Comments go with the line below them, or stay with the block above that they are indented like."""
        blank = False
        for row in self.waiting:
            text = row.strip()
            if not text:
                blank = bool(self.out)
                continue
            if blank:
                self.out.append("")
                blank = False
            at = len(row) - len(row.lstrip(" "))
            column = new
            if at > old:
                column = next((level.new for level in reversed(self.before) if level.old <= at), new)
            self.out.append(" " * column + text)
        if blank:
            self.out.append("")
        self.waiting = []


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")


def _continued(root: Node, source: str, starts: list[int]) -> Iterator[tuple[int, tuple[int, bool, bool]]]:
    """Values of several lines that are no blocks: by their first line, the last, whether it is behind | or >,
    and whether that says how far it is indented."""
    waiting = [root]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        first = source[node.start : node.start + 1]
        if isinstance(node.value, dict | list) and first not in ("{", "["):
            waiting += list(node.value.values()) if isinstance(node.value, dict) else node.value
            continue
        last = last_line(node, source, starts)
        if last > node.line:
            header = _LITERAL.match(source, node.start)
            yield node.line, (last, header is not None, header is not None and bool(header[1] or header[2]))
