"""The store of one home: units of work go in, records come out.

`Store.open(..., write=True)` is for the one process that runs the home's node: it takes the
lock. Any other process opens with `write=False`: it reads freely while the node writes, and
speaks to it by `post_request`.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reach_workbench.clock import Clock, SystemClock
from reach_workbench.engine.values import Json
from reach_workbench.errors import Bug, HomeInUse, HomeReadOnly
from reach_workbench.protocol.audit import AuditVerification
from reach_workbench.settings import Settings
from reach_workbench.storage import opening
from reach_workbench.storage import statements as sql
from reach_workbench.storage.failures import explained, read_only
from reach_workbench.storage.home import DATABASE, Lock, prepare, require_writable
from reach_workbench.storage.packing import pack
from reach_workbench.storage.reader import Reader
from reach_workbench.storage.records import LOCAL_TENANT
from reach_workbench.storage.unit import Unit
from reach_workbench.storage.writer import Promise, Writer
from reach_workbench.telemetry.metrics import Figures

_PAUSE: Final = 0.01
"""Seconds between two looks whether another process has made the database."""


class Store:
    """See the module. Everything that reads is on `read`; close it when done."""

    def __init__(
        self, settings: Settings, clock: Clock, reader: Reader, writer: Writer | None = None, lock: Lock | None = None
    ) -> None:
        self.file = settings.home / DATABASE
        self.read = reader
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._lock = lock
        self._last_key: int | None = None
        self._no_figures = Figures()

    @classmethod
    def open(cls, settings: Settings, *, write: bool, clock: Clock | None = None) -> Store:
        """Open the store of `settings.home`, made or migrated first if need be.

        Raises HomeUnusable, HomeReadOnly, HomeInUse, StoreNewer, StoreDamaged, StoreBusy or
        StoreFull; the database is then as it was.
        """
        time = clock or SystemClock()
        home = settings.home
        prepare(home)
        file = home / DATABASE
        if write:
            require_writable(home)
            lock = Lock(home)
            try:
                _ready(file, settings)
                reading = opening.connect_reader(file, settings)
                try:
                    writer = Writer(opening.connect_writer(file, settings), file, time)
                except BaseException:
                    reading.close()
                    raise
                reader = Reader(reading, file)
            except BaseException:
                lock.release()
                raise
            return cls(settings, time, reader, writer, lock)
        if opening.is_new(file) or opening.stored_revision(file, settings) != opening.REVISION:
            _ready_for_readers(home, file, settings)
        return cls(settings, time, Reader(_reading(home, file, settings), file))

    @property
    def figures(self) -> Figures:
        """What this process has counted; all zero where it only reads."""
        return self._writer.figures if self._writer is not None else self._no_figures

    @property
    def writable(self) -> bool:
        """Whether this process holds the home's lock and commits."""
        return self._writer is not None

    # -- committing

    def unit(self) -> Unit:
        """An empty unit of work."""
        return Unit()

    def commit(self, unit: Unit) -> Promise:
        """Commit the unit together with others that come now; await the result to know it is durable.

        The awaited future raises StoreFull, StoreBusy, StoreDamaged, HomeReadOnly, LeaseLost or
        StoreError when nothing of the unit was saved. Needs a running event loop.
        """
        return self._writing().commit(unit)

    def commit_now(self, unit: Unit) -> None:
        """Commit the unit at once, for code without an event loop. Raises as `commit` does."""
        self._writing().commit_now(unit)

    # -- the audit log

    def watch_audit(self, told: Callable[[int], None]) -> None:
        """Tell how many records the audit log has after each commit that adds some, on the loop that committed."""
        self._writing().logged = told

    def check_audit(
        self, public: bytes | None, progress: Callable[[int, int], None] | None = None
    ) -> AuditVerification:
        """Verify the whole audit log, and the checkpoints by the node's public key; may run in a thread.

        `progress` ends it by raising. Raises StoreDamaged and its like when the database can't be read.
        """
        from reach_workbench.storage.audit_check import check_audit  # rarely due, as is what it needs
        from reach_workbench.storage.checkpoint_file import file_of

        home = self.file.parent
        with explained(self.file):
            return check_audit(
                lambda: _reading(home, self.file, self._settings),
                self.file,
                file_of(self._settings),
                public,
                self._clock,
                progress,
            )

    def new_run_key(self) -> int:
        """A key no run has had."""
        if self._last_key is None:
            self._last_key = self.read.last_run_key()
        self._last_key += 1
        return self._last_key

    # -- between processes

    def post_request(self, kind: str, payload: Json, *, tenant: int = LOCAL_TENANT) -> int:
        """Ask the node that holds this home for something; `read.request(number)` has the answer later.

        Raises StoreBusy, StoreFull, HomeReadOnly.
        """
        require_writable(self.file.parent)
        connection = opening.connect_writer(self.file, self._settings)
        try:
            with explained(self.file):
                row = connection.execute(
                    sql.REQUEST_INSERT,
                    {"tenant": tenant, "kind": kind, "payload": pack(payload), "at": self._clock.now()},
                ).fetchone()
                return int(row[0])
        finally:
            connection.close()

    def withdraw_request(self, number: int) -> bool:
        """Take a request back for good; False when the node has taken it up, or answered it.

        Raises StoreBusy, StoreFull, HomeReadOnly.
        """
        require_writable(self.file.parent)
        connection = opening.connect_writer(self.file, self._settings)
        try:
            with explained(self.file):
                return connection.execute(sql.REQUEST_WITHDRAW, {"id": number}).rowcount > 0
        finally:
            connection.close()

    def foreign_version(self) -> int:
        """A number that changes when another process has committed: only then look for new requests."""
        return self._writing().foreign_version()

    def close(self) -> None:
        """Commit what is queued, and free the files and the lock."""
        self.read.close()
        if self._writer is not None:
            self._writer.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise Bug("a store that was opened for reading was asked to write")
        return self._writer


def _ready(file: Path, settings: Settings) -> None:
    """Make the database, or bring it to the current schema. The caller holds the lock."""
    if opening.is_new(file):
        opening.create(file, settings)
    elif opening.stored_revision(file, settings) != opening.REVISION:
        from reach_workbench.storage.migrate import migrate  # 320 ms, and due only after an upgrade

        connection = opening.connect_writer(file, settings)
        try:
            with explained(file):
                migrate(connection)
        finally:
            connection.close()


def _ready_for_readers(home: Path, file: Path, settings: Settings) -> None:
    """Make or migrate the database under the lock, or wait while the process that holds it does so."""
    require_writable(home)
    pause = threading.Event()
    for attempt in itertools.count(1):
        try:
            lock = Lock(home)
        except HomeInUse:
            if not opening.is_new(file) and opening.stored_revision(file, settings) == opening.REVISION:
                return
            if attempt * _PAUSE >= settings.store.busy_seconds:
                raise
            pause.wait(_PAUSE)
        else:
            try:
                _ready(file, settings)
            finally:
                lock.release()
            return


def _reading(home: Path, file: Path, settings: Settings) -> sqlite3.Connection:
    """A connection for reading alone, also in a folder where nothing can be written."""
    try:
        require_writable(home)
    except HomeReadOnly:
        log = file.with_name(file.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise read_only(home) from None
        return opening.connect_reader(file, settings, frozen=True)
    return opening.connect_reader(file, settings)
