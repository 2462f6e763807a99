"""A store that is locked or full for a while: clear errors, and runs that go on afterwards with all they know."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from reach_workbench.errors import StoreBusy, StoreFull
from reach_workbench.node.local import LocalNode
from reach_workbench.settings import load

NOISE = """
do:
- loop: {for: {in: '${ [range(60)] }'}, do: [{step: {call: "noise:1.0.0@python", with: {n: '${ $item }'}}}]}
"""


def _noise(home):
    made = []

    def noise(given):
        number = given["n"]
        made.append(number)
        return "".join(chr(33 + (number * 7919 + place * place * 104_729) % 90) for place in range(3000))

    home.functions.register("noise", "1.0.0", noise)
    return made


def test_a_run_goes_on_with_what_it_has_in_hand_once_a_locked_store_is_free(home, go):
    home.environment["REACH_STORE_BUSY_SECONDS"] = "0.05"
    made = _noise(home)

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(NOISE.replace("60", "5"), hold=True))
            await node.wait(run.id)
            other = sqlite3.connect(home.folder / "home" / "reach.db", isolation_level=None)
            await node.resume(run.id, breakpoints=("/do/0/loop/do/0/step",))
            await node.wait(run.id)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusy):
                await node.resume(run.id, breakpoints=())
            other.execute("ROLLBACK")
            other.close()
            await node.resume(run.id, breakpoints=())
            assert (await node.wait(run.id)).status == "completed"
            assert made == list(range(5))

    go(body)


def test_runs_under_way_outlast_a_lock_and_leave_nothing_in_doubt(home, go):
    home.environment["REACH_STORE_BUSY_SECONDS"] = "0.05"
    other: list[sqlite3.Connection] = []

    def lock(given):
        other.append(sqlite3.connect(home.folder / "home" / "reach.db", isolation_level=None))
        other[0].execute("BEGIN IMMEDIATE")
        return given

    home.functions.register("lock", "1.0.0", lock)

    async def body():
        async with home.node() as node:
            run = await node.start(home.request('do: [{a: {call: "lock:1.0.0@python"}}, {b: {set: {n: 2}}}]'))
            with pytest.raises(StoreBusy):
                await node.wait(run.id)
            other[0].close()
            while (await node.run(run.id)).status != "completed":
                await asyncio.sleep(0.01)
            assert (await node.wait(run.id)).output == {"n": 2}
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_run_goes_on_in_the_same_process_once_there_is_room(home, go):
    made = _noise(home)
    home.environment["REACH_STORE_MAX_PAGES"] = "60"

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(NOISE))
            with pytest.raises(StoreFull):
                await node.wait(run.id)
            node.store._writer._connection.execute("PRAGMA max_page_count = 100000")
            while (await node.run(run.id)).status != "completed":
                await asyncio.sleep(0.01)
            assert made == list(range(60))
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_run_that_could_not_be_started_does_not_begin_later(home, go):
    home.environment["REACH_STORE_BUSY_SECONDS"] = "0.05"

    async def body():
        async with home.node() as node:
            other = sqlite3.connect(home.folder / "home" / "reach.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusy):
                await node.start(home.request("do: [{a: {set: {n: 1}}}]"))
            other.close()
            assert await node.runs() == []
            assert (await home.run(node, "do: [{a: {set: {n: 1}}}]")).status == "completed"
            assert len(await node.runs()) == 1

    go(body)


def test_a_node_closes_while_its_store_is_locked(home, go):
    home.environment["REACH_STORE_BUSY_SECONDS"] = "0.05"
    made = _noise(home)

    async def body():
        node = await LocalNode.open(load(home.folder / "home", home.environment), functions=home.functions)
        run = await node.start(home.request(NOISE.replace("60", "5000")))
        other = sqlite3.connect(home.folder / "home" / "reach.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            await node.wait(run.id)
        async with asyncio.timeout(5):
            await node.close()
        other.close()
        done = len(made)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run.id)
            assert len(view.in_doubt) == 1
            assert len(made) == done

    go(body)
