"""Is the store sound? What `reach doctor` finds out; nothing here writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reach_workbench.engine.events import GENESIS, digest
from reach_workbench.errors import HistoryDamaged, HistoryError
from reach_workbench.settings import Settings
from reach_workbench.storage import home, opening
from reach_workbench.storage.codec import RESTORE
from reach_workbench.storage.failures import explained
from reach_workbench.storage.reader import Reader

_COUNTED = ("runs", "events", "snapshots", "programs", "workflows", "jobs", "audit", "requests", "cloudevents")

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True, slots=True)
class Health:
    """What was found; sizes are bytes.

    `problems` has what the integrity check found, or where the schema is not the one this program
    makes; then the rest is not looked at, and `orphans` and `counts` are empty. `counts` has the
    rows of each table (`events` counts chunks), `holder` the process that runs the home's node,
    None when nobody does.
    """

    file: Path
    revision: str
    current: bool
    problems: tuple[str, ...]
    orphans: tuple[str, ...]
    counts: dict[str, int]
    file_bytes: int
    log_bytes: int
    holder: int | None

    @property
    def sound(self) -> bool:
        return self.current and not self.problems and not self.orphans


def examine(settings: Settings) -> Health | None:
    """Check the whole database, which reads all of it. None when the home has none yet.

    Raises StoreDamaged when it can't be read at all, StoreNewer, StoreBusy.
    """
    file = settings.home / home.DATABASE
    if opening.is_new(file):
        return None
    revision = opening.stored_revision(file, settings)
    connection = opening.connect_reader(file, settings)
    try:
        with explained(file):
            problems = _problems(connection)
            if not problems and revision == opening.REVISION:
                problems = _drift(connection)
            orphans, counts = ((), {}) if problems else (_orphans(connection), _counts(connection))
    finally:
        connection.close()
    return Health(
        file=file,
        revision=revision,
        current=revision == opening.REVISION,
        problems=problems,
        orphans=orphans,
        counts=counts,
        file_bytes=file.stat().st_size,
        log_bytes=_size(file.with_name(file.name + "-wal")),
        holder=home.holder(settings.home),
    )


def check_digests(reader: Reader, run_key: int, progress: Progress | None = None) -> HistoryError | None:
    """Follow the chain of a run's digests from its first event; what is wrong with it, None if it holds.

    This proves that nothing was changed, dropped or added; that the events follow from the facts
    takes a replay.
    """
    total = reader.run_by_key(run_key).seq
    value = GENESIS
    try:
        for chunk in reader.chunks(run_key):
            for event, recorded in zip(chunk.events, chunk.digests, strict=True):
                value = digest(value, event)
                if value[: len(recorded)] != recorded:
                    return HistoryDamaged(
                        f"event {event.seq} ({event.type}) does not match its digest",
                        seq=event.seq,
                        task=event.task,
                        where=f"event {event.seq}" + (f", {event.task}" if event.task else ""),
                        hint=RESTORE,
                    )
            if progress is not None:
                progress(chunk.events[-1].seq, total)
    except HistoryError as wrong:
        return wrong
    return None


def _problems(connection: sqlite3.Connection) -> tuple[str, ...]:
    for check in ("integrity_check", "quick_check"):
        try:
            lines = [str(row[0]) for row in connection.execute(f"PRAGMA {check}(20)")]
        except sqlite3.DatabaseError as wrong:
            if wrong.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            found = (str(wrong),)  # the thorough check stumbled: the quick one may say where
        else:
            return () if lines == ["ok"] and check == "integrity_check" else tuple(lines)
    return found


def _drift(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Where the schema is not the one this program makes: a dropped trigger goes unnoticed otherwise."""
    made = sqlite3.connect(":memory:")
    made.executescript(opening.SCHEMA.read_text("utf-8"))
    wanted, found = _schema(made), _schema(connection)
    made.close()
    return tuple(
        f"the {kind} {name} is {'missing' if (kind, name) not in found else 'not as it was made'}"
        for kind, name in sorted(wanted)
        if found.get((kind, name)) != wanted[kind, name]
    )


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {(kind, name): "".join(text.split()) for kind, name, text in rows}


def _orphans(connection: sqlite3.Connection) -> tuple[str, ...]:
    return tuple(
        f"{table}: row {row} names a row of {other} that does not exist"
        for table, row, other, _ in connection.execute("PRAGMA foreign_key_check")
    )


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _COUNTED}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
