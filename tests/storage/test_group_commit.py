"""Units that come together share a transaction; each still stands or falls alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench.clock import FixedClock, SystemClock
from reach_workbench.errors import Bug, LeaseLost, StoreError, StoreFull
from reach_workbench.settings import Settings
from reach_workbench.settings import Store as StoreSettings
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

pytestmark = pytest.mark.anyio


def note(store: Store, text: str) -> Unit:
    unit = store.unit()
    unit.audit(text, None, at=1)
    return unit


def notes(store: Store) -> list[str]:
    return [record.type for record in store.read.audit(limit=100_000)]


async def test_units_of_one_moment_share_one_transaction(store: Store, settings: Settings) -> None:
    watcher = sqlite3.connect(settings.home / "reach.db")
    versions = set()

    async def work(number: int) -> None:
        for step in range(3):
            await store.commit(note(store, f"{number}.{step}"))
            versions.add(watcher.execute("PRAGMA data_version").fetchone()[0])

    await asyncio.gather(*(work(number) for number in range(50)))
    assert len(versions) == 3, "150 units in three transactions"
    assert sorted(notes(store)) == sorted(f"{number}.{step}" for number in range(50) for step in range(3))
    watcher.close()


async def test_an_awaited_unit_can_be_read(store: Store) -> None:
    promise = store.commit(note(store, "a"))
    assert notes(store) == []
    await promise
    assert notes(store) == ["a"]


async def test_units_keep_their_order(store: Store) -> None:
    await asyncio.gather(*(store.commit(note(store, str(number))) for number in range(100)))
    assert notes(store) == [str(number) for number in range(100)]


async def test_a_unit_that_fails_takes_no_other_down(store: Store) -> None:
    bad = note(store, "half of a bad unit")
    bad.complete_job("no such job", "token", at=1)
    worse = note(store, "half of a worse unit")
    worse.add("INSERT INTO audit (id) VALUES (:id)", {"id": 1})
    units = [note(store, "a"), bad, note(store, "b"), worse, note(store, "c")]
    outcomes = await asyncio.gather(*map(store.commit, units), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), LeaseLost, type(None), StoreError, type(None)]
    assert notes(store) == ["a", "b", "c"]


async def test_a_lone_unit_that_fails_leaves_nothing(store: Store) -> None:
    bad = note(store, "half")
    bad.add("INSERT INTO audit (payload) VALUES (:payload)", {"payload": 2**70})
    with pytest.raises(StoreError, match="can't keep this"):
        await store.commit(bad)
    assert notes(store) == []


async def test_cancelling_the_wait_does_not_take_the_unit_back(store: Store) -> None:
    store.commit(note(store, "a")).cancel()
    await store.commit(note(store, "b"))
    assert notes(store) == ["a", "b"]


class SlowClock(FixedClock):
    """Every commit seems to take 10 ms."""

    def elapsed(self) -> float:
        self.advance(10)
        return super().elapsed()


async def test_on_a_slow_disk_the_loop_goes_on_while_a_commit_runs(settings: Settings) -> None:
    with Store.open(settings, write=True, clock=SlowClock()) as store:
        await store.commit(note(store, "inline"))
        await store.commit(note(store, "inline"))
        blocker = sqlite3.connect(settings.home / "reach.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        promises = [store.commit(note(store, str(number))) for number in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)  # the loop is free although the commit can't go on
        late = store.commit(note(store, "late"))
        assert not any(promise.done() for promise in [*promises, late])
        assert store.foreign_version() >= 0
        blocker.execute("ROLLBACK")
        blocker.close()
        await asyncio.gather(*promises, late)
        assert notes(store) == ["inline", "inline", "0", "1", "2", "late"]


async def test_closing_commits_what_is_queued(settings: Settings) -> None:
    store = Store.open(settings, write=True)
    promise = store.commit(note(store, "queued"))
    store.close()
    await promise
    with Store.open(settings, write=False) as again:
        assert notes(again) == ["queued"]


def test_a_loop_that_ended_early_does_not_stop_the_next_one(store: Store) -> None:
    loop = asyncio.new_event_loop()
    loop.call_soon(lambda: store.commit(note(store, "left behind")))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()

    async def go_on() -> None:
        await store.commit(note(store, "next"))

    asyncio.run(asyncio.wait_for(go_on(), 10))
    assert notes(store) == ["left behind", "next"]


def test_an_interrupted_transaction_is_taken_back(store: Store) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    unit = note(store, "half")
    unit.add("SELECT 1", {}, interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.commit_now(unit)
    store.commit_now(note(store, "a"))
    assert notes(store) == ["a"]


def test_a_unit_can_be_committed_without_a_loop(store: Store) -> None:
    store.commit_now(note(store, "a"))
    assert notes(store) == ["a"]


def test_a_store_opened_for_reading_refuses_to_write(settings: Settings) -> None:
    with Store.open(settings, write=False) as store, pytest.raises(Bug):
        store.commit_now(note(store, "a"))


async def test_a_full_store_says_so_loses_nothing_and_goes_on_when_there_is_room(settings: Settings) -> None:
    small = Settings(home=settings.home, store=StoreSettings(max_pages=80))
    with Store.open(small, write=True, clock=SystemClock()) as store:
        kept = 0
        with pytest.raises(StoreFull, match="the store is full"):
            for number in range(1000):
                unit = note(store, str(number))
                unit.audit("padding", "".join(chr(65 + (number * place) % 50) for place in range(4000)), at=1)
                await store.commit(unit)
                kept += 1
        assert kept > 5
        assert [text for text in notes(store) if text != "padding"] == [str(number) for number in range(kept)]
        outcomes = await asyncio.gather(
            *(store.commit(big) for big in (padded(store), padded(store))), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {StoreFull}
    with Store.open(settings, write=True) as store:
        await store.commit(padded(store))
        assert len(notes(store)) == 2 * kept + 1


def padded(store: Store) -> Unit:
    unit = store.unit()
    unit.audit("padding", [str(number**5) for number in range(20_000)], at=1)
    return unit


async def test_the_audit_trail_can_only_grow(store: Store) -> None:
    await store.commit(note(store, "a"))
    for text in ("UPDATE audit SET type = 'b' WHERE id = :id", "DELETE FROM audit WHERE id = :id"):
        unit = store.unit()
        unit.add(text, {"id": 1})
        with pytest.raises(StoreError, match="append-only"):
            await store.commit(unit)
    assert notes(store) == ["a"]


async def test_commits_are_synced_to_the_disk(store: Store, settings: Settings) -> None:
    found: list[object] = []
    unit = store.unit()
    unit.add("PRAGMA synchronous", {}, lambda cursor: found.append(cursor.fetchone()[0]))
    unit.add("PRAGMA journal_mode", {}, lambda cursor: found.append(cursor.fetchone()[0]))
    unit.add("PRAGMA foreign_keys", {}, lambda cursor: found.append(cursor.fetchone()[0]))
    await store.commit(unit)
    assert found == [2, "wal", 1]


async def test_a_run_needs_a_kept_program(store: Store) -> None:
    unit = store.unit()
    unit.create_run(key=1, id="r", program="none", namespace="n", name="w", version="1.0.0", created_at=1)
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await store.commit(unit)


async def test_the_same_event_is_never_written_twice(
    store: Store, add_run: Callable[..., int], history: Callable[..., tuple[list[object], list[bytes]]]
) -> None:
    key = add_run("01a")
    for outcome in (None, StoreError):
        unit = store.unit()
        unit.append_events(key, *history(1, 3))
        if outcome is None:
            await store.commit(unit)
        else:
            with pytest.raises(outcome, match="UNIQUE"):
                await store.commit(unit)


def test_events_and_digests_must_pair(store: Store, history: Callable[..., tuple[list[object], list[bytes]]]) -> None:
    events, digests = history(1, 3)
    with pytest.raises(Bug):
        store.unit().append_events(1, events, digests[:-1])
    with pytest.raises(Bug, match="consecutive"):
        store.unit().append_events(1, events[::2], digests[::2])
    with pytest.raises(ValueError, match="never changed"):
        store.unit().update_run(1, id="other")


def test_the_file_is_where_the_settings_say(store: Store, settings: Settings) -> None:
    assert store.file == Path(settings.home) / "reach.db"
