"""What `reach doctor` learns about a store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench.engine.events import Event
from reach_workbench.errors import StoreDamaged
from reach_workbench.settings import Settings
from reach_workbench.storage.integrity import check_digests, examine
from reach_workbench.storage.store import Store

MakeHistory = Callable[..., tuple[list[Event], list[bytes]]]


def tamper(file: Path, text: str, *parameters: object) -> None:
    connection = sqlite3.connect(file)
    with connection:
        assert connection.execute(text, parameters).rowcount == 1
    connection.close()


def filled(store: Store, add_run: Callable[..., int], history: MakeHistory) -> int:
    key = add_run("01a")
    events, digests = history(1, 1200)
    for start in range(0, 1200, 100):
        unit = store.unit()
        unit.append_events(key, events[start : start + 100], digests[start : start + 100])
        store.commit_now(unit)
    return key


def test_a_home_without_a_store_has_nothing_to_examine(settings: Settings) -> None:
    assert examine(settings) is None


def test_a_sound_store(store: Store, settings: Settings, add_run: Callable[..., int], history: MakeHistory) -> None:
    filled(store, add_run, history)
    health = examine(settings)
    assert health is not None
    assert health.sound
    assert (health.counts["runs"], health.counts["events"], health.holder) == (1, 12, os.getpid())
    assert health.file_bytes > 0
    assert health.log_bytes > 0


def test_rows_that_name_nothing_are_found(store: Store, settings: Settings, add_run: Callable[..., int]) -> None:
    add_run("01a")
    tamper(store.file, "DELETE FROM programs")
    health = examine(settings)
    assert health is not None
    assert not health.sound
    assert health.orphans == ("runs: row 1 names a row of programs that does not exist",)


def test_a_schema_that_someone_changed_is_found(store: Store, settings: Settings) -> None:
    connection = sqlite3.connect(store.file)
    connection.execute("DROP TRIGGER audit_no_delete")
    connection.execute("DROP INDEX jobs_ready")
    connection.execute("CREATE INDEX jobs_ready ON jobs (id)")
    connection.close()
    health = examine(settings)
    assert health is not None
    assert not health.sound
    assert health.problems == (
        "the index jobs_ready is not as it was made",
        "the trigger audit_no_delete is missing",
    )


def test_damaged_pages_are_found(settings: Settings) -> None:
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        for place in range(3000):
            unit.audit("filling", {"place": place, "text": "x" * 100}, at=place, run=str(place))
        store.commit_now(unit)
    with store.file.open("r+b") as stream:
        stream.seek(store.file.stat().st_size // 4096 // 2 * 4096)
        stream.write(b"\x00" * 4096)
    health = examine(settings)
    assert health is not None
    assert health.problems
    store.file.write_bytes(b"gone")
    with pytest.raises(StoreDamaged):
        examine(settings)


def test_the_chain_of_digests_holds_or_names_the_event(
    store: Store, add_run: Callable[..., int], history: MakeHistory
) -> None:
    key = filled(store, add_run, history)
    done: list[tuple[int, int]] = []
    assert check_digests(store.read, key, lambda part, whole: done.append((part, whole))) is None
    assert done[-1] == (1200, 1200)
    fork = add_run("01fork", forked_from=key, forked_at=550)
    assert check_digests(store.read, fork) is None
    row = key << 32 | 600
    for text, value, first in (
        ("UPDATE events SET created_at = created_at + ? WHERE id = ?", 1, 501),
        ("UPDATE events SET created_at = created_at - ? WHERE id = ?", 1, None),
        ("UPDATE events SET digests = zeroblob(?) || substr(digests, 5) WHERE id = ?", 4, 501),
    ):
        tamper(store.file, text, value, row)
        wrong = check_digests(store.read, key)
        assert (wrong and (wrong.code, getattr(wrong, "seq", None))) == (first and ("history-damaged", first))
    wrong = check_digests(store.read, fork)
    assert wrong is not None
