"""A JSON value as lines that know which part of it they show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from reach_workbench.ui.debug.wording import Json, brief, clean

Part = tuple[str, str]
"""Text and the name of its style (see `LinesView`)."""

MOST_MEMBERS: Final = 200
"""Members of one object or list that are shown; the rest is counted."""

MOST_LINES: Final = 3000

MOST_TEXT: Final = 2000
"""Characters of one string that are shown."""


class Line(NamedTuple):
    """`pointer` is the JSON pointer of the value shown, `mark` one sign for the gutter, `key` what a pane needs."""

    parts: tuple[Part, ...]
    pointer: str | None = None
    mark: str = " "
    key: str = ""

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)


def json_lines(value: Json, pointer: str, width: int, *, indent: int = 0, name: str | None = None) -> Iterator[Line]:
    """The value over as many lines as it needs; what fits into `width` characters stands on one."""
    left = [MOST_LINES]
    yield from _lines(value, pointer, width, indent, name, left)


def _lines(value: Json, pointer: str, width: int, indent: int, name: str | None, left: list[int]) -> Iterator[Line]:
    left[0] -= 1
    if left[0] < 0:
        if left[0] == -1:
            yield Line(((" " * indent + "… there is more", "dim"),), pointer)
        return
    head: tuple[Part, ...] = ((" " * indent, ""),)
    if name is not None:
        head = (*head, (clean(name), "key"), (": ", "dim"))
    if not isinstance(value, dict | list) or not value:
        yield Line((*head, _scalar(value)), pointer)
        return
    room = width - indent - (len(name) + 2 if name is not None else 0)
    short = brief(value, room)
    if len(short) <= room and not short.endswith("…") and not _nested(value):
        yield Line((*head, *_inline(value)), pointer)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield Line((*head, (opening, "dim")), pointer)
    members: Iterable[tuple[str, Json]] = (
        value.items() if isinstance(value, dict) else ((str(place), each) for place, each in enumerate(value))
    )
    for count, (key, member) in enumerate(members):
        if count >= MOST_MEMBERS:
            words = f"… {len(value) - count:,} more"
            yield Line(((" " * (indent + 2) + words, "dim"),), pointer)
            break
        yield from _lines(member, f"{pointer}/{escaped(key)}", width, indent + 2, key, left)
    yield Line(((" " * indent + closing, "dim"),), pointer)


def _nested(value: Json) -> bool:
    members = value.values() if isinstance(value, dict) else value
    return any(isinstance(each, dict | list) and each for each in members)


def _inline(value: Json) -> Iterator[Part]:
    yield ("{" if isinstance(value, dict) else "[", "dim")
    members = value.items() if isinstance(value, dict) else ((None, each) for each in value)
    for place, (key, member) in enumerate(members):
        if place:
            yield (", ", "dim")
        if key is not None:
            yield (clean(key), "key")
            yield (": ", "dim")
        yield _scalar(member)
    yield ("}" if isinstance(value, dict) else "]", "dim")


def _scalar(value: Json) -> Part:
    if isinstance(value, str):
        cut = value[:MOST_TEXT]
        more = f" … {len(value) - MOST_TEXT:,} more" if len(value) > MOST_TEXT else ""
        return (clean(json.dumps(cut, ensure_ascii=False)) + more, "string")
    if isinstance(value, bool) or value is None:
        return (json.dumps(value), "word")
    return (json.dumps(value), "number" if isinstance(value, int | float) else "dim")


def escaped(step: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def at_pointer(value: Json, pointer: str) -> Json:
    """The part of a value at a JSON pointer. Raises LookupError."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)] if name.isdecimal() else _missing(name)
        elif isinstance(value, dict):
            value = value[name]
        else:
            _missing(name)
    return value


def _missing(name: str) -> Json:
    raise LookupError(name)
