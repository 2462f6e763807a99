"""The one writer: groups units of work that come at the same time into one transaction.

A unit that is committed schedules a flush behind everything that is ready to run in the event
loop, so that runs which woke up together commit together, without a thread and without a
delay. While the disk is quick the transaction runs on the loop itself, because a hand-over to
a thread costs more than the commit; once commits have lately been slow it runs in a thread,
and the loop goes on with other work.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.errors import LeaseLost, ReachError, StoreError
from reach_workbench.storage.audit_tree import AuditTree
from reach_workbench.storage.failures import explain
from reach_workbench.storage.unit import AuditEntry, Unit
from reach_workbench.telemetry.crashpoints import crash_point
from reach_workbench.telemetry.metrics import Figures

SLOW: Final = 0.002
"""Seconds an average commit may take on the event loop."""

MEMORY: Final = 0.2
"""Weight of the newest commit in the moving average."""

_ALL_FAIL: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    }
)
"""Failures of the database as a whole: trying the units one by one would help nobody."""

Promise = asyncio.Future[None]


class Writer:
    """Owns the connection that writes. Belongs to one event loop at a time.

    `logged` is told how many records the audit log has, after each commit that added some.
    """

    def __init__(self, connection: sqlite3.Connection, file: Path, clock: Clock) -> None:
        self._connection = connection
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: list[tuple[Unit, Promise]] = []
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._average = 0.0
        self._version = 0
        self._tree = AuditTree(connection, file)
        self._logged = 0
        self.logged: Callable[[int], None] | None = None
        self.figures = Figures()

    def commit(self, unit: Unit) -> Promise:
        """Queue the unit. The future is done once it is durable, or carries the error that refused it.

        Cancelling the future does not take the unit back.
        """
        loop = asyncio.get_running_loop()
        promise = loop.create_future()
        self._queue.append((unit, promise))
        if not self._scheduled or loop is not self._loop:
            self._scheduled = True
            self._loop = loop
            loop.call_soon(self._flush, loop)
        return promise

    def commit_now(self, unit: Unit) -> None:
        """Commit the unit before returning; for code without an event loop."""
        wrong = self._transact([unit])[0]
        self._count(unit, wrong)
        self._tell()
        if wrong is not None:
            raise wrong

    def foreign_version(self) -> int:
        """A number that changes when another process has committed to the database."""
        if self._lock.acquire(blocking=False):
            try:
                self._version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            finally:
                self._lock.release()
        return self._version

    def close(self) -> None:
        """Commit what is queued, then give up the connection."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
        self._settle(self._take())
        self._connection.close()

    def _take(self) -> list[tuple[Unit, Promise]]:
        batch, self._queue = self._queue, []
        return batch

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._average < SLOW:
            self._scheduled = False
            self._settle(self._take())
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="reach-store")
        batch = self._take()
        work = loop.run_in_executor(self._executor, self._transact, [unit for unit, _ in batch])
        work.add_done_callback(lambda done: self._landed(loop, batch, done))

    def _landed(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Unit, Promise]],
        done: asyncio.Future[list[BaseException | None]],
    ) -> None:
        self._resolve(batch, done.result())  # `_transact` raises nothing
        self._scheduled = bool(self._queue)
        if self._scheduled:
            loop.call_soon(self._flush, loop)

    def _settle(self, batch: list[tuple[Unit, Promise]]) -> None:
        if batch:
            self._resolve(batch, self._transact([unit for unit, _ in batch]))

    def _transact(self, units: list[Unit]) -> list[BaseException | None]:
        """Commit the units together; what comes back has each unit's error in its place."""
        with self._lock:
            try:
                try:
                    self._together(units)
                except Exception as wrong:
                    self._roll_back()
                    if len(units) == 1 or _hits_all(wrong):
                        return [self._explain(wrong) for _ in units]
                else:
                    return [None] * len(units)
                try:
                    return self._apart(units)
                except Exception as wrong:
                    return [self._explain(wrong) for _ in units]
            finally:
                self._roll_back()  # nothing to do unless something failed, an interrupt included

    def _begin(self) -> None:
        """Get the right to write. Waiting for another process to give it up is no work for the event loop."""
        started = self._clock.elapsed()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        finally:
            taken = self._clock.elapsed() - started
            if taken > SLOW:
                self._average = max(self._average, taken)

    def _together(self, units: list[Unit]) -> None:
        execute = self._connection.execute
        crash_point("writer.before-begin")
        self._begin()
        records: list[AuditEntry] = []
        for unit in units:
            for text, parameters, check in unit.statements:
                cursor = execute(text, parameters)
                if check is not None:
                    check(cursor)
            if unit.records:
                records += unit.records
        if records:
            self._tree.append(records)
        self._finish()

    def _apart(self, units: list[Unit]) -> list[BaseException | None]:
        execute = self._connection.execute
        outcomes: list[BaseException | None] = []
        self._begin()
        for unit in units:
            mark = self._tree.mark()
            execute("SAVEPOINT unit")
            try:
                for text, parameters, check in unit.statements:
                    cursor = execute(text, parameters)
                    if check is not None:
                        check(cursor)
                if unit.records:
                    self._tree.append(unit.records)
            except Exception as wrong:
                if _hits_all(wrong):
                    raise
                execute("ROLLBACK TO unit")
                self._tree.back_to(mark)
                outcomes.append(self._explain(wrong))
            else:
                outcomes.append(None)
            execute("RELEASE unit")
        self._finish()
        return outcomes

    def _finish(self) -> None:
        self._tree.write()
        crash_point("writer.before-commit")
        started = self._clock.elapsed()
        self._connection.execute("COMMIT")
        self._logged = self._tree.keep() or self._logged
        taken = self._clock.elapsed() - started
        crash_point("writer.after-commit")
        self._average += MEMORY * (taken - self._average)
        self.figures.commits.add(taken)

    def _roll_back(self) -> None:
        self._tree.drop()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Closed, or broken: whoever waits for the units must hear what refused them. Should the
            # transaction still be open, the next one can't begin, and says so.
            return

    def _resolve(self, batch: list[tuple[Unit, Promise]], outcomes: list[BaseException | None]) -> None:
        for (unit, promise), wrong in zip(batch, outcomes, strict=True):
            self._count(unit, wrong)
            if promise.done():
                continue
            if wrong is None:
                promise.set_result(None)
            else:
                promise.set_exception(wrong)
        self._tell()

    def _tell(self) -> None:
        """On the loop, not in the thread that may have committed."""
        if self._logged and self.logged is not None:
            size, self._logged = self._logged, 0
            self.logged(size)

    def _count(self, unit: Unit, wrong: BaseException | None) -> None:
        figures = self.figures
        if wrong is None:
            figures.steps += unit.events
            figures.faulted += unit.faulted
        else:
            figures.refused += 1
            figures.leases_lost += isinstance(wrong, LeaseLost)

    def _explain(self, wrong: Exception) -> BaseException:
        if isinstance(wrong, ReachError):
            return wrong
        if isinstance(wrong, sqlite3.Error):
            return explain(wrong, self._file)
        return StoreError(f"the store can't keep this: {wrong}", where=str(self._file))


def _hits_all(wrong: Exception) -> bool:
    code = getattr(wrong, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _ALL_FAIL
