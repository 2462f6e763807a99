"""What can be wrong with a home or its database is told apart, and the file is left as it was."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reach_workbench.errors import (
    HomeInUse,
    HomeReadOnly,
    HomeUnusable,
    ReachError,
    StoreBusy,
    StoreDamaged,
    StoreFull,
    StoreNewer,
)
from reach_workbench.settings import Settings
from reach_workbench.settings import Store as StoreSettings
from reach_workbench.storage.home import holder
from reach_workbench.storage.store import Store


def database(settings: Settings) -> Path:
    return settings.home / "reach.db"


def filled(settings: Settings) -> Path:
    """A database with some content; returns its file."""
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        for place in range(2000):
            unit.audit("filling", {"place": place, "text": "x" * 100}, at=place)
        store.commit_now(unit)
    return database(settings)


def refused(settings: Settings, error: type[ReachError], *, write: bool) -> ReachError:
    """Opening fails with this error and changes no byte of the database."""
    before = hashlib.sha256(database(settings).read_bytes()).digest()
    with pytest.raises(error) as caught:
        Store.open(settings, write=write)
    assert hashlib.sha256(database(settings).read_bytes()).digest() == before
    assert caught.value.hint
    assert caught.value.where
    assert holder(settings.home) is None, "a refused opening gives the lock back"
    return caught.value


def test_a_missing_home_is_made_for_its_owner_alone(settings: Settings) -> None:
    deep = Settings(home=settings.home / "a" / "b")
    Store.open(deep, write=True).close()
    assert deep.home.stat().st_mode & 0o777 == 0o700
    assert database(deep).stat().st_mode & 0o777 == 0o600
    assert not list(deep.home.glob("*.new*"))


@pytest.mark.parametrize("write", [True, False])
def test_what_a_killed_process_committed_is_there(settings: Settings, write: bool) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom reach_workbench.settings import Settings\n"
        "from reach_workbench.storage.store import Store\n"
        "store = Store.open(Settings(home=Path(sys.argv[1])), write=True)\n"
        "unit = store.unit()\nunit.audit('kept', 1, at=1)\nstore.commit_now(unit)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(settings.home)], timeout=60, check=False)
    assert (settings.home / "reach.db-wal").stat().st_size > 0, "it is still in the log alone"
    with Store.open(settings, write=write) as store:
        assert [record.type for record in store.read.audit()] == ["kept"]


def test_a_home_without_room_for_a_database_stays_without_one(settings: Settings) -> None:
    tiny = Settings(home=settings.home, store=StoreSettings(max_pages=3))
    with pytest.raises(StoreFull):
        Store.open(tiny, write=True)
    assert not database(settings).exists()
    Store.open(settings, write=True).close()


@pytest.mark.parametrize("write", [True, False])
def test_an_empty_home_can_be_read_and_written(settings: Settings, write: bool) -> None:
    with Store.open(settings, write=write) as store:
        assert store.read.runs() == ()


def test_an_empty_file_is_a_new_database(settings: Settings) -> None:
    settings.home.mkdir()
    database(settings).touch()
    with Store.open(settings, write=True) as store:
        assert store.read.runs() == ()


def test_what_a_killed_creation_left_is_cleared_away(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "reach.db.new").write_bytes(b"half")
    (settings.home / "reach.db.new-wal").write_bytes(b"half")
    Store.open(settings, write=True).close()
    assert not list(settings.home.glob("*.new*"))


@pytest.mark.parametrize("write", [True, False])
def test_a_home_that_is_a_file_is_refused(tmp_path: Path, write: bool) -> None:
    place = tmp_path / "file"
    place.write_text("mine")
    for home in (place, place / "below"):
        with pytest.raises(HomeUnusable, match="is a file"):
            Store.open(Settings(home=home), write=write)
    assert place.read_text() == "mine"


@pytest.mark.parametrize("part", ["folder", "file"])
def test_a_home_marked_read_only_is_not_written_even_by_root(settings: Settings, part: str) -> None:
    file = filled(settings)
    marked = settings.home if part == "folder" else file
    mode = marked.stat().st_mode
    marked.chmod(mode & ~0o222)
    try:
        refused(settings, HomeReadOnly, write=True)
        with Store.open(settings, write=False) as store:
            assert len(store.read.audit(limit=5)) == 5
            with pytest.raises(HomeReadOnly):
                store.post_request("any", {})
    finally:
        marked.chmod(mode)
    Store.open(settings, write=True).close()


def test_a_newer_database_is_refused(settings: Settings) -> None:
    file = filled(settings)
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '999'")
    connection.close()
    for write in (True, False):
        assert "999" in str(refused(settings, StoreNewer, write=write))


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"this is a diary\n" * 1000, "not an SQLite database"),
        (b"S", "not an SQLite database"),
        (b"SQLite format 3\x00", "damaged"),
        (b"SQLite format 3\x00" + b"\xff" * 8000, "damaged"),
    ],
)
def test_a_file_that_is_no_database_is_refused(settings: Settings, content: bytes, says: str, write: bool) -> None:
    settings.home.mkdir()
    database(settings).write_bytes(content)
    assert says in str(refused(settings, StoreDamaged, write=write))


def test_a_database_of_someone_else_is_refused(settings: Settings) -> None:
    settings.home.mkdir()
    connection = sqlite3.connect(database(settings))
    connection.execute("CREATE TABLE diary (day TEXT)")
    connection.close()
    assert "reach did not make it" in str(refused(settings, StoreDamaged, write=True))


@pytest.mark.parametrize("write", [True, False])
def test_a_database_cut_short_is_refused(settings: Settings, write: bool) -> None:
    file = filled(settings)
    os.truncate(file, file.stat().st_size // 2)
    refused(settings, StoreDamaged, write=write)


def test_a_page_of_noise_is_reported_by_whoever_reads_it(settings: Settings) -> None:
    file = filled(settings)
    middle = file.read_bytes().index(b'"place":1000,')  # a row in the middle of the table that is read
    with file.open("r+b") as stream:
        stream.seek(middle // 4096 * 4096)
        stream.write(b"\xa5" * 4096)
    before = file.read_bytes()
    with Store.open(settings, write=False) as store, pytest.raises(StoreDamaged):
        store.read.audit(limit=10_000)
    assert file.read_bytes() == before


def test_a_second_node_is_told_who_holds_the_home(settings: Settings) -> None:
    with Store.open(settings, write=True):
        assert holder(settings.home) == os.getpid()
        with pytest.raises(HomeInUse, match=f"process {os.getpid()}") as caught:
            Store.open(settings, write=True)
        assert f"kill {os.getpid()}" in str(caught.value.hint)
    assert holder(settings.home) is None
    Store.open(settings, write=True).close()


def test_the_lock_of_a_killed_process_is_free(settings: Settings) -> None:
    program = (
        "import sys, signal, os\nfrom pathlib import Path\nfrom reach_workbench.settings import Settings\n"
        "from reach_workbench.storage.store import Store\n"
        "store = Store.open(Settings(home=Path(sys.argv[1])), write=True)\n"
        "unit = store.unit()\nunit.audit('kept', 1, at=1)\nstore.commit_now(unit)\n"
        "print(os.getpid(), flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(settings.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        with pytest.raises(HomeInUse, match=f"process {pid}"):
            Store.open(settings, write=True)
        with Store.open(settings, write=False) as reading:
            assert [record.type for record in reading.read.audit()] == ["kept"]
        child.kill()
    with Store.open(settings, write=True) as store:
        assert [record.type for record in store.read.audit()] == ["kept"]


def test_a_reader_waits_while_another_process_makes_the_database(settings: Settings) -> None:
    settings.home.mkdir()
    from reach_workbench.storage.home import Lock

    lock = Lock(settings.home)
    opened: list[bool] = []

    def read() -> None:
        with Store.open(settings, write=False) as store:
            opened.append(store.read.runs() == ())

    reader = threading.Thread(target=read)
    reader.start()
    lock.release()
    reader.join(20)
    assert opened == [True]


def test_a_reader_gives_up_on_a_home_that_never_gets_a_database(settings: Settings) -> None:
    settings.home.mkdir()
    from reach_workbench.storage.home import Lock

    lock = Lock(settings.home)
    with pytest.raises(HomeInUse):
        Store.open(Settings(home=settings.home, store=StoreSettings(busy_seconds=0.05)), write=False)
    lock.release()


def test_a_database_that_stays_locked_is_reported(settings: Settings) -> None:
    file = filled(settings)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = Settings(home=settings.home, store=StoreSettings(busy_seconds=0.05))
    with Store.open(impatient, write=True) as store:
        unit = store.unit()
        unit.audit("late", 1, at=1)
        with pytest.raises(StoreBusy, match="busy_seconds"):
            store.commit_now(unit)
        with pytest.raises(StoreBusy):
            store.post_request("late", {})
        other.execute("ROLLBACK")
        store.commit_now(unit)
    other.close()


def test_requests_reach_the_node_and_answers_come_back(settings: Settings) -> None:
    with Store.open(settings, write=True) as node:
        with Store.open(settings, write=False) as other:
            assert not other.writable
            seen = node.foreign_version()
            unit = node.unit()
            unit.audit("own", 1, at=1)
            node.commit_now(unit)
            assert node.foreign_version() == seen, "its own commits are no news to the node"
            number = other.post_request("cancel", {"run": "01abc"})
            assert node.foreign_version() != seen
            (request,) = node.read.requests()
            assert (request.id, request.kind, request.payload) == (number, "cancel", {"run": "01abc"})
            before = other.read.data_version()
            unit = node.unit()
            unit.answer_request(number, {"ok": True}, at=9)
            node.commit_now(unit)
            assert other.read.data_version() != before
            answered = other.read.request(number)
            assert (answered.answered_at, answered.answer) == (9, {"ok": True})
        assert node.read.requests() == ()
        unit = node.unit()
        unit.answer_request(number, {"ok": False}, at=10)
        with pytest.raises(ReachError, match="answered before"):
            node.commit_now(unit)
        unit = node.unit()
        unit.forget_requests(before=100)
        node.commit_now(unit)
        with pytest.raises(ReachError, match="no request"):
            node.read.request(number)
