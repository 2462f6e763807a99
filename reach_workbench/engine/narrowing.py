"""Finds the parts of its data that an expression really reads, so that only those go into jq.

`.count + 1` on a large document would otherwise cost the whole document, written and parsed.
Paths that start at the expression's own `.` or at one of its variables are walked in Python
and handed over as variables; `.` itself goes along only if something reads it whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from reach_workbench.engine.jq_tokens import Token, tokens
from reach_workbench.engine.paths import NoStep, Path, read_step, walk
from reach_workbench.engine.purity import bound_names
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json

_PATH_MATTERS: Final = frozenset(
    ("=", "|=", "+=", "-=", "*=", "/=", "%=", "//=", "path", "paths", "del", "pick", "def")
)
"""Words for which it makes a difference whether a value was reached by a path, and `def`, which may hide one."""

_DOT_IS_LOST: Final = frozenset(("as", "label", "reduce", "foreach", "catch"))
"""Words after which this reader no longer knows what `.` is."""

_CONSTANTS: Final = frozenset(("true", "false", "null", "empty", "nan", "infinite"))
_KEYWORDS: Final = frozenset(("if", "then", "elif", "else", "end", "and", "or", "try", "as", "catch", "reduce"))
_KEYWORDS_BEFORE_A_TERM: Final = _KEYWORDS - {"end"} | {"foreach", "label", "def"}


class _Narrowed(NamedTuple):
    """`source` reads the values of `paths` as `$__0`, `$__1`, …; `whole` are the variables it still reads whole."""

    source: str
    paths: tuple[Path, ...]
    whole: frozenset[str]
    reads_dot: bool


class _Place(NamedTuple):
    """Where in the source a path stands, and what is to stand there before its variable."""

    start: int
    end: int
    path: Path
    before: str


def narrow(
    expression: Expression, data: Json, variables: Mapping[str, Json]
) -> tuple[Expression, Json, Mapping[str, Json]]:
    """An expression with the same value that reads less, and its data and variables; or what was given."""
    found = _narrowed(expression.source)
    if found is None or any(root and root not in variables for root, _ in found.paths):
        return expression, data, variables
    try:
        values = {
            f"__{place}": walk(variables[root] if root else data, steps)
            for place, (root, steps) in enumerate(found.paths)
        }
    except NoStep:
        return expression, data, variables  # jq may never get there; if it does, it says what is wrong
    whole = found.whole & expression.variables
    values.update((name, variables[name]) for name in whole if name in variables)
    names = whole.union(f"__{place}" for place in range(len(found.paths)))
    smaller = Expression(found.source, names, frozenset(), None, expression.bounded)
    return smaller, data if found.reads_dot else None, values


@lru_cache(maxsize=8192)
def _narrowed(source: str) -> _Narrowed | None:
    found = tokens(source)
    words = {token.text for token in found if token.kind in ("name", "operator")}
    if words & _PATH_MATTERS:
        return None
    reader = _Reader(found, bool(words & _DOT_IS_LOST))
    reader.read()
    numbers: dict[Path, int] = {}
    parts: list[str] = []
    kept = 0
    for start, end, path, before in reader.places:
        if path[0] in reader.whole or (not path[0] and reader.reads_dot):
            continue  # what it is a part of goes along anyway
        number = numbers.setdefault(path, len(numbers))
        parts += [source[kept:start], before, f" $__{number} "]
        kept = end
    if not parts:
        return None
    parts.append(source[kept : found[-1].end])
    return _Narrowed("".join(parts), tuple(numbers), frozenset(reader.whole), reader.reads_dot)


class _Group:
    """A pair of brackets, or `if … end`. `dot` tells whether `.` is still the expression's own."""

    def __init__(self, text: str, place: int, dot: bool) -> None:
        self.text = text
        self.place = place
        self.at_start = dot
        self.dot = dot
        self.has_else = False


class _Reader:
    def __init__(self, found: Sequence[Token], dot_is_lost: bool) -> None:
        self._found = found
        self._bound = bound_names(found)
        self._groups = [_Group("", 0, True)]
        self.reads_dot = dot_is_lost
        self.whole: set[str] = set()
        self.places: list[_Place] = []

    def read(self) -> None:
        place = 0
        while place < len(self._found):
            place = self._token(place)

    def _token(self, place: int) -> int:
        token = self._found[place]
        group = self._groups[-1]
        if token.kind in ("open", "string-start"):
            self._groups.append(_Group(token.text, place, group.dot))
        elif token.kind in ("close", "string-end"):
            if self._is_shorthand(self._groups.pop().place, place):
                self._reads_dot()
        elif token.kind == "operator" and token.text == "|":
            group.dot = False
        elif token.kind == "operator" and token.text == "," and group.text == "{":
            group.dot = group.at_start
        elif token.kind == "name":
            self._name(place)
        elif token.kind == "format":
            if not self._next_is(place, "string-start"):
                self._reads_dot()
        elif token.kind == "operator" and token.text == "..":
            self._reads_dot()
        elif token.kind == "variable":
            return self._path(place, token.text)
        elif self._begins_at_dot(place):
            return self._path(place, "")
        return place + 1

    def _name(self, place: int) -> None:
        token = self._found[place]
        group = self._groups[-1]
        if group.text == "{" and self._found[place - 1].text in ("{", ",") and place + 1 < len(self._found):
            if self._found[place + 1].text in (",", "}") and group.dot:
                self._keep(token.start, token.end, ("", (token.text,)), f"{token.text}:")
            return
        if token.text == "if":
            self._groups.append(_Group("if", place, group.dot))
        elif token.text in ("then", "elif", "else"):
            group.dot = group.at_start
            group.has_else = group.has_else or token.text == "else"
        elif token.text == "end":
            self._groups.pop()
            if not group.has_else:  # what is not so stays as it is
                self._reads_dot()
        elif token.text not in _CONSTANTS and token.text not in _KEYWORDS:
            self._reads_dot()

    def _reads_dot(self) -> None:
        self.reads_dot = self.reads_dot or self._groups[-1].dot

    def _next_is(self, place: int, kind: str) -> bool:
        return place + 1 < len(self._found) and self._found[place + 1].kind == kind

    def _is_shorthand(self, start: int, end: int) -> bool:
        """Whether the text from `start` to `end` is a member of an object without a value of its own."""
        if self._groups[-1].text != "{" or self._found[end].kind != "string-end":
            return False
        if self._found[start - 1].kind == "format":
            start -= 1
        return self._found[start - 1].text in ("{", ",") and self._found[end + 1].text in (",", "}")

    def _begins_at_dot(self, place: int) -> bool:
        token = self._found[place]
        if not (token.kind == "field" or (token.kind == "operator" and token.text == ".")):
            return False
        if place == 0:
            return True
        before = self._found[place - 1]
        ends_a_term = (
            before.kind in ("field", "variable", "number", "string-end", "close", "format")
            or (before.kind == "operator" and before.text in (".", "?"))
            or (before.kind == "name" and before.text not in _KEYWORDS_BEFORE_A_TERM)
        )
        return not ends_a_term

    def _path(self, place: int, root: str) -> int:
        start = place
        steps: list[str | int] = []
        first = self._found[place]
        if first.kind == "field":
            steps.append(first.text)
        if first.kind == "operator" and self._next_is(place, "string-start"):
            step = read_step(self._found, place)
        else:
            place += 1
            step = read_step(self._found, place) if place < len(self._found) else None
        while step is not None:
            steps.append(step[0])
            place = step[1]
            step = read_step(self._found, place) if place < len(self._found) else None
        if place == start:
            place += 1  # `."…"` with an interpolation: the string is read next
        if root and (not steps or root in self._bound):
            self.whole.add(root)
        elif root or (steps and self._groups[-1].dot):
            self._keep(first.start, self._found[place - 1].end, (root, tuple(steps)), "")
        elif not steps:
            self._reads_dot()
        return place

    def _keep(self, start: int, end: int, path: Path, before: str) -> None:
        self.places.append(_Place(start, end, path, before))
