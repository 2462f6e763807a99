"""The tree of a text that need not be YAML yet: what an editor knows while a line is half typed.

Block structure is read from indentation alone, line by line, and whatever does not fit is left out.
A text that is YAML gives the tree that `engine.document` gives, in a tenth of its time; any other
text gives something close to what its author is about to write. Nothing is ever raised.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from reach_workbench.engine.sketch_flow import BLANKS, Flow, scalar, unquoted
from reach_workbench.engine.tree import Node, Place, Sort

DEEPEST: Final = 100
"""Levels that are read; what is deeper stays out."""

_HEADER: Final = re.compile(r"[|>](?:[1-9][+-]?|[+-][1-9]?)?(?=\s|$)")
_MARKS: Final = re.compile(r"(?:[&!][^\s,\[\]{}]*\s+)+|[&!][^\s,\[\]{}]*$")
_OUTSIDE: Final = re.compile(r"(?:---|\.\.\.)(?:\s|$)|%")


class Line(NamedTuple):
    """A line that holds something: its number from 0, the offset of its first character, its indentation."""

    number: int
    start: int
    indent: int
    text: str


class Sketch(NamedTuple):
    """A text with its tree. `starts` are the offsets at which its lines begin."""

    text: str
    root: Place
    starts: list[int]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The character at a line and a column, from 1; the nearest there is."""
        row = min(max(line, 1), len(self.starts)) - 1
        end = self.starts[row + 1] - 1 if row + 1 < len(self.starts) else len(self.text)
        return min(self.starts[row] + max(column, 1) - 1, end)


def sketch(text: str) -> Sketch:
    """The tree of a text, as far as it can be read."""
    reader = _Reader(text)
    return Sketch(text, Place(reader.document()), reader.starts)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        self.lines: list[Line] = []
        self.flow = Flow(text, self.starts)
        at = 0
        for number, line in enumerate(text.split("\n")):
            if number:
                self.starts.append(at)
            bare = line.lstrip(" ")
            content = bare.rstrip()
            if content and content[0] != "#" and not (len(bare) == len(line) and _OUTSIDE.match(line)):
                self.lines.append(Line(number, at, len(line) - len(bare), line.rstrip()))
            at += len(line) + 1

    def document(self) -> Node:
        """The first block, and the members of those after it that begin further left."""
        if not self.lines:
            return Node("object", {}, 1, 1)
        root, following = self._block(0, -1, 0)
        while following < len(self.lines):
            part, after = self._block(following, -1, 0)
            following = max(after, following + 1)
            if isinstance(root.value, dict) and isinstance(part.value, dict):
                root.value.update(part.value)
                root.keys.update(part.keys)
                _close(root)
        return root

    # Each of these takes the index of a line and gives the node and the index of the line that follows it.

    def _block(self, index: int, around: int, depth: int, column: int | None = None) -> tuple[Node, int]:
        """What begins on a line, at `column` if other things stand before it, inside what is indented by `around`."""
        line = self.lines[index]
        at = line.indent if column is None else column
        if depth > DEEPEST:
            return Node("null", None, line.number + 1, at + 1, start=line.start, end=line.start), self._after(index, at)
        rest = line.text[at:]
        if rest == "-" or rest.startswith("- "):
            return self._series(index, at, depth)
        if key_of(rest) is not None or self._keys_follow(index, at, rest):
            return self._mapping(index, at, depth)
        return self._value(index, at, around, depth)

    def _keys_follow(self, index: int, at: int, rest: str) -> bool:
        """Whether this is a key without its colon: the next line of the same indentation is one with it."""
        if rest[0] in "\"'{[|>&*!" or index + 1 >= len(self.lines):
            return False
        following = self.lines[index + 1]
        return following.indent == at and key_of(following.text[at:]) is not None

    def _mapping(self, index: int, at: int, depth: int) -> tuple[Node, int]:
        line = self.lines[index]
        node = self._node("object", {}, line.start + at)
        assert isinstance(node.value, dict)
        first = True
        while index < len(self.lines):
            line = self.lines[index]
            if not first and line.indent < at:
                break
            if not first and line.indent > at:
                index += 1
                continue
            rest = line.text[at:]
            if not first and (rest == "-" or rest.startswith("- ")):
                break
            first = False
            key = key_of(rest)
            start = line.start + at
            place = (line.number + 1, at + 1)
            if key is None:
                name = rest.split(" #")[0].rstrip()
                node.keys[name] = place
                node.value.setdefault(name, Node("null", None, *place, start=start, end=start + len(name)))
                index += 1
                continue
            written, length = key
            member, index = self._member(index, at, at + length, depth)
            name = unquoted(written)
            node.keys[name] = place
            if member.sort == "null" and member.start == member.end:
                member.line, member.column = place
            node.value[name] = member
        _close(node)
        return node, index

    def _member(self, index: int, at: int, value: int, depth: int) -> tuple[Node, int]:
        """The value that follows a key; `at` is the key's column, `value` where its value may begin."""
        line = self.lines[index]
        rest = line.text[value:]
        marks = _MARKS.match(rest.lstrip())
        bare = rest.lstrip()
        anchor = None
        if marks is not None:
            anchor = next((word[1:] for word in marks[0].split() if word[0] == "&"), None)
            bare = bare[marks.end() :]
        if not bare or bare[0] == "#":
            node, index = self._below(index, at, depth)
        else:
            node, index = self._value(index, len(line.text) - len(bare), at, depth)
        if anchor:
            self.flow.anchors[anchor] = node
        return node, index

    def _below(self, index: int, at: int, depth: int) -> tuple[Node, int]:
        """The value of a key whose line holds nothing else: what is indented more, or a list as far as the key."""
        line = self.lines[index]
        end = line.start + len(line.text)
        if index + 1 < len(self.lines):
            following = self.lines[index + 1]
            rest = following.text[following.indent :]
            if following.indent > at or (following.indent == at and (rest == "-" or rest.startswith("- "))):
                return self._block(index + 1, at, depth + 1)
        return Node("null", None, line.number + 1, at + 1, start=end, end=end), index + 1

    def _series(self, index: int, at: int, depth: int) -> tuple[Node, int]:
        node = self._node("array", [], self.lines[index].start + at)
        assert isinstance(node.value, list)
        first = True
        while index < len(self.lines):
            line = self.lines[index]
            rest = line.text[at:]
            if not first and line.indent < at:
                break
            if not first and line.indent > at:
                index += 1
                continue
            if not (rest == "-" or rest.startswith("- ")):
                break
            first = False
            item = rest[1:].lstrip()
            if not item or item[0] == "#":
                member, index = self._item_below(index, at, depth)
            elif item[0] in "&!" and (marks := _MARKS.match(item)) is not None:
                member, index = self._marked(index, at, item, marks, depth)
            else:
                member, index = self._block(index, at, depth + 1, len(line.text) - len(item))
            node.value.append(member)
        _close(node)
        return node, index

    def _marked(self, index: int, at: int, item: str, marks: re.Match[str], depth: int) -> tuple[Node, int]:
        """An item behind an anchor or a tag."""
        line = self.lines[index]
        anchor = next((word[1:] for word in marks[0].split() if word[0] == "&"), None)
        bare = item[marks.end() :]
        if bare:
            node, index = self._block(index, at, depth + 1, len(line.text) - len(bare))
        else:
            node, index = self._item_below(index, at, depth)
        if anchor:
            self.flow.anchors[anchor] = node
        return node, index

    def _item_below(self, index: int, at: int, depth: int) -> tuple[Node, int]:
        line = self.lines[index]
        if index + 1 < len(self.lines) and self.lines[index + 1].indent > at:
            return self._block(index + 1, at, depth + 1)
        start = line.start + at + 1
        return Node("null", None, line.number + 1, at + 2, start=start, end=start), index + 1

    def _value(self, index: int, at: int, around: int, depth: int) -> tuple[Node, int]:
        """A scalar, or a collection in brackets, that begins on a line at a column."""
        line = self.lines[index]
        start = line.start + at
        if (header := _HEADER.match(line.text, at)) is not None:
            return self._literal(index, start, header[0], around)
        after = self._after(index, around)
        end = self._end_of(after, start)
        if line.text[at] in "{[":
            node, end = self.flow.value(start, end, depth)
            if self.text[start:end].count("\n") == 0:
                return node, index + 1
            return node, max(index + 1, self._line_after(end, after))
        if line.text[at] in "\"'":
            closed = self.flow.quoted_end(start, end)
            if closed is None:
                closed, after = line.start + len(line.text), index + 1
            else:
                after = max(index + 1, self._line_after(closed, after))
            return self.flow.scalar(start, closed), after
        return self._plain(index, start, after)

    def _plain(self, index: int, start: int, after: int) -> tuple[Node, int]:
        """Text without quotes goes on over lines that are indented more, up to one that is a key or a comment."""
        line = self.lines[index]
        text = self.text[start : line.start + len(line.text)]
        comment = re.search(r"\s#", text)
        parts = [text[: comment.start()] if comment else text]
        end = start + len(parts[0].rstrip())
        index += 1
        while index < after and comment is None:
            following = self.lines[index]
            if key_of(following.text[following.indent :]) is not None or following.number > line.number + 1:
                break
            line = following
            more = line.text.lstrip()
            comment = re.search(r"\s#", more)
            parts.append(more[: comment.start()] if comment else more)
            end = line.start + line.indent + len(parts[-1].rstrip())
            index += 1
        words = " ".join(part.strip() for part in parts)
        node = self._node("text", words, start)
        node.end = end
        if (known := self.flow.alias(words)) is not None:
            return known, index
        node.sort, node.value = scalar(words)
        node.plain = node.value
        return node, index

    def _literal(self, index: int, start: int, header: str, around: int) -> tuple[Node, int]:
        """A text behind | or >. Its lines are those of the source, comments and blank ones too."""
        number = self.lines[index].number + 1
        rows: list[str] = []
        while number < len(self.starts):
            row = self._row(number)
            if row.strip() and len(row) - len(row.lstrip(" ")) <= around:
                break
            rows.append(row)
            number += 1
        filled = [row for row in rows if row.strip()]
        indent = min((len(row) - len(row.lstrip(" ")) for row in filled[:1]), default=0)
        if digits := re.search(r"\d", header):
            indent = max(around, 0) + int(digits[0])
        body = [row[indent:] if row.strip() or len(row) > indent else "" for row in rows]
        while body and not body[-1].strip():
            body.pop()
        trailing = len(rows) - len(body)
        text = "\n".join(body) if header[0] == "|" else _folded(body)
        if body and "-" not in header:
            text += "\n" + ("\n" * max(trailing - (number >= len(self.starts)), 0) if "+" in header else "")
        last = number - trailing
        end = self.starts[last] - 1 if last < len(self.starts) else len(self.text)
        node = self._node("text", text, start)
        node.end = max(end, start + len(header))
        while index < len(self.lines) and self.lines[index].number < number:
            index += 1
        return node, index

    def _row(self, number: int) -> str:
        end = self.starts[number + 1] - 1 if number + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[number] : end]

    def _after(self, index: int, around: int) -> int:
        """The first line behind this one that is not indented more than `around`."""
        index += 1
        while index < len(self.lines) and self.lines[index].indent > around:
            index += 1
        return index

    def _end_of(self, after: int, start: int) -> int:
        """Where what goes on to line `after` may end; a closing bracket may stand further left."""
        if after < len(self.lines):
            following = self.lines[after]
            bracket = following.text.lstrip()[:1] in ("}", "]")
            return following.start + following.indent + 1 if bracket else following.start
        return max(len(self.text), start)

    def _line_after(self, offset: int, most: int) -> int:
        """The first line that begins behind an offset."""
        index = bisect_right(self.lines, offset, key=lambda line: line.start)
        return max(index, 0) if index > most else min(index, len(self.lines))

    def _node(self, sort: Sort, value: str | dict[str, Node] | list[Node], start: int) -> Node:
        line = bisect_right(self.starts, start)
        column = start - self.starts[line - 1] + 1
        return Node(sort, value, line, column, start=start, end=start)


def _close(node: Node) -> None:
    """What is known of a collection once its parts are."""
    if isinstance(node.value, dict):
        node.plain = {name: part.plain for name, part in node.value.items()}
        node.end = max([node.start, *(part.end for part in node.value.values())])
        node.size = 1 + sum(part.size for part in node.value.values())
    elif isinstance(node.value, list):
        node.plain = [part.plain for part in node.value]
        node.end = max([node.start, *(part.end for part in node.value)])
        node.size = 1 + sum(part.size for part in node.value)


def key_of(rest: str) -> tuple[str, int] | None:
    """The key that a line begins with, as written, and where its value may begin."""
    first = rest[:1]
    if first in ('"', "'"):
        found = re.match(r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^']|'')*'", rest)
        if found is None:
            return None
        behind = re.match(r"\s*:(?=\s|$)", rest[found.end() :])
        return (found[0], found.end() + behind.end()) if behind is not None else None
    if first in BLANKS or first in "{[#&*!|>%@`,]}":
        return None
    colon = rest.find(":")
    while colon != -1 and colon + 1 < len(rest) and rest[colon + 1] not in " \t":
        colon = rest.find(":", colon + 1)
    if colon <= 0 or " #" in rest[:colon] or rest.startswith("- "):
        return None
    return rest[:colon].rstrip(), colon + 1


def _folded(rows: list[str]) -> str:
    """A text behind >: lines become words, blank lines become breaks, lines indented more stay (YAML 1.2.2, 8.1.3)."""
    text = ""
    breaks = 0
    loose = True
    for place, row in enumerate(rows):
        if not row.strip():
            breaks += 1
            continue
        indented = row[0] in " \t"
        if place and text:
            if loose or indented:
                text += "\n" * (breaks + 1)
            else:
                text += "\n" * breaks if breaks else " "
        elif breaks:
            text += "\n" * breaks
        text += row
        breaks, loose = 0, indented
    return text
