"""What stands in quotes and brackets in a text that need not be YAML yet; see `engine.sketch`."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from reach_workbench.engine.document_scalars import BadScalar, resolve
from reach_workbench.engine.tree import Node, Sort

BLANKS: Final = frozenset({"", " ", "\t"})
_SPACE: Final = re.compile(r"(?:[ \t\r\n]+|(?<![^\s,\[\]{}])#[^\n]*)*")
_PLAIN: Final = re.compile(
    r"(?:[^\s,\[\]{}:#]|:(?![\s,\[\]{}]|$)|(?<!\s)#|[ \t]+(?=[^\s,\[\]{}:#]|:(?![\s,\[\]{}]|$)))+"
)
_DOUBLE: Final = re.compile(r'"(?:[^"\\]|\\[\s\S])*"')
_SINGLE: Final = re.compile(r"'(?:[^']|'')*'")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\n[ \t]*|([\s\S]))")
_LETTERS: Final = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_DEEPEST: Final = 100

_MOST_REPEATED: Final = 20_000
"""Values that aliases may stand for: few lines could else mean millions."""


def scalar(text: str) -> tuple[Sort, str | int | float | bool | None]:
    """What a text without quotes means."""
    try:
        return resolve(text, None, plain=True)
    except BadScalar:
        return "text", text


def unquoted(written: str) -> str:
    """The text that quotes stand for; one without quotes as it is."""
    if written[:1] == '"':
        inner = written[1:-1] if len(written) > 1 and written.endswith('"') else written[1:]
        return _ESCAPE.sub(_escaped, _unfolded(inner))
    if written[:1] == "'":
        inner = written[1:-1] if len(written) > 1 and written.endswith("'") else written[1:]
        return _unfolded(inner).replace("''", "'")
    return written


def _escaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else ""
    letter = found[4]
    return "" if letter is None else _LETTERS.get(letter, letter)


def _unfolded(inner: str) -> str:
    """Line breaks in quotes are blanks, blank lines are breaks (YAML 1.2.2, section 7.3)."""
    if "\n" not in inner:
        return inner
    return re.sub(
        r"(?<!\\)[ \t]*\n((?:[ \t]*\n)*)[ \t]*", lambda found: "\n" * found[1].count("\n") if found[1] else " ", inner
    )


class Flow:
    """Reads values in brackets. `starts` are the offsets of the lines, `anchors` what `*name` stands for."""

    def __init__(self, text: str, starts: list[int]) -> None:
        self.text = text
        self.starts = starts
        self.anchors: dict[str, Node] = {}
        self.repeated = 0

    def value(self, at: int, end: int, depth: int) -> tuple[Node, int]:
        """The value that begins at an offset, and where it ends: no later than `end`."""
        first = self.text[at : at + 1] if at < end else ""
        if first in ("{", "[") and depth <= _DEEPEST:
            return self._mapping(at, end, depth) if first == "{" else self._series(at, end, depth)
        if first in ('"', "'"):
            closed = self.quoted_end(at, end)
            if closed is None:
                closed = self._line_end(at, end)
            return self.scalar(at, closed), closed
        found = _PLAIN.match(self.text, at, end)
        if found is None:
            node = self._node("null", None, at)
            return node, at
        words = re.sub(r"\s+", " ", found[0].strip())
        if words[:1] in "&!":
            mark, _, words = words.partition(" ")
            if not words:
                node, closed = self.value(self._skip(found.end(), end), end, depth + 1)
                self.anchors[mark[1:]] = node
                return node, closed
        if (known := self.alias(words)) is not None:
            return known, found.end()
        sort, value = scalar(words)
        node = self._node(sort, value, at)
        node.end = found.end()
        return node, found.end()

    def alias(self, words: str) -> Node | None:
        """What `*name` stands for, as long as all repetitions together stay small."""
        node = self.anchors.get(words[1:]) if words[:1] == "*" else None
        if node is None or self.repeated + node.size > _MOST_REPEATED:
            return None
        self.repeated += node.size
        return node

    def quoted_end(self, at: int, end: int) -> int | None:
        """The offset behind the quotation that begins at an offset; None when it does not end before `end`."""
        found = (_DOUBLE if self.text[at] == '"' else _SINGLE).match(self.text, at, end)
        return found.end() if found is not None else None

    def scalar(self, at: int, end: int) -> Node:
        """A text in quotes."""
        node = self._node("text", unquoted(self.text[at:end].rstrip()), at)
        node.end = end
        return node

    def _mapping(self, at: int, end: int, depth: int) -> tuple[Node, int]:
        node = self._node("object", {}, at)
        members: dict[str, Node] = {}
        node.value = members
        position = at + 1
        while True:
            position = self._skip(position, end)
            if position >= end or self.text[position] in "}]":
                break
            if self.text[position] in ",":
                position += 1
                continue
            key, behind = self.value(position, end, depth + 1)
            name = key.value if isinstance(key.value, str) else self.text[position:behind].strip()
            name = name or self.text[position : position + 1]
            place = (key.line, key.column)
            follow = self._skip(behind, end)
            if follow < end and self.text[follow] == ":":
                start = self._skip(follow + 1, end)
                if start < end and self.text[start] in ",}]":
                    value, behind = Node("null", None, *place, start=follow + 1, end=follow + 1), follow + 1
                else:
                    value, behind = self.value(start, end, depth + 1)
            else:
                value = Node("null", None, *place, start=position, end=behind)
            node.keys[name] = place
            members[name] = value
            position = max(behind, position + 1)
        return self._closed(node, position, end)

    def _series(self, at: int, end: int, depth: int) -> tuple[Node, int]:
        node = self._node("array", [], at)
        items: list[Node] = []
        node.value = items
        position = at + 1
        while True:
            position = self._skip(position, end)
            if position >= end or self.text[position] in "]}":
                break
            if self.text[position] == ",":
                position += 1
                continue
            start = position
            item, position = self.value(start, end, depth + 1)
            follow = self._skip(position, end)
            if follow < end and self.text[follow] == ":" and isinstance(item.value, str):
                pair = self._node("object", {}, start)
                value, position = self.value(self._skip(follow + 1, end), end, depth + 1)
                pair.value = {item.value: value}
                pair.plain = {item.value: value.plain}
                pair.keys[item.value] = (item.line, item.column)
                pair.end = position
                item = pair
            items.append(item)
            position = max(position, start + 1)
        return self._closed(node, position, end)

    def _closed(self, node: Node, position: int, end: int) -> tuple[Node, int]:
        node.end = min(position + 1, end)
        if isinstance(node.value, dict):
            node.plain = {name: part.plain for name, part in node.value.items()}
            node.size = 1 + sum(part.size for part in node.value.values())
        elif isinstance(node.value, list):
            node.plain = [part.plain for part in node.value]
            node.size = 1 + sum(part.size for part in node.value)
        return node, node.end

    def _skip(self, at: int, end: int) -> int:
        found = _SPACE.match(self.text, at, end)
        return found.end() if found is not None else at

    def _line_end(self, at: int, end: int) -> int:
        stop = self.text.find("\n", at, end)
        return end if stop == -1 else stop

    def _node(self, sort: Sort, value: str | int | float | bool | dict[str, Node] | list[Node] | None, at: int) -> Node:
        line = bisect_right(self.starts, at)
        return Node(sort, value, line, at - self.starts[line - 1] + 1, start=at, end=at)
