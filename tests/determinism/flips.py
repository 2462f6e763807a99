"""Flip a byte of a recorded history, and see whether `verify` finds it and names the event.

In the store a flip hits the payload or the digests of a chunk of events; in an archive, the line
of an event, or any byte of the file itself.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import ReachError
from reach_workbench.node.local import LocalNode
from reach_workbench.storage.codec import Chunk, Encoded, decode
from tests.determinism.process import main as record
from tests.determinism.process import settings
from tests.tamper.forging import members_of, write

Json = Any
SEQ_MAX: Final = (1 << 32) - 1


@dataclass
class Tally:
    """`found`: verify failed and named the right event. `harmless`: the bytes mean the very same as before."""

    counts: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def found(self) -> int:
        return self.counts["found"]


class Flips:
    """A home with recorded runs, of which copies are damaged."""

    def __init__(self, folder: Path, seed: int, runs: int = 12) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._home = folder / "home"
        record(seed, runs, self._home)
        self._database = self._home / "reach.db"
        with sqlite3.connect(self._database) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._rows: list[tuple[int, int, int, bytes, bytes]] = connection.execute(
                "SELECT id, count, created_at, payload, digests FROM events"
            ).fetchall()
            self._ids: dict[int, str] = dict(connection.execute("SELECT key, id FROM runs"))
        connection.close()
        self.tally = Tally()

    def in_store(self, count: int) -> None:
        """Damage one byte of the database at a time."""
        for _ in range(count):
            row = self._random.choice(self._rows)
            where = self._random.choice((3, 3, 3, 4))
            blob, offset = self._flipped(row[where])
            damaged = (*row[:where], blob, *row[where + 1 :])
            expected = _first_difference(row, damaged)
            what = f"run {self._ids[row[0] >> 32]}, {'payload' if where == 3 else 'digests'}, byte {offset}"
            if expected is None:
                self.tally.counts["harmless"] += 1
                continue
            column = ("payload", "digests")[where - 3]
            self._write(row[0], column, blob)
            self._judge(what, self._verify(self._ids[row[0] >> 32]), expected)
            self._write(row[0], column, row[where])

    def _write(self, row: int, column: str, blob: bytes) -> None:
        with sqlite3.connect(self._database) as connection:
            connection.execute(f"UPDATE events SET {column} = ? WHERE id = ?", (blob, row))
        connection.close()

    def in_archives(self, count: int) -> None:
        """Damage one byte of an event's line, and of the archive's file as it is."""
        archives = asyncio.run(self._export())
        for number in range(count):
            run, archive = self._random.choice(archives)
            copy = self._folder / "damaged.reach"
            if number % 2:
                blob, offset = self._flipped(archive.read_bytes())
                copy.write_bytes(blob)
                self._judge(f"archive of {run}, byte {offset}", self._verify(str(copy)), None)
            else:
                lines = members_of(archive)["events.ndjson"].splitlines(keepends=True)
                place = self._random.randrange(len(lines))
                flipped, offset = self._flipped(lines[place].rstrip(b"\n"))
                lines[place] = flipped + b"\n"
                write(copy, members_of(archive) | {"events.ndjson": b"".join(lines)})
                self._judge(f"archive of {run}, event {place + 1}, byte {offset}", self._verify(str(copy)), {place + 1})

    async def _export(self) -> list[tuple[str, Path]]:
        node = await LocalNode.open(settings(self._home), write=False, evaluator=InProcess())
        found = []
        for run in self._ids.values():
            file = self._folder / f"{run}.reach"
            await node.export(run, file, unsigned=True)
            found.append((run, file))
        await node.close()
        return found

    def _flipped(self, blob: bytes) -> tuple[bytes, int]:
        offset = self._random.randrange(len(blob))
        return blob[:offset] + bytes([blob[offset] ^ (1 << self._random.randrange(8))]) + blob[offset + 1 :], offset

    def _verify(self, run: str) -> tuple[bool, int | None, str]:
        return asyncio.run(self._verified(run))

    async def _verified(self, run: str) -> tuple[bool, int | None, str]:
        try:
            node = await LocalNode.open(settings(self._home), write=False, evaluator=InProcess())
            try:
                proof = await node.verify(run)
            finally:
                await node.close()
        except ReachError as wrong:
            return False, None, wrong.message
        return proof.ok, proof.seq, proof.message

    def _judge(self, what: str, verdict: tuple[bool, int | None, str], expected: set[int] | None) -> None:
        ok, seq, message = verdict
        if ok:
            self.tally.missed.append(f"{what}: not found")
        elif expected is not None and seq not in expected:
            self.tally.missed.append(f"{what}: names {seq}, not {sorted(expected)[:3]}: {message}")
        else:
            self.tally.counts["found"] += 1


def _first_difference(row: Json, damaged: Json) -> set[int] | None:
    """The events that may be named: the first that differs; any of the chunk if it can't be read any more."""
    before, after = _chunk(row), _chunk(damaged)
    first, last = (row[0] & SEQ_MAX) - row[1] + 1, row[0] & SEQ_MAX
    assert before is not None
    if after is None:
        return set(range(first, last + 1))
    for old, new, mark, other in zip(before.events, after.events, before.digests, after.digests, strict=True):
        if old != new or mark != other:
            return {old.seq}
    return None


def _chunk(row: Json) -> Chunk | None:
    try:
        return decode(Encoded(row[0] & SEQ_MAX, row[1], row[2], row[3], row[4]), "run")
    except ReachError:
        return None
