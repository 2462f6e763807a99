"""What a person changed in a text: as edits of data, and as lines of a difference."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from reach_workbench.ui.debug.jsontext import Line, escaped
from reach_workbench.ui.debug.wording import Json, brief, clean


def edits(before: Json, after: Json, pointer: str = "") -> Iterator[tuple[str, Json]]:
    """The fewest JSON pointers and values that turn `before` into `after`; what was removed replaces the whole."""
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() <= after.keys():
        for key, value in after.items():
            below = f"{pointer}/{escaped(key)}"
            if key not in before:
                yield below, value
            else:
                yield from edits(before[key], value, below)
        return
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from edits(old, new, f"{pointer}/{place}")
        return
    yield pointer, after


def edit_lines(changed: dict[str, Json]) -> list[Line]:
    return [
        Line(((clean(pointer), "key"), (" → ", "dim"), (brief(value, 200) or "null", "")), mark="~", key=pointer)
        for pointer, value in changed.items()
    ]


def difference(before: str, after: str) -> list[Line]:
    """The lines of a unified difference, without its head."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    styles = {"+": "added", "-": "removed", "@": "dim"}
    return [
        Line(((clean(line if sign == "@" else line[1:]), styles.get(sign, "")),), mark=sign, key=str(place))
        for place, line in enumerate(lines)
        for sign in (line[:1],)
    ]
