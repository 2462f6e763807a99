"""Where a cursor stands in a document, and which shape of the grammar belongs there.

The place of something that is being typed is found by putting a mark there: a character that no
document holds. Then the text is sketched and the mark looked for, as a key or within a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from reach_workbench.engine.findings import Findings
from reach_workbench.engine.grammar_shapes import (
    Anything,
    Chosen,
    Either,
    Named,
    Record,
    Series,
    Shape,
    Table,
    Text,
    Truth,
    Whole,
)
from reach_workbench.engine.grammar_workflow import WORKFLOW
from reach_workbench.engine.outline import Entry, outline
from reach_workbench.engine.sketch import Sketch, sketch
from reach_workbench.engine.tree import Node, Place

MARK: Final = "\ue000"

_TYPED: Final = re.compile(r"[A-Za-z_$][\w$@./:-]*$")
_REST: Final = re.compile(r"[\w-]*")
_COLON: Final = re.compile(r"[ \t]*:(?:\s|$)")


class Item(NamedTuple):
    """The shape of one entry of a list whose entries have names."""

    list: Named


Found: TypeAlias = Shape | Item


class Spot(NamedTuple):
    """A place where something is being typed.

    `place` is the object that gets a member if `is_key`, else the text (or the empty value) that holds the
    mark. `typed` is the word before the cursor, `column` (from 1) where it begins; `has_colon`: a colon
    follows. `flow`: the object stands in brackets.
    """

    sketch: Sketch
    place: Place
    is_key: bool
    typed: str
    line: int
    column: int
    has_colon: bool
    flow: bool


def spot(source: str, line: int, column: int) -> Spot | None:
    """The place at a cursor, both counted from 1; None within a comment and where nothing can be made of the text."""
    rows = source.split("\n")
    if not 1 <= line <= len(rows):
        return None
    row = rows[line - 1]
    before, behind = row[: column - 1], row[column - 1 :]
    if re.search(r"(?:^|\s)#", _without_quotes(before)):
        return None
    word = _TYPED.search(before)
    typed = word[0] if word is not None else ""
    start = len(before) - len(typed)
    rest = _REST.match(behind)
    behind = behind[rest.end() :] if rest is not None else behind
    rows[line - 1] = before[:start] + MARK + behind
    drawn = sketch("\n".join(rows))
    found = _marked(drawn.root)
    if found is None:
        return None
    place, is_key = found
    has_colon = _COLON.match(behind) is not None
    return Spot(drawn, place, is_key, typed, line, start + 1, has_colon, is_key and in_brackets(drawn, place))


def _without_quotes(text: str) -> str:
    return re.sub(r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^']|'')*'?", '""', text)


def in_brackets(drawn: Sketch, place: Place) -> bool:
    """Whether an object or a list is written in brackets."""
    return drawn.text[place.node.start : place.node.start + 1] in ("{", "[")


def _marked(root: Place) -> tuple[Place, bool] | None:
    """The object with the mark among its keys, or the text with the mark in it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        place = waiting.pop()
        if id(place.node) in seen:
            continue
        seen.add(id(place.node))
        value = place.node.value
        if isinstance(value, str):
            if MARK in value:
                return place, False
        elif isinstance(value, dict):
            if any(MARK in name for name in value):
                return place, True
            waiting += [member for _, member in place.members()]
        elif isinstance(value, list):
            waiting += place.items()
    return None


def chain(place: Place) -> list[Place]:
    """The places from the root to this one."""
    found = [place]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found[::-1]


def shape_at(place: Place) -> Found | None:
    """What the grammar says about a place; None where anything may stand."""
    shape: Found | None = WORKFLOW
    for each in chain(place)[1:]:
        assert each.parent is not None
        shape = _inside(shape, each.parent, each.step)
    return shape


def record_at(place: Place) -> Record | None:
    """The grammar of the object at a place, once it is clear which one is meant."""
    shape = settled(shape_at(place), place)
    return shape if isinstance(shape, Record) else None


def settled(shape: Found | None, place: Place) -> Found | None:
    """The shape that the value at a place is held against, of those that are possible."""
    if isinstance(shape, Either):
        return next((settled(option, place) for option in shape.options if _takes(option, place.node)), None)
    if isinstance(shape, Chosen):
        return shape.choose(place, Findings("")) if place.node.sort == "object" else None
    return shape


def _takes(shape: Shape, node: Node) -> bool:
    if isinstance(shape, Record | Table | Chosen):
        return node.sort == "object"
    if isinstance(shape, Series | Named):
        return node.sort == "array"
    if isinstance(shape, Text):
        return node.sort == "text"
    return not isinstance(shape, Whole | Truth) or node.sort in ("number", "boolean")


def _inside(shape: Found | None, parent: Place, step: str | int) -> Found | None:
    shape = settled(shape, parent)
    if isinstance(shape, Item):
        return shape.list.item
    if isinstance(step, int):
        if isinstance(shape, Series):
            return shape.items
        return Item(shape) if isinstance(shape, Named) else None
    if isinstance(shape, Record):
        return shape.fields.get(step)
    return shape.values if isinstance(shape, Table) else None


def options(shape: Found | None) -> Iterator[Shape]:
    """A shape, or all that it may be."""
    if isinstance(shape, Either):
        for option in shape.options:
            yield from options(option)
    elif shape is not None and not isinstance(shape, Item):
        yield shape


def described(shape: Found | None) -> str:
    """What a value may be, in a few words."""
    if isinstance(shape, Either | Record):
        return shape.says
    if isinstance(shape, Text):
        return " | ".join(shape.choices) if 0 < len(shape.choices) <= 8 else shape.says
    if isinstance(shape, Named):
        return f"a list of {'branches' if shape.noun == 'branch' else shape.noun + 's'}"
    if isinstance(shape, Series):
        return "a list"
    if isinstance(shape, Whole):
        return "a whole number"
    if isinstance(shape, Truth):
        return "true or false"
    return _OBJECTS.get(type(shape), "any value")


_OBJECTS: Final[dict[type, str]] = {Table: "an object", Chosen: "a task", Anything: "any value", Item: "a task"}


def task_of(place: Place, entries: tuple[Entry, ...]) -> Entry | None:
    """The innermost task that a place stands in."""
    tasks = {id(entry.place.node): entry for entry in entries}
    each: Place | None = place
    while each is not None:
        if (entry := tasks.get(id(each.node))) is not None:
            return entry
        each = each.parent
    return None


def entries_of(drawn: Sketch) -> tuple[Entry, ...]:
    """The tasks of a sketched document."""
    return outline(drawn.root)
