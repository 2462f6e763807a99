"""Reading the history of a run: its events and snapshots, and those it shares with the runs it was forked from.

A long history is read in portions, so that no read transaction stays open while the caller
works on it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from reach_workbench.engine.events import GENESIS, Event, digest
from reach_workbench.errors import HistoryDamaged, HistoryError, NotFound
from reach_workbench.storage import statements as sql
from reach_workbench.storage.codec import RESTORE, Chunk, Encoded, blame, decode, last_digest
from reach_workbench.storage.failures import damaged, explained
from reach_workbench.storage.packing import stretch
from reach_workbench.storage.records import Snapshot
from reach_workbench.storage.searching import Needle, Searched, Told, hits, sift

SEQ_MAX: Final = (1 << 32) - 1
"""The highest number an event can have."""

_PORTION: Final = 16
"""Most chunks read at once; the first reads are of fewer, since often one is all that is wanted."""

_KEPT_BYTES: Final = 64 * 1024
"""Payloads up to this size are kept once they are decoded: who looks at an event looks at its neighbours too."""

Segment = tuple[int, str, int, int]
"""A part of a history: run key, run id, and the events of that run it has: after, until."""


class Histories:
    """The part of the reader that knows what a run's key stands for."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._lock = threading.Lock()
        self._lineages: dict[int, tuple[Segment, ...]] = {}

    def chunks(self, run_key: int, after: int = 0, until: int = SEQ_MAX) -> Iterator[Chunk]:
        """The run's events with `after < seq <= until`, in order, those it shares with its ancestors included.

        Raises HistoryDamaged when one is missing or can't be read.
        """
        expected = after + 1
        for key, id, first, last in self.lineage(run_key):
            if last <= after or first >= until:
                continue
            for encoded in self._encoded(key, max(after, first), min(until, last)):
                chunk = self._decode(run_key, id, encoded)
                start = encoded.last_seq - encoded.length + 1
                events, digests = chunk.events, chunk.digests
                low = max(expected - start, 0)
                high = min(until, last) - start + 1
                if start > expected:
                    raise _missing(id, expected)
                if low or high < len(events):
                    events, digests = events[low:high], digests[low:high]
                if events:
                    expected = events[-1].seq + 1
                    yield Chunk(events, digests, chunk.version)
            if last < SEQ_MAX and expected <= min(until, last):
                raise _missing(id, expected)

    def around(self, run_key: int, seq: int) -> list[Event]:
        """The events of the chunk that holds event `seq`. Raises HistoryDamaged when it is missing or can't be read."""
        for key, id, first, last in self.lineage(run_key):
            if first < seq <= last:
                encoded = next(self._encoded(key, seq - 1, SEQ_MAX), None)
                if encoded is not None and encoded.last_seq - encoded.length < seq:
                    start = encoded.last_seq - encoded.length
                    return self._decode(run_key, id, encoded).events[max(first - start, 0) : last - start]
                break
        raise _missing(str(run_key), seq)

    def search(
        self, run_key: int, needles: Sequence[Needle], after: int, before: int, *, backwards: bool = False
    ) -> Iterator[Searched]:
        """Look for events with `after < seq < before`, chunk by chunk, so that the caller may stop between two.

        Reads no more of a chunk than it takes to see that nothing in it fits.
        """
        segments = self.lineage(run_key)
        for key, id, first, last in reversed(segments) if backwards else segments:
            low, high = max(after, first), min(before, last + 1)
            if high - low < 2:
                continue
            rows = self._encoded_back(key, low, high) if backwards else self._encoded(key, low, high - 1)
            for encoded in rows:
                start = max(encoded.last_seq - encoded.length, low) + 1
                end = min(encoded.last_seq, high - 1)
                found = [seq for seq in hits(encoded, needles, id) if start <= seq <= end]
                yield Searched(start, end, tuple(reversed(found) if backwards else found))

    def sifted(self, run_key: int, needle: Needle) -> Iterator[list[Told]]:
        """The events of one run that fit, shared ones included, chunk by chunk; those that hold none are left out."""
        for key, id, first, last in self.lineage(run_key):
            for encoded in self._encoded(key, first, last):
                found = [told for told in sift(encoded, needle, id) if first < told.seq <= last]
                if found:
                    yield found

    def sifted_all(self, needle: Needle, until_key: int) -> Iterator[tuple[int, int, list[Told] | None]]:
        """The events of all runs up to a key that fit: run key, how many events were looked at, and those that fit.

        The runs by their keys, and of each only what is its own: what runs share is told once. None stands for events
        that can't be read.
        """
        place, end = 0, until_key << 32 | SEQ_MAX
        while rows := self._rows(sql.EVENTS_RANGE, after=place, until=end, limit=4 * _PORTION):
            for row in rows:
                encoded = _encode(row)
                found: list[Told] | None = None
                with suppress(HistoryError):
                    found = sift(encoded, needle, f"with the key {row[0] >> 32}")
                yield row[0] >> 32, encoded.length, found
            place = rows[-1][0]

    def last_chunk(self, run_key: int) -> Chunk | None:
        """The newest events of the run, None before the first."""
        for key, id, first, last in reversed(self.lineage(run_key)):
            above = key << 32
            rows = self._rows(sql.EVENTS_LAST, after=above | first, until=above | last)
            if rows:
                return self._decode(run_key, id, _encode(rows[0]))
            if last < SEQ_MAX:
                for chunk in self.chunks(run_key, last - 1, last):
                    return chunk
        return None

    def digest_at(self, run_key: int, seq: int) -> bytes:
        """The full digest of event `seq`; inside a chunk it is computed from the chunk's events.

        Raises HistoryDamaged when what is computed does not fit what was recorded.
        """
        if seq == 0:
            return GENESIS
        for key, id, first, last in self.lineage(run_key):
            if not first < seq <= last:
                continue
            encoded = next(self._encoded(key, seq - 1, SEQ_MAX), None)
            if encoded is None or encoded.last_seq - encoded.length >= seq:
                raise _missing(id, seq)
            if encoded.last_seq == seq:
                return last_digest(encoded.digests)
            chunk = _read(encoded, id)
            before = encoded.last_seq - encoded.length
            value = self.digest_at(run_key, before)
            proved = _proved(encoded.digests, value)
            wanted = seq - before
            for place in range(len(proved), wanted):
                event, mark = chunk.events[place], chunk.digests[place]
                value = digest(proved[place - 1] if place else value, event)
                if value[: len(mark)] != mark:
                    raise _differs(id, event)
                proved[place] = value
            return proved[wanted - 1]
        raise _missing(str(run_key), seq)

    def lineage(self, run_key: int) -> tuple[Segment, ...]:
        """Where the run's events lie, the oldest part first; the last part is its own and open-ended."""
        chain: list[tuple[int, int, str]] = []  # the runs whose lineage is not known yet, the youngest first
        segments: tuple[Segment, ...] = ()
        key: int | None = run_key
        while key is not None:
            if key in self._lineages:
                segments = self._lineages[key]
                break
            rows = self._rows(sql.RUN_LINEAGE, key=key)
            if not rows:
                raise NotFound(f"there is no run with the key {key}")
            parent, at, id = rows[0]
            chain.append((key, at or 0, id))
            key = parent
        for key, at, id in reversed(chain):
            past = [(older, name, first, min(last, at)) for older, name, first, last in segments if first < at]
            segments = self._lineages[key] = (*past, (key, id, at, SEQ_MAX))
        return segments

    def snapshot(self, run_key: int, seq: int = SEQ_MAX) -> Snapshot | None:
        """The newest snapshot at or before event `seq`, of the run or of the past it shares."""
        for key, _, first, last in reversed(self.lineage(run_key)):
            if first >= seq:
                continue
            above = key << 32
            for id, state in self._rows(sql.SNAPSHOT_LAST, after=above | first, until=above | min(seq, last)):
                try:
                    return Snapshot(id & SEQ_MAX, stretch(state))
                except ValueError as wrong:
                    raise damaged(self._file, f"a snapshot can't be read: {wrong}") from None
        return None

    def snapshot_seqs(self, run_key: int) -> tuple[int, ...]:
        """Where the run's own snapshots are."""
        above = run_key << 32
        return tuple(row[0] & SEQ_MAX for row in self._rows(sql.SNAPSHOT_IDS, after=above, until=above | SEQ_MAX))

    def _decode(self, run_key: int, id: str, encoded: Encoded) -> Chunk:
        try:
            return _read(encoded, id)
        except HistoryDamaged:
            event = blame(encoded, self.digest_at(run_key, encoded.last_seq - encoded.length))
            if event is None:
                raise
            raise _differs(id, event) from None

    def _encoded(self, key: int, after: int, until: int) -> Iterator[Encoded]:
        """Rows that hold events after `after`, up to the row that holds `until`."""
        above = key << 32
        place, end = above | after, above | SEQ_MAX
        portion = 1
        while True:
            rows = self._rows(sql.EVENTS_RANGE, after=place, until=end, limit=portion)
            for row in rows:
                encoded = _encode(row)
                if encoded.last_seq - encoded.length >= until:
                    return
                yield encoded
            if len(rows) < portion:
                return
            place = rows[-1][0]
            portion = min(2 * portion, _PORTION)

    def _encoded_back(self, key: int, after: int, before: int) -> Iterator[Encoded]:
        """Rows that hold events before `before`, the newest first, down to the row that holds `after + 1`."""
        above = key << 32
        rows = self._rows(sql.EVENTS_RANGE, after=above | (before - 2), until=above | SEQ_MAX, limit=1)
        portion = 1
        while rows:
            for row in rows:
                yield _encode(row)
            place = rows[-1][0]
            rows = self._rows(sql.EVENTS_BEFORE, after=above | after, before=place, limit=portion)
            portion = min(2 * portion, _PORTION)

    def _rows(self, text: str, **parameters: Any) -> list[Any]:
        # Threads that look at histories share this connection, and with it its prepared statements.
        with self._lock, explained(self._file):
            return self._connection.execute(text, parameters).fetchall()


def _read(encoded: Encoded, id: str) -> Chunk:
    return _kept(encoded, id) if len(encoded.payload) <= _KEPT_BYTES else decode(encoded, id)


@lru_cache(maxsize=64)
def _kept(encoded: Encoded, id: str) -> Chunk:
    """Known by their very bytes, so that what is kept can't be out of date; nobody changes what is in it."""
    return decode(encoded, id)


@lru_cache(maxsize=16)
def _proved(digests: bytes, before: bytes) -> dict[int, bytes]:
    """The full digests of a chunk's first events, as far as they were computed and compared, by their place in it.

    What is recorded of the digests tells the chunk: it ends with the checksum of the payload, which was compared.
    """
    return {}


def _encode(row: Any) -> Encoded:
    id, count, at, payload, digests = row
    return Encoded(id & SEQ_MAX, count, at, as_bytes(payload), as_bytes(digests))


def as_bytes(column: Any) -> Any:
    """A column as bytes also when a hand that changed it made text of it: the checksum has the last word."""
    return column.encode("utf-8", "surrogateescape") if isinstance(column, str) else column


def _differs(run: str, event: Event) -> HistoryDamaged:
    return HistoryDamaged(
        f"event {event.seq} ({event.type}) does not match its digest",
        seq=event.seq,
        task=event.task,
        where=f"run {run}, event {event.seq}" + (f", {event.task}" if event.task else ""),
        hint=RESTORE,
    )


def _missing(run: str, seq: int) -> HistoryDamaged:
    return HistoryDamaged(
        f"event {seq} is missing from the store",
        seq=seq,
        where=f"run {run}, event {seq}",
        hint=RESTORE,
    )
