"""Verifying the audit log: every record against its leaf, the leaves against the tree and against each checkpoint.

A record that was changed without its leaf is named by itself; one whose leaf was changed with it shows in the roots
only, so it is known to stand between two checkpoints. Nothing here writes.
"""

from __future__ import annotations

import sqlite3
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from reach_workbench.clock import Clock
from reach_workbench.evidence.merkle import Frontier
from reach_workbench.evidence.record import record_leaf
from reach_workbench.protocol.audit import AuditProblem, AuditVerification, ProblemCode
from reach_workbench.storage import statements as sql
from reach_workbench.storage.audit_pins import Confirmed, Witness, believe
from reach_workbench.storage.audit_scan import BATCH, Blocks, Scan, elsewhere, scan
from reach_workbench.storage.checkpoint_file import read_pins, verifier_key
from reach_workbench.storage.rotations import dues

Progress = Callable[[int, int], None]
"""Called with (done, total); what it raises ends the verification."""

_ALONE: Final = 100_000
"""Records that one process reads by itself: starting another takes as long as reading half of them."""


class _Tree(NamedTuple):
    """The row of the tree; `size` is -1 when there is none."""

    size: int
    peaks: bytes
    confirmed: Confirmed = Confirmed()


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading the records gave: a frontier at each wanted size that was reached, and where it stopped."""

    stopped: int
    frontiers: dict[int, Frontier]
    last: Frontier


def check_audit(
    connect: Callable[[], sqlite3.Connection],
    database: Path,
    checkpoints: Path,
    public: bytes | None,
    clock: Clock,
    progress: Progress | None = None,
) -> AuditVerification:
    """Verify the audit log of a database against itself and the checkpoints in a file.

    `connect` gives a connection that reads; `public` is the node's key, without which signatures are not checked; those
    before it count for the checkpoints of their time.
    Raises StoreDamaged and its like when the database can't be read at all, HomeUnusable for the file.
    """
    began = clock.elapsed()
    with closing(connect()) as connection:
        as_it_is, connection.text_factory = connection.text_factory, str  # which is a third quicker
        # Whoever writes goes on meanwhile. First what was confirmed, then the file, then the records: so the file has
        # every checkpoint that was confirmed, and the log has every record that the file vouches for.
        confirmed = _tree(connection).confirmed
        pins = read_pins(checkpoints)
        connection.execute("BEGIN")
        tree = _tree(connection)
        keys = dues(connection, public) if public is not None else ()
        witnesses, of_pins = believe(pins, confirmed, tree.confirmed, tree.size, keys, checkpoints)
        verdict = _Verdict(witnesses, tree, confirmed)
        (total,) = connection.execute(sql.AUDIT_LAST).fetchone()
        read = _read(connection, database, total, verdict.sizes(total), progress)
        connection.text_factory = as_it_is
        of_records = verdict.of_records(connection, read, total)
    if progress is not None:
        progress(read.stopped - 1, max(total, read.stopped - 1))
    agreeing = verdict.agreeing(read)
    return AuditVerification(
        ok=of_records is None and of_pins is None,
        records=read.stopped - 1,
        root=b64encode(read.last.root()).decode(),
        checkpoints=len(agreeing),
        covered=max((each.size for each in agreeing), default=0),
        key=None if public is None else verifier_key(public),
        earlier=tuple(verifier_key(each.public) for each in keys[1:]),
        seconds=clock.elapsed() - began,
        problems=tuple(each for each in (of_records, of_pins) if each is not None),
    )


def _tree(connection: sqlite3.Connection) -> _Tree:
    row = connection.execute(sql.AUDIT_TREE).fetchone()
    if row is None:
        return _Tree(-1, b"")
    size, peaks, pins, pinned = row
    if not isinstance(peaks, bytes) or not all(isinstance(each, int) and each >= 0 for each in (size, pins, pinned)):
        return _Tree(0, b"\0")  # what can be no tree's
    return _Tree(size, peaks, Confirmed(pins, pinned))


def _read(
    connection: sqlite3.Connection, database: Path, total: int, sizes: Sequence[int], progress: Progress | None
) -> _Read:
    """Read the records in one process or two, and join what they gave at every wanted size."""
    if total <= _ALONE:
        found = scan(connection, 1, total, sizes, _part(progress, 1, total))
        return _joined([(1, found)], sizes)
    middle = total // 2 // BATCH * BATCH
    early, late = [size for size in sizes if size <= middle], [size for size in sizes if size > middle]
    address = database.absolute().as_uri() + "?mode=ro"
    with elsewhere(address, middle + 1, total, late) as results:
        first = scan(connection, 1, middle, early, _part(progress, 2, total))
        if first.stopped <= middle:
            return _joined([(1, first)], sizes)
        second: Scan | None = None
        try:
            for said in results():
                if isinstance(said, Scan):
                    second = said
                elif progress is not None:
                    progress(middle + said, total)
        except ValueError:
            second = None
    if second is None:  # it could not be started, or was ended: then all of it is to be read here
        second = scan(connection, middle + 1, total, late, lambda _: None)
    return _joined([(1, first), (middle + 1, second)], sizes)


def _part(progress: Progress | None, times: int, total: int) -> Callable[[int], None]:
    if progress is None:
        return lambda _: None
    return lambda count: progress(min(count * times, total), total)


def _joined(scans: Sequence[tuple[int, Scan]], sizes: Sequence[int]) -> _Read:
    frontier, frontiers, stopped = Frontier(), {0: Frontier()}, 1
    wanted = frozenset(sizes)
    for _, found in scans:
        for segment in found.segments:
            _extend(frontier, segment)
            if frontier.size in wanted:
                frontiers[frontier.size] = frontier.copy()
        stopped = found.stopped
    return _Read(stopped, frontiers, frontier)


def _extend(frontier: Frontier, blocks: Blocks) -> None:
    for width, root in blocks:
        frontier.join(width, root)


class _Verdict:
    """What the records, the tree's row and the checkpoints say about each other."""

    def __init__(self, witnesses: Sequence[Witness], tree: _Tree, confirmed: Confirmed) -> None:
        self._witnesses = witnesses
        self._tree = tree
        self._confirmed = confirmed

    def sizes(self, total: int) -> list[int]:
        """The sizes at which a frontier is wanted."""
        wanted = {each.size for each in self._witnesses} | {self._tree.size}
        return sorted(size for size in wanted if 0 < size <= total)

    def agreeing(self, read: _Read) -> list[Witness]:
        return [each for each in self._witnesses if self._agrees(each, read)]

    def of_records(self, connection: sqlite3.Connection, read: _Read, total: int) -> AuditProblem | None:
        """The first thing that is wrong with the records or the tree."""
        early = connection.execute(sql.AUDIT_BEFORE_FIRST).fetchone()
        if early is not None:
            return AuditProblem("inserted", f"record {early[0]} was inserted: numbers begin with 1", early[0], early[0])
        before = 0
        for witness in self._witnesses:
            if witness.size > read.last.size:
                break
            if not self._agrees(witness, read):
                return _rewritten(before + 1, witness)
            before = witness.size
        if read.stopped <= total:
            return _named(connection, read.stopped)
        return self._of_tree(read, before) or self._of_end(read)

    def _agrees(self, witness: Witness, read: _Read) -> bool:
        frontier = read.frontiers.get(witness.size)
        return frontier is not None and frontier.root() == witness.root

    def _of_tree(self, read: _Read, covered: int) -> AuditProblem | None:
        """Whether what is written of the tree fits the records; the first `covered` are vouched for."""
        size, peaks, total = self._tree.size, self._tree.peaks, read.last.size
        if size == -1:
            if total == 0:
                return None
            return AuditProblem("tree-changed", f"the row of the tree is missing, which had {total:,} records")
        if size == total and peaks == read.last.to_bytes():
            return None
        if peaks == read.last.to_bytes():
            message = f"the size of the tree was changed to {size:,}: its peaks are those of {total:,} records"
            return AuditProblem("tree-changed", message)
        possible = len(peaks) == 32 * size.bit_count()
        if size > total and possible:
            message = f"{_some(total + 1, size)} missing: the end of the log was cut off"
            return AuditProblem("cut-off", message, total + 1, size)
        then = read.frontiers.get(size)
        if size < total and then is not None and peaks == then.to_bytes():
            if covered > size:
                message = f"the tree was put back to {size:,} records: checkpoints vouch for {covered:,}"
                return AuditProblem("tree-changed", message)
            which = f"record {total:,} was" if size + 1 == total else f"records {size + 1:,} to {total:,} were"
            return AuditProblem("inserted", f"{which} inserted: the tree ends with {size:,}", size + 1, total)
        if size != total or not possible or covered == total:
            return AuditProblem("tree-changed", "the row of the tree was changed: it does not fit the records")
        first, last = _differing(peaks, read.last)
        first = max(first, covered + 1)
        if first > last:
            return AuditProblem("tree-changed", "the peaks of the tree were changed: checkpoints vouch for the records")
        message = f"{_one_of(first, last)} was rewritten with its hash, or the peaks of the tree were changed"
        return AuditProblem("rewritten", message, first, last)

    def _of_end(self, read: _Read) -> AuditProblem | None:
        """Whether the log has all the records that checkpoints vouch for."""
        total = read.last.size
        beyond = [each for each in self._witnesses if each.size > total]
        if not beyond:
            return None
        witness = beyond[-1]
        what = _some(total + 1, witness.size)
        if self._confirmed.size <= total:
            message = f"an older copy of the database was put in its place: {what} missing, checkpoint {witness.number}"
            code: ProblemCode = "older-copy"
        else:
            message = f"{what} missing: the end of the log was cut off, checkpoint {witness.number}"
            code = "cut-off"
        return AuditProblem(code, f"{message} vouches for {witness.size:,}", total + 1, witness.size, beyond[0].number)


def _rewritten(first: int, witness: Witness) -> AuditProblem:
    message = f"{_one_of(first, witness.size)} was rewritten with its hash: the root is not that of checkpoint"
    return AuditProblem("rewritten", f"{message} {witness.number}", first, witness.size, witness.number)


def _named(connection: sqlite3.Connection, stopped: int) -> AuditProblem:
    """What is wrong with the records from `stopped` on, which was the first that may be damaged."""
    for id in range(stopped, stopped + BATCH + 1):
        try:
            row = connection.execute(sql.AUDIT_ROWS, {"first": id, "last": id}).fetchone()
            if row is None:
                (next,) = connection.execute(sql.AUDIT_NEXT, {"first": id}).fetchone()
                which = _some(id, next - 1)
                return AuditProblem("missing", f"{which} missing: the next is {next}", id, next - 1)
        except sqlite3.DatabaseError as wrong:
            return AuditProblem("unreadable", f"record {id} can't be read: {wrong}", id, id)
        if not _holds(row):
            message = f"record {id} was changed: its contents and its hash do not fit each other"
            return AuditProblem("changed", message, id, id)
    return AuditProblem("unreadable", f"the records from {stopped} on can't be read", stopped)


def _holds(row: Any) -> bool:
    id, at, tenant, run, type, payload, leaf = row
    try:
        return bool(record_leaf(id, at, tenant, run, type, payload) == leaf)
    except (TypeError, ValueError, struct.error):
        return False


def _differing(peaks: bytes, frontier: Frontier) -> tuple[int, int]:
    """The first and last record under the first peak that differs."""
    ours, start = frontier.to_bytes(), 0
    for place, width in enumerate(_widths(frontier.size)):
        if peaks[32 * place : 32 * place + 32] != ours[32 * place : 32 * place + 32]:
            return start + 1, start + width
        start += width
    return 1, frontier.size


def _widths(size: int) -> Iterator[int]:
    for bit in range(size.bit_length() - 1, -1, -1):
        if size >> bit & 1:
            yield 1 << bit


def _some(first: int, last: int) -> str:
    return f"record {first:,} is" if first == last else f"records {first:,} to {last:,} are"


def _one_of(first: int, last: int) -> str:
    return f"record {first:,}" if first == last else f"one of the records {first:,} to {last:,}"
