"""How events lie in the store: chunks of consecutive events of a run, as small as JSON gets.

A payload is `[tasks, events]`, packed (see `packing`). An event is `[type, data, at, task, frame]`
where each part says what the event before it does not: `type` is a place in `events.TYPES`,
`data` is 0 for none, `at` the milliseconds since the event before, `task` 0 for the same task
or a place in `tasks` counted from 1, `frame` 0 for the frame expected here, n+1 for frame n, or
a negative distance from the expected one. Zeros at the end are left out. Later event versions
put their number first: `[version, tasks, events]`.

Digests: the first 4 bytes of each event's digest, all 32 bytes of the last one's, and the CRC-32
of the payload. The 4 bytes name the first event that differs; the 32 prove the chunk; the CRC
finds a change that leaves every value as it was, such as `1.0` turned into `1e0`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from reach_workbench.engine.events import TYPES, VERSION, Event, digest
from reach_workbench.engine.values import Json
from reach_workbench.errors import HistoryDamaged, HistoryError, HistoryUnknown
from reach_workbench.storage.packing import pack, unpack

CHUNK_EVENTS: Final = 512
"""Most events in one chunk: decoding a chunk is the least a seek has to do."""

CHUNK_BYTES: Final = 1024 * 1024
"""A chunk of several events with a longer payload than this is split."""

RESTORE: Final = "restore the home from a backup, or export and fork the run before that event"
"""What to do about a damaged history."""

MARK: Final = 4
"""Bytes kept of the digests inside a chunk."""

Upcast = Callable[[Event], Event]

UPCASTS: Final[Mapping[int, Upcast]] = {}
"""Turns an event of the version that is the key into the next version's form."""

_NUMBERS: Final = {name: place for place, name in enumerate(TYPES)}


class Chunk(NamedTuple):
    """Consecutive events as read. `digests[i]` is the digest of `events[i]` or its first 4 bytes.

    `version` is the event version they were recorded in, which their digests cover.
    """

    events: list[Event]
    digests: list[bytes]
    version: int


class Encoded(NamedTuple):
    """One row of the events table, but for the run's key and the tenant."""

    last_seq: int
    length: int
    at: int
    payload: bytes
    digests: bytes


def split(events: Sequence[Event], digests: Sequence[bytes]) -> Iterator[Encoded]:
    """The rows that hold these consecutive events; every digest is given in full."""
    for start in range(0, len(events), CHUNK_EVENTS):
        yield from _fit(events[start : start + CHUNK_EVENTS], digests[start : start + CHUNK_EVENTS])


def _fit(events: Sequence[Event], digests: Sequence[bytes]) -> Iterator[Encoded]:
    payload = encode(events)
    if len(payload) > CHUNK_BYTES and len(events) > 1:
        middle = len(events) // 2
        yield from _fit(events[:middle], digests[:middle])
        yield from _fit(events[middle:], digests[middle:])
        return
    marks = [digest[:MARK] for digest in digests]
    marks[-1] = digests[-1] + crc32(payload).to_bytes(4, "big")
    yield Encoded(events[-1].seq, len(events), events[0].at, payload, b"".join(marks))


def encode(events: Sequence[Event], version: int = VERSION) -> bytes:
    """The payload of one chunk."""
    tasks: list[str | None] = []
    places: dict[str | None, int] = {}
    rows: list[list[Json]] = []
    expected, _, before, task, _, _ = events[0]
    task = None
    for seq, type_, at, task_now, frame, data in events:
        number = _NUMBERS[type_]
        place = 0
        if task_now != task:
            task = task_now
            place = places.get(task, 0)
            if not place:
                tasks.append(task)
                place = places[task] = len(tasks)
        lean = 0
        if frame != expected:
            distance = frame - expected
            lean = distance if distance < 0 and -10 * distance < frame else frame + 1
        expected = seq if type_ == "task.started" else frame
        if lean:
            rows.append([number, data or (0 if data is None else data), at - before, place, lean])
        elif place:
            rows.append([number, data or (0 if data is None else data), at - before, place])
        elif at != before:
            rows.append([number, data or (0 if data is None else data), at - before])
        elif data is not None:
            rows.append([number, data])
        else:
            rows.append([number])
        before = at
    return pack([tasks, rows] if version == 1 else [version, tasks, rows])


def decode(encoded: Encoded, run: str, version: int = VERSION, upcasts: Mapping[int, Upcast] = UPCASTS) -> Chunk:
    """The events and digests of one row, in today's form.

    Raises HistoryDamaged naming the run and the first event when the bytes are not what was
    written, HistoryUnknown for a version or type this program does not know.
    """
    first = encoded.last_seq - encoded.length + 1
    where = f"run {run}, event {first}"
    try:
        digests = _digests(encoded)
        recorded, tasks, rows = _open(encoded.payload)
        if recorded > version:
            raise HistoryUnknown(
                f"the events are of version {recorded}, this program reads up to {version}",
                where=where,
                hint="open the run with a newer version of reach",
            )
        if len(rows) != encoded.length:
            raise ValueError("their number is not the recorded one")
        events = _events(tasks, rows, first, encoded.at)
    except (ValueError, TypeError, IndexError, RecursionError) as wrong:
        raise HistoryDamaged(
            f"the recorded events {first} to {encoded.last_seq} can't be read: {wrong}",
            seq=first,
            where=where,
            hint=RESTORE,
        ) from None
    except KeyError as wrong:
        raise HistoryUnknown(f"an event has the unknown type number {wrong}", where=where) from None
    for old in range(recorded, version):
        events = [upcasts[old](event) for event in events]
    return Chunk(events, digests, recorded)


def blame(encoded: Encoded, before: bytes) -> Event | None:
    """The first event of a damaged row that does not fit its digest, if that much can be read of it.

    `before` is the digest of the event before the row.
    """
    try:
        checksum = crc32(encoded.payload).to_bytes(4, "big")
        chunk = decode(encoded._replace(digests=encoded.digests[:-4] + checksum), "")
        for event, mark in zip(chunk.events, chunk.digests, strict=True):
            before = digest(before, event)
            if before[: len(mark)] != mark:
                return event
    except (HistoryError, TypeError, ValueError):
        pass
    return None


def last_digest(digests: bytes) -> bytes:
    """The full digest of a row's last event, from its digests column."""
    return digests[-36:-4]


def open_payload(payload: bytes) -> tuple[list[str | None], list[list[Json]]]:
    """The tasks and rows of a payload of today's version. Raises ValueError, TypeError, IndexError."""
    recorded, tasks, rows = _open(payload)
    if recorded != VERSION:
        raise ValueError(f"its version is {recorded}")
    return tasks, rows


def _open(payload: bytes) -> tuple[int, list[str | None], list[list[Json]]]:
    document = unpack(payload)
    if not isinstance(document, list):
        raise ValueError("not a chunk")
    recorded = 1
    if len(document) == 3 and type(document[0]) is int and document[0] > 1:
        recorded, *document = document
    tasks, rows = document
    if not isinstance(tasks, list) or not isinstance(rows, list):
        raise ValueError("not a chunk")
    return recorded, tasks, rows


def _events(tasks: list[str | None], rows: list[list[Json]], seq: int, at: int) -> list[Event]:
    task: str | None = None
    frame = expected = seq
    events = []
    for row in rows:
        number, data, since, place, lean, *_ = (*row, 0, 0, 0, 0)
        if not 0 <= number < len(TYPES):
            raise KeyError(number)
        if place:
            if place < 0:
                raise ValueError("a task is unknown")
            task = tasks[place - 1]
        if lean > 0:
            frame = lean - 1
        else:
            frame = expected + lean
        at += since
        type_ = TYPES[number]
        if data == 0:
            data = None
        elif not isinstance(data, dict):
            raise ValueError("an event's data is not an object")
        events.append(Event(seq, type_, at, task, frame, data))
        expected = seq if type_ == "task.started" else frame
        seq += 1
    return events


def _digests(encoded: Encoded) -> list[bytes]:
    inner = (encoded.length - 1) * MARK
    marks = encoded.digests
    if inner < 0 or len(marks) != inner + 36:
        raise ValueError("digests are missing")
    if crc32(encoded.payload) != int.from_bytes(marks[-4:], "big"):
        raise ValueError("the bytes don't fit their checksum")
    digests = [marks[place : place + MARK] for place in range(0, inner, MARK)]
    digests.append(last_digest(marks))
    return digests
