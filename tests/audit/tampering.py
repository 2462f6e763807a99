"""Ways to tamper with an audit log, drawn by chance, each with what verifying has to say.

The rows are edited through SQLite, as by somebody who has the file and knows the schema: cells with a bit flipped, with
another value or another kind of value, records taken out, put in, swapped, renumbered, rewritten with their hash; the
row of the tree likewise; the tail cut off with or without the tree; bits, lines and notes of the file of checkpoints.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from reach_workbench.evidence.merkle import Frontier
from reach_workbench.evidence.record import record_leaf
from tests.audit.logs import OTHER, Log

ROWS = "SELECT id, tenant_id, run_id, type, payload, created_at, leaf FROM audit ORDER BY id"
COLUMNS = ("tenant_id", "run_id", "type", "payload", "created_at", "leaf")


@dataclass
class Expected:
    """Any of these codes, at a place that contains the record or is the checkpoint. `what` tells what was done."""

    what: str
    codes: frozenset[str]
    record: int | None = None
    checkpoint: int | None = None


def expected(what: str, *codes: str, record: int | None = None, checkpoint: int | None = None) -> Expected:
    return Expected(what, frozenset(codes), record, checkpoint)


class Tamperer:
    """Tampers with a copy of `log`, whose checkpoints are at `sizes`, and puts it back."""

    def __init__(self, log: Log, sizes: tuple[int, ...], chance: random.Random) -> None:
        self.log = log
        self.sizes = sizes
        self.chance = chance
        with closing(sqlite3.connect(log.database)) as connection:
            self.rows: list[tuple[Any, ...]] = connection.execute(ROWS).fetchall()
            self.tree = connection.execute("SELECT size, peaks, pins, pinned FROM audit_tree").fetchone()
        self.notes = log.checkpoints.read_bytes()
        self.size = len(self.rows)
        self.ways: list[Callable[[], Expected]] = [
            self.flipped_cell,
            self.other_cell,
            self.other_kind,
            self.taken_out,
            self.taken_out_and_renumbered,
            self.put_in,
            self.put_at_the_end,
            self.swapped,
            self.rewritten,
            self.rewritten_with_the_tree,
            self.cut_off,
            self.cut_off_with_the_tree,
            self.flipped_tree,
            self.other_tree,
            self.flipped_note,
            self.dropped_note,
            self.shortened_notes,
            self.added_to_notes,
            self.lost_notes,
            self.forged_note,
            self.swapped_notes,
        ]

    def tamper(self) -> Expected:
        return self.chance.choice(self.ways)()

    # ------------------------------------------------------------ putting it back

    def restore(self) -> None:
        with closing(sqlite3.connect(self.log.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            self.replace(connection, self.rows, self.tree)
            connection.execute("COMMIT")
        self.log.checkpoints.write_bytes(self.notes)

    def replace(
        self, connection: sqlite3.Connection, rows: list[tuple[Any, ...]], tree: tuple[Any, ...] | None
    ) -> None:
        connection.execute("DELETE FROM audit")
        connection.executemany(
            "INSERT INTO audit (id, tenant_id, run_id, type, payload, created_at, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.execute("DELETE FROM audit_tree")
        if tree is not None:
            connection.execute("INSERT INTO audit_tree (id, size, peaks, pins, pinned) VALUES (1, ?, ?, ?, ?)", tree)

    def put(self, rows: list[tuple[Any, ...]] | None = None, tree: tuple[Any, ...] | None = ()) -> None:  # type: ignore[assignment]
        with closing(sqlite3.connect(self.log.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            self.replace(connection, self.rows if rows is None else rows, self.tree if tree == () else tree)
            connection.execute("COMMIT")

    # ------------------------------------------------------------ records

    def _change(self, place: int, column: str, value: object) -> None:
        rows = list(self.rows)
        row = list(rows[place])
        row[COLUMNS.index(column) + 1] = value
        rows[place] = tuple(row)
        self.put(rows)

    def flipped_cell(self) -> Expected:
        place, column = self.chance.randrange(self.size), self.chance.choice(COLUMNS)
        value = self.rows[place][COLUMNS.index(column) + 1]
        if value is None:
            value = "0"
        elif isinstance(value, int):
            value ^= 1 << self.chance.randrange(62)
        else:
            data = bytearray(value if isinstance(value, bytes) else value.encode())
            bit = self.chance.randrange(8 * len(data))
            data[bit // 8] ^= 1 << bit % 8
            if isinstance(value, bytes):
                value = bytes(data)
            else:  # no text in UTF-8 any more, perhaps: it is written all the same
                return self._raw_text(place, column, bytes(data))
        self._change(place, column, value)
        return expected(f"a bit of {column} in record {place + 1}", "changed", record=place + 1)

    def _raw_text(self, place: int, column: str, data: bytes) -> Expected:
        with closing(sqlite3.connect(self.log.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"UPDATE audit SET {column} = CAST(? AS TEXT) WHERE id = ?", (data, place + 1))
        return expected(f"a bit of {column} in record {place + 1}", "changed", record=place + 1)

    def other_cell(self) -> Expected:
        place, column = self.chance.randrange(self.size), self.chance.choice(COLUMNS)
        other = self.chance.randrange(self.size)
        value, mine = (self.rows[each][COLUMNS.index(column) + 1] for each in (other, place))
        if value == mine:
            value = {"tenant_id": 2, "run_id": "elsewhere", "type": "x", "payload": b"{}", "leaf": bytes(32)}.get(
                column, 17
            )
        self._change(place, column, value)
        return expected(f"{column} of record {place + 1} from record {other + 1}", "changed", record=place + 1)

    def other_kind(self) -> Expected:
        """The same in sight, but another kind of value to SQLite."""
        place = self.chance.randrange(self.size)
        at, payload = self.rows[place][5], self.rows[place][4]
        column, value = self.chance.choice(
            [
                ("created_at", at + 0.5),
                ("payload", payload.decode()),
                ("tenant_id", b"1"),
                ("type", b"effect.performed"),
            ]
        )
        self._change(place, column, value)
        return expected(f"{column} of record {place + 1} is {value!r:.40}", "changed", record=place + 1)

    def taken_out(self) -> Expected:
        place = self.chance.randrange(self.size - 1)
        self.put(self.rows[:place] + self.rows[place + 1 :])
        return expected(f"record {place + 1} taken out", "missing", record=place + 1)

    def taken_out_and_renumbered(self) -> Expected:
        place = self.chance.randrange(self.size - 1)
        later = [(row[0] - 1, *row[1:]) for row in self.rows[place + 1 :]]
        self.put(self.rows[:place] + later)
        return expected(f"record {place + 1} taken out, the others renumbered", "changed", record=place + 1)

    def put_in(self) -> Expected:
        place = self.chance.randrange(self.size)
        later = [(row[0] + 1, *row[1:]) for row in self.rows[place:]]
        self.put([*self.rows[:place], self._made(place + 1), *later])
        # What was put in has its own hash. The record after it shows that it was moved, unless a root shows it before.
        if place + 1 in self.sizes:
            return expected(f"record {place + 1} put in", "rewritten", record=place + 1)
        return expected(f"record {place + 1} put in", "changed", record=place + 2)

    def put_at_the_end(self) -> Expected:
        self.put([*self.rows, self._made(self.size + 1)])
        return expected("a record put at the end", "inserted", record=self.size + 1)

    def _made(self, id: int) -> tuple[Any, ...]:
        payload = b'{"command":"01kb:1","verdict":"allow"}'
        return (id, 1, None, "effect.performed", payload, 5, record_leaf(id, 5, 1, None, "effect.performed", payload))

    def swapped(self) -> Expected:
        left, right = sorted(self.chance.sample(range(self.size), 2))
        rows = list(self.rows)
        rows[left] = (left + 1, *self.rows[right][1:])
        rows[right] = (right + 1, *self.rows[left][1:])
        self.put(rows)
        return expected(f"records {left + 1} and {right + 1} swapped", "changed", record=left + 1)

    def _forged_rows(self, place: int) -> list[tuple[Any, ...]]:
        id, tenant, run, type, _, at, _ = self.rows[place]
        payload = b'{"command":"01kb:1","verdict":"deny"}'
        rows = list(self.rows)
        rows[place] = (id, tenant, run, type, payload, at, record_leaf(id, at, tenant, run, type, payload))
        return rows

    def rewritten(self) -> Expected:
        place = self.chance.randrange(self.size)
        self.put(self._forged_rows(place))
        return expected(f"record {place + 1} rewritten with its hash", "rewritten", record=place + 1)

    def rewritten_with_the_tree(self) -> Expected:
        """Only a checkpoint can show it; a record that none covers can be rewritten, as the page says."""
        place = self.chance.randrange(self.sizes[-1])
        rows = self._forged_rows(place)
        frontier = Frontier()
        frontier.extend([row[6] for row in rows])
        self.put(rows, (self.size, frontier.to_bytes(), *self.tree[2:]))
        return expected(f"record {place + 1} rewritten with its hash and the tree", "rewritten", record=place + 1)

    def cut_off(self) -> Expected:
        left = self.chance.randrange(self.size)
        self.put(self.rows[:left])
        return expected(f"all after record {left} cut off", "cut-off", record=left + 1)

    def cut_off_with_the_tree(self) -> Expected:
        left = self.chance.randrange(self.sizes[-1])
        frontier = Frontier()
        frontier.extend([row[6] for row in self.rows[:left]])
        older = self.chance.random() < 0.5
        passed = [size for size in self.sizes if size <= left]
        pins = (len(passed), passed[-1] if passed else 0) if older else self.tree[2:]
        self.put(self.rows[:left], (left, frontier.to_bytes(), *pins) if left or not older else None)
        code = "older-copy" if older else "cut-off"
        what = "an older copy" if older else "all cut off with the tree"
        return expected(f"{what}: {left} records", code, record=left + 1)

    # ------------------------------------------------------------ the tree

    def flipped_tree(self) -> Expected:
        column = self.chance.randrange(4)
        tree = list(self.tree)
        if column == 1:
            data = bytearray(tree[1])
            bit = self.chance.randrange(8 * len(data))
            data[bit // 8] ^= 1 << bit % 8
            tree[1] = bytes(data)
        else:
            tree[column] ^= 1 << self.chance.randrange(40)
        self.put(None, tuple(tree))
        name = ("size", "peaks", "pins", "pinned")[column]
        # Of a peak over records that no checkpoint covers nobody can tell whether it or a record was changed, and of
        # a number of checkpoints whether it or their file.
        also = ("rewritten",) if column == 1 else ("checkpoint-missing",) if column == 2 else ()
        return expected(f"a bit of the tree's {name}", "tree-changed", *also)

    def other_tree(self) -> Expected:
        way = self.chance.randrange(3)
        size = self.chance.randrange(1, self.size)
        frontier = Frontier()
        frontier.extend([row[6] for row in self.rows[:size]])
        if way == 0:
            self.put(None, None)
            return expected("no row of the tree", "tree-changed")
        if way == 1:
            self.put(None, (size, frontier.to_bytes(), *self.tree[2:]))
            codes = ("tree-changed",) if size < self.sizes[-1] else ("inserted", "tree-changed")
            return expected(f"the tree of {size} records", *codes)
        self.put(None, (self.size, self.chance.randbytes(len(self.tree[1])), *self.tree[2:]))
        return expected("other peaks", "tree-changed", "rewritten")

    # ------------------------------------------------------------ the file of checkpoints

    def _bounds(self) -> list[tuple[int, int]]:
        """Where each note begins and ends, its empty line included."""
        found, start = [], 0
        for _ in self.sizes:
            end = self.notes.index(b"\n\n", self.notes.index(b"\n\n", start) + 2) + 2
            found.append((start, end))
            start = end
        return found

    def flipped_note(self) -> Expected:
        number = self.chance.randrange(len(self.sizes))
        start, end = self._bounds()[number]
        data = bytearray(self.notes)
        bit = self.chance.randrange(8 * start, 8 * end)
        data[bit // 8] ^= 1 << bit % 8
        self.log.checkpoints.write_bytes(data)
        # The last line end belongs to no note: without it the last note is torn, and another begins within it.
        codes = ("checkpoint-damaged", "checkpoint-forged", "checkpoint-missing")
        return expected(
            f"bit {bit % 8} of byte {bit // 8 - start} of checkpoint {number + 1}", *codes, checkpoint=number + 1
        )

    def dropped_note(self) -> Expected:
        number = self.chance.randrange(len(self.sizes))
        start, end = self._bounds()[number]
        self.log.checkpoints.write_bytes(self.notes[:start] + self.notes[end:])
        return expected(f"checkpoint {number + 1} dropped", "checkpoint-missing", checkpoint=number + 1)

    def shortened_notes(self) -> Expected:
        length = self.chance.randrange(len(self.notes))
        self.log.checkpoints.write_bytes(self.notes[:length])
        number = sum(end <= length for _, end in self._bounds())
        return expected(
            f"the file of checkpoints cut at byte {length}",
            "checkpoint-missing",
            "checkpoint-damaged",
            checkpoint=number + 1,
        )

    def added_to_notes(self) -> Expected:
        added = self.chance.randbytes(self.chance.randint(8, 600))
        self.log.checkpoints.write_bytes(self.notes + added)
        return expected(f"{len(added)} bytes behind the last checkpoint", "checkpoint-damaged")

    def lost_notes(self) -> Expected:
        if self.chance.random() < 0.5:
            self.log.checkpoints.unlink()
        else:
            self.log.checkpoints.write_bytes(b"")
        return expected("no checkpoints", "checkpoint-missing", checkpoint=1)

    def forged_note(self) -> Expected:
        from reach_workbench.storage.checkpoint_file import make_note

        number = self.chance.randrange(len(self.sizes))
        start, end = self._bounds()[number]
        note = make_note(OTHER, number + 1, self.sizes[number], self.chance.randbytes(32), 5).encode() + b"\n"
        self.log.checkpoints.write_bytes(self.notes[:start] + note + self.notes[end:])
        return expected(f"checkpoint {number + 1} by another key", "checkpoint-forged", checkpoint=number + 1)

    def swapped_notes(self) -> Expected:
        number = self.chance.randrange(len(self.sizes) - 1)
        bounds = self._bounds()
        (start, middle), (_, end) = bounds[number], bounds[number + 1]
        swapped = self.notes[middle:end] + self.notes[start:middle]
        self.log.checkpoints.write_bytes(self.notes[:start] + swapped + self.notes[end:])
        return expected(
            f"checkpoints {number + 1} and {number + 2} swapped", "checkpoint-missing", checkpoint=number + 1
        )


def misjudged(log: Log, wanted: Expected) -> str | None:
    """What is wrong with the verdict on a log that was tampered with; None when it is found and named."""
    found = log.verify()
    if found.ok or not found.problems:
        return f"{wanted.what}: not found"
    for problem in found.problems:
        if problem.code not in wanted.codes:
            continue
        if wanted.checkpoint is not None and problem.checkpoint != wanted.checkpoint:
            return f"{wanted.what}: named checkpoint {problem.checkpoint} ({problem.message})"
        if wanted.record is not None and problem.first is not None:
            if problem.first <= wanted.record <= (problem.last or problem.first):
                return None
            return f"{wanted.what}: named {problem.first} to {problem.last} ({problem.message})"
        if wanted.record is not None:
            return f"{wanted.what}: named no record ({problem.message})"
        return None
    return f"{wanted.what}: said {[(each.code, each.message) for each in found.problems]}"


def storm(log: Log, sizes: tuple[int, ...], count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """Tamper so many times; how often in which way, and every verdict that was wrong."""
    tamperer = Tamperer(log, sizes, random.Random(seed))
    log.run("SELECT 1")
    done: dict[str, int] = {}
    wrong: list[str] = []
    for number in range(count):
        way = tamperer.ways[number % len(tamperer.ways)]
        wanted = way()
        done[way.__name__] = done.get(way.__name__, 0) + 1
        verdict = misjudged(log, wanted)
        if verdict is not None:
            wrong.append(verdict)
        tamperer.restore()
    return done, wrong
