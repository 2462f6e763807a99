"""Opening the database file: what is checked, made or migrated before anybody uses it.

The checks read and never write, so that a file we can't use is left exactly as it was.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reach_workbench.errors import StoreNewer
from reach_workbench.settings import Settings
from reach_workbench.storage import statements as sql
from reach_workbench.storage.failures import damaged, explain, explained
from reach_workbench.storage.home import unusable

REVISION: Final = "007"
"""The schema this program works with: the number of the newest migration."""

_FOLDER: Final = Path(__file__).parent
MIGRATIONS: Final = _FOLDER / "migrations"
SCHEMA: Final = _FOLDER / "schema.sql"

_MAGIC: Final = b"SQLite format 3\x00"
_CACHE_KIBIBYTES: Final = 16 * 1024


def is_new(file: Path) -> bool:
    """Whether there is no database yet: no file, or an empty one."""
    try:
        return file.stat().st_size == 0
    except FileNotFoundError:
        return True


def stored_revision(file: Path, settings: Settings) -> str:
    """The revision of an existing database. Raises StoreDamaged or StoreNewer; touches nothing."""
    _check_header(file)
    connection = connect_reader(file, settings)
    try:
        if _looks_off(file):
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise damaged(file, str(verdict).splitlines()[-1])
        rows = connection.execute(sql.REVISION).fetchall()
    except sqlite3.OperationalError as wrong:
        if "no such table" in str(wrong):
            raise damaged(file, "it has no table of its schema's revision, so reach did not make it") from None
        raise explain(wrong, file) from wrong
    except sqlite3.Error as wrong:
        raise explain(wrong, file) from wrong
    finally:
        connection.close()
    if len(rows) != 1:
        raise damaged(file, f"it names {len(rows)} revisions of its schema")
    revision = str(rows[0][0])
    if revision != REVISION and revision not in known_revisions():
        raise StoreNewer(
            f"the store was written by a newer version of reach (revision {revision}, this one knows {REVISION})",
            where=str(file),
            hint="use that version, or another data folder with --home; the store was left untouched",
        )
    return revision


def known_revisions() -> frozenset[str]:
    """The numbers of all migrations that come with this program."""
    return frozenset(file.name.partition("_")[0] for file in MIGRATIONS.glob("[0-9]*_*.py"))


def create(file: Path, settings: Settings) -> None:
    """Make a database of the current schema: nobody ever sees, and no crash leaves, a half-made one."""
    draft = file.with_name(file.name + ".new")
    try:
        for remains in draft.parent.glob(draft.name + "*"):
            remains.unlink()
        connection = connect_writer(draft, settings)
        try:
            with explained(file):
                connection.executescript("BEGIN IMMEDIATE;\n" + SCHEMA.read_text("utf-8") + "\nCOMMIT;")
        finally:
            connection.close()
        draft.chmod(0o600)
        draft.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as wrong:
        raise unusable(file.parent, wrong) from None


def connect_writer(file: Path, settings: Settings) -> sqlite3.Connection:
    """The connection that writes: WAL, every commit synced to the disk."""
    with explained(file):
        connection = sqlite3.connect(
            file, timeout=settings.store.busy_seconds, isolation_level=None, check_same_thread=False
        )
        with _closing_on_failure(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
            if settings.store.max_pages:
                connection.execute(f"PRAGMA max_page_count = {settings.store.max_pages}")
    return connection


def connect_reader(file: Path, settings: Settings, *, frozen: bool = False) -> sqlite3.Connection:
    """A connection that can't write. `frozen` is for a folder where not even a lock file can be made."""
    address = file.absolute().as_uri() + ("?mode=ro&immutable=1" if frozen else "?mode=ro")
    with explained(file):
        connection = sqlite3.connect(
            address, uri=True, timeout=settings.store.busy_seconds, isolation_level=None, check_same_thread=False
        )
        with _closing_on_failure(connection):
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    connection.text_factory = _text
    return connection


@contextmanager
def _closing_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    """Give up a connection that could not be set up."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _text(raw: bytes) -> str:
    """Text as it is, also when it is not UTF-8: what reads it then finds the damage and can name it."""
    return raw.decode("utf-8", "surrogateescape")


def _check_header(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            head = stream.read(len(_MAGIC))
    except OSError as wrong:
        raise damaged(file, f"it can't be read ({wrong.strerror})") from None
    if head != _MAGIC:
        raise damaged(file, "it is not an SQLite database")


def _looks_off(file: Path) -> bool:
    """Whether the header does not fit the file (sqlite.org, Database File Format, 1.3)."""
    with file.open("rb") as stream:
        head = stream.read(100)
    if len(head) < 100:
        return True
    (page,) = struct.unpack(">H", head[16:18])
    (pages,) = struct.unpack(">I", head[28:32])
    return head[24:28] != head[92:96] or pages * (65536 if page == 1 else page) != file.stat().st_size
