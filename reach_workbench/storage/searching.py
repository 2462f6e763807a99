"""Searching a chunk of events without making the events: most chunks of a long run hold nothing that is looked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple
from zlib import crc32

import orjson

from reach_workbench.engine.events import TYPES, Event
from reach_workbench.engine.values import Json
from reach_workbench.storage.codec import Encoded, decode, open_payload
from reach_workbench.storage.packing import stretch

_ALL: Final = frozenset(range(len(TYPES)))


class Searched(NamedTuple):
    """Events `first` to `last` were looked at; `seqs` are those that fit, in the order of the search."""

    first: int
    last: int
    seqs: tuple[int, ...]


@dataclass(frozen=True)
class Needle:
    """Which events fit: all that is given must hold.

    `text` occurs in the type, the task's reference or the data as compact JSON, whatever the case. `types`
    are event types. The task is one of `tasks`, or `within` or a task inside it.
    """

    text: str = ""
    types: frozenset[str] | None = None
    tasks: frozenset[str] | None = None
    within: str | None = None

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The places of its types in `TYPES`."""
        return _ALL if self.types is None else frozenset(n for n, name in enumerate(TYPES) if name in self.types)

    @cached_property
    def _rows(self) -> tuple[bytes, ...]:
        """How a row of one of its types may begin; none when all types fit."""
        return () if self.types is None else tuple(b"[%d%c" % (n, end) for n in self.numbers for end in b",]")

    @cached_property
    def named(self) -> frozenset[int]:
        """The types whose very name holds the text."""
        return frozenset(n for n in self.numbers if self.text.lower() in TYPES[n])

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The text in lower case, as it is and as JSON writes it inside a string."""
        written = json.dumps(self.text, ensure_ascii=False)[1:-1]
        return tuple(dict.fromkeys((self.text.lower(), written.lower())))

    def may_be_in(self, plain: bytes) -> bool:
        """Whether a chunk of this JSON text can hold an event that fits; False is certain."""
        if plain[:1] == b" ":
            return True  # written in another way, which is rare
        if self.within is not None and _written(self.within) not in plain:
            return False
        if self.tasks is not None and not any(_written(task) + b'"' in plain for task in self.tasks):
            return False
        if self.types is not None and not any(row in plain for row in self._rows):
            return False
        return not self.text or bool(self.named) or self._in(plain)

    def fits_event(self, event: Event) -> bool:
        return self.fits(TYPES.index(event.type), event.task, 0 if event.data is None else event.data)

    def fits(self, number: int, task: str | None, data: Json) -> bool:
        """Whether an event of the type with this number fits. `data` is 0 for none."""
        if number not in self.numbers or (self.tasks is not None and task not in self.tasks):
            return False
        if self.within is not None and not (
            task is not None and (task == self.within or task.startswith(self.within + "/"))
        ):
            return False
        if not self.text or number in self.named:
            return True
        if task is not None and self.forms[0] in task.lower():
            return True
        if data == 0:
            return False
        try:
            return self._in(orjson.dumps(data))
        except TypeError:  # an integer beyond 64 bits
            return self._in(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))

    def _in(self, text: bytes) -> bool:
        if self.text.isascii():
            low = text.lower()
            return any(form.encode() in low for form in self.forms)
        lower = text.decode("utf-8", "replace").lower()
        return any(form in lower for form in self.forms)


class Told(NamedTuple):
    """As much of an event as it takes to know what it tells."""

    seq: int
    type: str
    at: int
    task: str | None
    data: dict[str, Json]


def sift(encoded: Encoded, needle: Needle, run: str) -> list[Told]:
    """The events of a row that fit, without making the others. Raises as `decode` does for damaged rows."""
    if crc32(encoded.payload) != int.from_bytes(encoded.digests[-4:], "big"):
        decode(encoded, run)  # says what is wrong
    found = []
    try:
        plain = stretch(encoded.payload)
        if not needle.may_be_in(plain):
            return []
        tasks, rows = open_payload(plain)
        task: str | None = None
        at = encoded.at
        numbers, every = needle.numbers, needle.types is not None and not (needle.text or needle.tasks or needle.within)
        for seq, row in enumerate(rows, encoded.last_seq - encoded.length + 1):
            if len(row) > 2:
                at += row[2]
                if len(row) > 3 and row[3]:
                    task = tasks[row[3] - 1]
            if row[0] in numbers:
                data = row[1] if len(row) > 1 else 0
                if every or needle.fits(row[0], task, data):
                    found.append(Told(seq, TYPES[row[0]], at, task, data if isinstance(data, dict) else {}))
    except (ValueError, TypeError, IndexError):  # damaged, or of an older version
        events = [event for event in decode(encoded, run).events if needle.fits_event(event)]
        return [Told(event.seq, event.type, event.at, event.task, event.data or {}) for event in events]
    return found


def hits(encoded: Encoded, needles: Sequence[Needle], run: str) -> list[int]:
    """The events of a row that fit one of the needles. Raises as `decode` does for damaged rows."""
    if crc32(encoded.payload) != int.from_bytes(encoded.digests[-4:], "big"):
        decode(encoded, run)  # says what is wrong
    try:
        plain = stretch(encoded.payload)
        wanted = [needle for needle in needles if needle.may_be_in(plain)]
        if not wanted:
            return []
        tasks, rows = open_payload(plain)
    except (ValueError, TypeError, IndexError):  # damaged, or of an older version
        events = decode(encoded, run).events
        return [event.seq for event in events if any(needle.fits_event(event) for needle in needles)]
    found = []
    task: str | None = None
    for seq, row in enumerate(rows, encoded.last_seq - encoded.length + 1):
        if len(row) > 3 and row[3]:
            task = tasks[row[3] - 1]
        data = row[1] if len(row) > 1 else 0
        if any(needle.fits(row[0], task, data) for needle in wanted):
            found.append(seq)
    return found


def _written(reference: str) -> bytes:
    """A reference inside a JSON string, without the quotes."""
    return orjson.dumps(reference)[1:-1]
