"""Reading the audit log from end to end: does every record give its leaf, and what do the leaves give?

This is nearly all that verifying costs, so a long log is read by two processes: `python -m` of this module reads a part
that it is told of on standard input, and writes what it found to standard output.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final, NamedTuple

from reach_workbench.evidence.merkle import subtrees
from reach_workbench.evidence.record import record_leaf
from reach_workbench.storage import statements as sql

BATCH: Final = 1_000
"""Rows that are read at once."""

_TOLD: Final = 20
"""Batches between two words on progress."""

Blocks = list[tuple[int, bytes]]
"""Subtrees in their order, as `evidence.merkle.subtrees` gives them."""


class Scan(NamedTuple):
    """What reading records gave: all before `stopped` are as they should be.

    `segments` has their subtrees up to each cut that was reached, and last those that follow it.
    """

    stopped: int
    segments: list[Blocks]


def scan(
    connection: sqlite3.Connection, first: int, last: int, cuts: Sequence[int], told: Callable[[int], None]
) -> Scan:
    """Read the records `first` to `last`, up to the first that is missing or does not give its leaf.

    The connection is to give text as `str`: what is none then stops the reading. `cuts` are the sizes, ascending and
    at least `first`, at which a root is wanted. `told` hears how many were read.
    """
    rows = connection.execute(sql.AUDIT_ROWS, {"first": first, "last": last})
    segments: list[Blocks] = [[]]
    waiting = [cut for cut in cuts if first <= cut <= last]
    waiting.reverse()
    expected, batches = first, 0
    while True:
        most = min(BATCH, waiting[-1] - expected + 1) if waiting else BATCH
        try:
            batch = rows.fetchmany(most)
        except sqlite3.DatabaseError:
            batch = []  # whoever reads on from here finds which record it is
        stopped = _first_wrong(expected, batch)
        segments[-1] += subtrees(expected - 1, [row[6] for row in batch[: stopped - expected]])
        if stopped - expected < most:
            return Scan(stopped, segments)
        expected = stopped
        if waiting and expected == waiting[-1] + 1:
            segments.append([])
            waiting.pop()
        batches += 1
        if batches % _TOLD == 0:
            told(expected - first)


def _first_wrong(expected: int, batch: Sequence[Any]) -> int:
    """The number of the first record that is not as it should be; that after the last when all are."""
    try:
        for id, at, tenant, run, type, payload, leaf in batch:
            if id != expected or record_leaf(id, at, tenant, run, type, payload) != leaf:
                return expected
            expected += 1
    except (TypeError, ValueError, struct.error):
        return expected  # a column has become another kind of value
    return expected


@contextmanager
def elsewhere(address: str, first: int, last: int, cuts: Sequence[int]) -> Iterator[Callable[[], Iterator[int | Scan]]]:
    """Scan in a process of its own, which ends with the block.

    What it yields gives what was read so far again and again, and the scan last; nothing more when the process failed.
    """
    order = json.dumps({"address": address, "first": first, "last": last, "cuts": list(cuts)})
    child = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    output = child.stdout

    def results() -> Iterator[int | Scan]:
        for line in output:
            said = json.loads(line)
            if isinstance(said, int):
                yield said
            else:
                segments = [[(width, bytes.fromhex(root)) for width, root in each] for each in said["segments"]]
                yield Scan(said["stopped"], segments)

    try:
        with suppress(OSError), child.stdin:
            child.stdin.write(order)
        yield results
    finally:
        child.kill()
        output.close()
        child.wait()


def _main() -> None:
    order = json.load(sys.stdin)

    def told(count: int) -> None:
        sys.stdout.write(f"{count}\n")
        sys.stdout.flush()

    with closing(sqlite3.connect(order["address"], uri=True)) as connection:
        found = scan(connection, order["first"], order["last"], order["cuts"], told)
    segments = [[(width, root.hex()) for width, root in each] for each in found.segments]
    sys.stdout.write(json.dumps({"stopped": found.stopped, "segments": segments}) + "\n")


if __name__ == "__main__":
    _main()
