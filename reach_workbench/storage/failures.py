"""What SQLite's failures mean to a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reach_workbench.errors import (
    HomeReadOnly,
    HomeUnusable,
    ReachError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
)


def explain(wrong: sqlite3.Error, file: Path) -> ReachError:
    """The error of our tree for one of SQLite's (sqlite.org, Result and Error Codes)."""
    code = getattr(wrong, "sqlite_errorcode", None)
    where = str(file)
    match None if code is None else code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return full(file)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(file, str(wrong))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(
                "another process kept the store locked for longer than the setting 'store.busy_seconds'",
                where=where,
                hint="try again, or stop the process that holds the file open",
            )
        case sqlite3.SQLITE_READONLY:
            return read_only(file)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return HomeUnusable(f"can't open the store: {wrong}", where=where, hint="check the file's permissions")
        case sqlite3.SQLITE_CONSTRAINT:
            return StoreError(f"the store refused the change: {wrong}", where=where)
        case _:
            return StoreError(f"the store failed: {wrong}", where=where, hint="`reach doctor` checks the store")


def damaged(file: Path, detail: str) -> StoreDamaged:
    return StoreDamaged(
        f"the store is damaged: {detail}",
        where=str(file),
        hint="it was left untouched: restore it from a backup, or move it away to start afresh",
    )


def full(place: Path) -> StoreFull:
    return StoreFull(
        "the store is full: the disk has no room, or the setting 'store.max_pages' is reached",
        where=str(place),
        hint="free some space or raise the setting, then resume; nothing committed was lost",
    )


def read_only(place: Path) -> HomeReadOnly:
    return HomeReadOnly(
        "the data folder can only be read",
        where=str(place),
        hint="make it writable, or name another with --home or REACH_HOME",
    )


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as wrong:
        raise explain(wrong, file) from wrong
