"""Print what the store costs: `python tests/bench/measure_store.py`, beside SQLite itself in the same go.

Everything is durable (WAL, synchronous=FULL) and on the disk of the folder for temporary files
(TMPDIR). A step is what one effect records: task.started, command.issued, command.completed and
task.completed, with their digests, in one commit.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from pathlib import Path

from reach_workbench.clock import SystemClock
from reach_workbench.engine.events import GENESIS, Event, digest
from reach_workbench.jobs.queue import NewJob, Queue
from reach_workbench.settings import Settings
from reach_workbench.storage.codec import split
from reach_workbench.storage.store import Store

STEPS = 5_000
AT_ONCE = 50
JOBS = 20_000
LONG = 1_000_000


def step_events(number: int, task: str) -> list[Event]:
    """The events of one step after another: outcome of one, intent of the next."""
    seq = 4 * number + 1
    at = 1_700_000_000_000 + 3 * number
    return [
        Event(
            seq, "command.completed", at, task, max(seq - 2, 0), {"command": seq - 1, "output": {"i": 3, "ok": True}}
        ),
        Event(seq + 1, "task.completed", at, task, max(seq - 2, 0), None),
        Event(seq + 2, "task.started", at, task, 0, None),
        Event(
            seq + 3,
            "command.issued",
            at,
            task,
            seq + 2,
            {"kind": "function.call", "arguments": {"name": "noop", "i": 3}},
        ),
    ]


def steps_of(count: int) -> list[tuple[list[Event], list[bytes]]]:
    before, found = GENESIS, []
    for number in range(count):
        events, digests = step_events(number, f"/do/{number % 100}/step"), []
        for event in events:
            before = digest(before, event)
            digests.append(before)
        found.append((events, digests))
    return found


def add_runs(store: Store, count: int) -> list[int]:
    keys = [store.new_run_key() for _ in range(count)]
    unit = store.unit()
    unit.add_program(digest="p", source="", file=None, namespace="n", name="w", version="1.0.0", created_at=1)
    for key in keys:
        unit.create_run(key=key, id=f"{key:020d}", program="p", namespace="n", name="w", version="1.0.0", created_at=1)
    store.commit_now(unit)
    return keys


async def drive(store: Store, key: int, steps: list[tuple[list[Event], list[bytes]]]) -> None:
    for events, digests in steps:
        unit = store.unit()
        unit.append_events(key, events, digests)
        await store.commit(unit)


def timed(name: str, count: int, started: float) -> float:
    rate = count / (time.perf_counter() - started)
    print(f"{name:<58}{rate:>12,.0f} /s")
    return rate


def sqlite_itself(folder: Path) -> float:
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE step (run TEXT, seq INTEGER, output TEXT, PRIMARY KEY (run, seq)) WITHOUT ROWID")
    started = time.perf_counter()
    for number in range(STEPS):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO step VALUES (?, ?, ?)", (f"run-{number // 100}", number, '{"i":3,"ok":true}'))
        connection.execute("COMMIT")
    rate = timed("SQLite itself, one row a commit", STEPS, started)
    connection.close()
    return rate


def steps(folder: Path, raw: float) -> None:
    made = steps_of(STEPS)
    with Store.open(Settings(home=folder / "one"), write=True) as store:
        (key,) = add_runs(store, 1)
        empty = size_of(folder / "one")
        started = time.perf_counter()
        asyncio.run(drive(store, key, made))
        rate = timed("steps of one run", STEPS, started)
    print(f"{'  as a share of SQLite itself':<58}{rate / raw:>12.2f}")
    print(f"{'  bytes in the file a step':<58}{(size_of(folder / 'one') - empty) / STEPS:>12.0f}")
    print(f"{'  of these payload and digests':<58}{payload(made):>12.0f}")
    with Store.open(Settings(home=folder / "many"), write=True) as store:
        keys = add_runs(store, AT_ONCE)
        share = made[: STEPS // AT_ONCE]

        async def together() -> None:
            await asyncio.gather(*(drive(store, key, share) for key in keys))

        started = time.perf_counter()
        asyncio.run(together())
        timed(f"steps of {AT_ONCE} runs at once", STEPS, started)
    print(f"{'  microseconds to encode a step':<58}{encoding(made):>12.1f}")
    print(f"{'  microseconds of a unit besides, grouped':<58}{overhead(folder):>12.1f}")


def payload(made: list[tuple[list[Event], list[bytes]]]) -> float:
    rows = [row for events, digests in made for row in split(events, digests)]
    return sum(len(row.payload) + len(row.digests) for row in rows) / len(made)


def encoding(made: list[tuple[list[Event], list[bytes]]]) -> float:
    started = time.perf_counter()
    for events, digests in made:
        for _ in split(events, digests):
            pass
    return (time.perf_counter() - started) / len(made) * 1e6


def overhead(folder: Path) -> float:
    """A unit without a statement costs only what surrounds the statements."""
    with Store.open(Settings(home=folder / "empty"), write=True) as store:

        async def work() -> None:
            for _ in range(200):
                await store.commit(store.unit())

        async def crowd() -> None:
            await asyncio.gather(*(work() for _ in range(100)))

        started = time.perf_counter()
        asyncio.run(crowd())
        return (time.perf_counter() - started) / 20_000 * 1e6


def jobs(folder: Path) -> None:
    async def work() -> None:
        with Store.open(Settings(home=folder / "jobs"), write=True) as store:
            queue = Queue(store, SystemClock(), "bench")
            began = started = time.perf_counter()
            for _ in range(JOBS):
                await queue.enqueue(NewJob("noop"))
            timed("jobs put in, one a commit", JOBS, started)
            started = time.perf_counter()
            while leased := await queue.lease(100):
                await asyncio.gather(*map(queue.complete, leased))
            timed("jobs leased and completed, 100 at a time", JOBS, started)
            timed("jobs, both together", JOBS, began)
            assert queue.stats().completed == JOBS

    asyncio.run(work())


def long_run(folder: Path) -> None:
    home = Settings(home=folder / "long")
    with Store.open(home, write=True) as store:
        (key,) = add_runs(store, 1)
        before, at = GENESIS, 1
        while at <= LONG:
            unit = store.unit()
            for _ in range(20):
                events, digests = [], []
                for seq in range(at, min(at + 512, LONG + 1)):
                    events.append(Event(seq, "task.completed", at, f"/do/{seq % 9}/t", seq - 1, {"output": seq}))
                    before = digest(before, events[-1])
                    digests.append(before)
                unit.append_events(key, events, digests)
                at += 512
            store.commit_now(unit)
    started = time.perf_counter()
    with Store.open(home, write=False) as store:
        print(f"{'opening a store of a million events, ms':<58}{(time.perf_counter() - started) * 1e3:>12.1f}")
        chance = random.Random(1)
        taken = []
        for _ in range(300):
            seq = chance.randrange(2_000, LONG)
            started = time.perf_counter()
            for _ in store.read.chunks(key, seq - seq % 2_000, seq):
                pass
            taken.append(time.perf_counter() - started)
        print(f"{'  reading up to 2,000 events before one, p99 ms':<58}{sorted(taken)[296] * 1e3:>12.1f}")
        started = time.perf_counter()
        timed("  reading all of it, events", sum(len(chunk.events) for chunk in store.read.chunks(key)), started)


def size_of(home: Path) -> int:
    connection = sqlite3.connect(home / "reach.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return (home / "reach.db").stat().st_size


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        steps(Path(name), sqlite_itself(Path(name)))
        jobs(Path(name))
        long_run(Path(name))
