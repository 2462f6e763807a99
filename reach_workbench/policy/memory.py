"""A bounded memory of what was worked out: what was not asked for longest is forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """At most `size` values by key."""

    __slots__ = ("_known", "_size")

    def __init__(self, size: int) -> None:
        self._known: OrderedDict[Key, Value] = OrderedDict()
        self._size = size

    def get(self, key: Key) -> Value | None:
        value = self._known.get(key)
        if value is not None:
            try:
                self._known.move_to_end(key)
            except KeyError:  # forgotten by another thread in between
                return value
        return value

    def keep(self, key: Key, value: Value) -> Value:
        self._known[key] = value
        if len(self._known) > self._size:
            try:
                self._known.popitem(last=False)
            except KeyError:
                return value
        return value

    def __len__(self) -> int:
        return len(self._known)
