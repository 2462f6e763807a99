"""Where large values of a state were recorded, so that a snapshot can point there instead of repeating them.

A run over a list of a hundred thousand items carries that list in one event; each of its
snapshots would carry it again. Values are known by identity, which holds because nobody
changes or copies them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from reach_workbench.engine.events import Event
from reach_workbench.engine.values import Json

LARGE_TEXT: Final = 2048
"""Characters from which a string is worth a pointer."""

LARGE_COUNT: Final = 128
"""Members from which an array or object is."""

_DEPTH: Final = 3
_WIDTH: Final = 1024
"""How deep, and how wide, an event's data is searched for large values."""


class Origin(NamedTuple):
    """The value itself (kept, so that its identity stays taken), its event, and the way to it in the data."""

    value: Json
    seq: int
    path: tuple[str | int, ...]


class Origins:
    """The large values that are known by the event that carried them."""

    def __init__(self) -> None:
        self._known: dict[int, Origin] = {}

    def note(self, event: Event) -> None:
        """Remember the large values that the event carries."""
        if event.data is not None:
            self._note(event.data, event.seq, (), _DEPTH)

    def _note(self, value: Json, seq: int, path: tuple[str | int, ...], depth: int) -> bool:
        kind = type(value)
        if kind is str:
            large = len(value) >= LARGE_TEXT
        elif kind is dict or kind is list:
            large = len(value) >= LARGE_COUNT
            if depth and len(value) <= _WIDTH:
                members = value.items() if kind is dict else enumerate(value)
                for step, member in members:
                    large |= self._note(member, seq, (*path, step), depth - 1)
        else:
            return False
        if large and path:
            self._known[id(value)] = Origin(value, seq, path)
        return large

    def find(self, value: Json) -> Origin | None:
        """Where the value was recorded, if it is a large one that was."""
        return self._known.get(id(value))

    def add(self, origin: Origin) -> None:
        self._known[id(origin.value)] = origin

    def keep(self, used: set[int]) -> None:
        """Forget all but the values of these identities: no state holds the others any more."""
        self._known = {number: origin for number, origin in self._known.items() if number in used}


class NoOrigins(Origins):
    """For a machine that writes no snapshots: it would keep every large value of a whole history."""

    def note(self, event: Event) -> None:
        """Remember nothing."""


def walk(data: Json, path: list[str | int]) -> Json:
    """The value at `path` in an event's data."""
    for step in path:
        data = data[step]
    return data
