"""Workflows that start by themselves in a node that follows schedules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.errors import HomeReadOnly, NobodyWaits
from reach_workbench.node.local import LocalNode
from reach_workbench.settings import load
from tests import unheld

MINUTE, HOUR = 60_000, 3_600_000
START = 1_700_000_000_000  # 2023-11-14T22:13:20Z
BODY = "do: [{a: {set: {n: 1}}}]"


def document(schedule: str, body: str = BODY, *, version: str = "1.0.0", name: str = "tick") -> str:
    head = f"document: {{dsl: 1.0.3, namespace: tests, name: {name}, version: {version}}}\n"
    return f"{head}schedule: {schedule}\n{body}\n"


class Clock(FixedClock):
    """Moves only when told to; its chance never repeats, so that ids differ at the same time."""

    def entropy(self, size: int) -> bytes:
        return sha256(super().entropy(8)).digest()[:size]


class World:
    """A home whose time moves only when told to."""

    def __init__(self, home) -> None:
        self.home = home
        self.clock = Clock(START)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LocalNode]:
        settings = load(self.home.folder / "home", {"REACH_RUNNER_POLL_SECONDS": "0.005", **unheld.VARIABLES})
        node = await LocalNode.open(settings, clock=self.clock, functions=self.home.functions)
        try:
            await node.recover()
            await node.start_schedules()
            yield node
        finally:
            await node.close()

    async def add(self, node: LocalNode, schedule: str, body: str = BODY, **more) -> None:
        await node.add(document(schedule, body, **more), self.home.files / "tick.yaml")

    async def runs(self, node: LocalNode, count: int) -> list[str]:
        """The ended runs, once there are so many, and no more come."""
        while len(found := await node.runs()) < count or any(run.ended_at is None for run in found):
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.15)  # longer than it ever rests here while something is due
        found = await node.runs()
        assert len(found) == count
        return [run.id for run in found]


@pytest.fixture
def world(home):
    return World(home)


async def _schedule(node):
    (found,) = await node.schedules()
    return found


def test_every_starts_after_each_interval_and_keeps_its_distance(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{every: {minutes: 10}}")
            assert (await _schedule(node)).next_at == START + 10 * MINUTE
            await world.runs(node, 0)
            for count in (1, 2, 3):
                world.clock.advance(10 * MINUTE + 1000)
                (*_, newest) = reversed(await world.runs(node, count))
                view = await _schedule(node)
                assert (view.started, view.last_run) == (count, newest)
                assert view.next_at == START + (count + 1) * 10 * MINUTE
            assert (view.kind, view.rule, view.workflow) == ("every", '{"minutes":10}', "tests/tick:1.0.0")

    go(body)


def test_cron_is_read_in_utc(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{cron: '30 6 * * MON-FRI'}")
            assert (await _schedule(node)).next_at == START + (8 * 60 + 16) * MINUTE + 40_000  # Wednesday 06:30
            world.clock.advance(9 * HOUR)
            await world.runs(node, 1)
            assert (await _schedule(node)).next_at == START + (32 * 60 + 16) * MINUTE + 40_000

    go(body)


def test_after_starts_at_once_and_again_so_long_after_the_end(world, go):
    wait = "do: [{a: {listen: {to: {one: {with: {type: done}}}}}}]"

    async def body():
        async with world.serving() as node:
            await world.add(node, "{after: PT1M}", wait)
            while not (found := await node.runs()) or found[0].status != "waiting":
                await asyncio.sleep(0.002)
            world.clock.advance(HOUR)
            assert (await _schedule(node)).next_at is None
            await node.publish({"type": "done", "source": "/tests"})
            while (await _schedule(node)).next_at != START + HOUR + MINUTE:
                await asyncio.sleep(0.002)
        async with world.serving() as node:
            world.clock.advance(MINUTE)
            while len(await node.runs()) < 2:
                await asyncio.sleep(0.002)
            assert (await _schedule(node)).started == 2

    go(body)


def test_a_restart_neither_doubles_nor_skips(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{every: PT1H}")
            world.clock.advance(HOUR)
            await world.runs(node, 1)
        for _ in range(3):
            async with world.serving() as node:
                await world.runs(node, 1)
        world.clock.advance(HOUR)
        async with world.serving() as node:
            await world.runs(node, 2)
            view = await _schedule(node)
            assert (view.started, view.skipped, view.next_at) == (2, 0, START + 3 * HOUR)

    go(body)


@pytest.mark.parametrize(
    ("rule", "skipped", "following"),
    [("{every: PT1H}", 4, START + 6 * HOUR), ("{cron: '0 * * * *'}", 4, START + 5 * HOUR + 46 * MINUTE + 40_000)],
)
def test_of_the_times_that_passed_without_a_node_one_is_made_up_for_and_the_others_are_counted(
    world, go, rule, skipped, following
):
    async def body():
        async with world.serving() as node:
            await world.add(node, rule)
        world.clock.advance(5 * HOUR)
        async with world.serving() as node:
            await world.runs(node, 1)
            view = await _schedule(node)
            assert (view.started, view.skipped, view.next_at) == (1, skipped, following)

    go(body)


def test_only_a_node_that_follows_schedules_starts_anything(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{every: PT1H}")
        world.clock.advance(HOUR)
        settings = load(world.home.folder / "home", unheld.VARIABLES)
        node = await LocalNode.open(settings, clock=world.clock)
        try:
            await node.recover()
            await world.runs(node, 0)
        finally:
            await node.close()
        reading = await LocalNode.open(settings, write=False)
        try:
            assert (await _schedule(reading)).next_at == START + HOUR
            with pytest.raises(HomeReadOnly):
                await reading.start_schedules()
        finally:
            await reading.close()

    go(body)


def test_the_newest_version_counts_and_one_without_a_schedule_ends_it(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{every: PT1H}")
            await world.add(node, "{every: PT1H}", version="1.1.0")
            view = await _schedule(node)
            assert (view.workflow, view.next_at) == ("tests/tick:1.1.0", START + HOUR)
            await world.add(node, "{every: PT2H}", version="1.2.0")
            assert (await _schedule(node)).next_at == START + 2 * HOUR
            await world.add(node, "{every: PT5M}", version="1.0.1")
            assert (await _schedule(node)).workflow == "tests/tick:1.2.0"
            await node.add(
                document("{every: PT1H}", version="2.0.0").replace("schedule: {every: PT1H}\n", ""),
                world.home.files / "t.yaml",
            )
            assert await node.schedules() == ()

    go(body)


def test_an_event_starts_a_run_whose_input_is_the_events(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(
                node, "{on: {one: {with: {type: order}}}}", "do: [{a: {set: {got: '${ $workflow.input }'}}}]"
            )
            published = await node.publish({"type": "order", "source": "/tests", "data": {"id": 7}})
            (run,) = published.consumed_by
            assert (await node.wait(run)).output == {"got": [{"id": 7}]}
            with pytest.raises(NobodyWaits):
                await node.publish({"type": "other", "source": "/tests"})
            await world.runs(node, 1)

    go(body)


def test_all_events_are_collected_across_a_restart(world, go):
    both = "{on: {all: [{with: {type: a}}, {with: {type: b}}]}, read: envelope}"
    types = "do: [{a: {set: {types: '${ [$workflow.input[].type] }'}}}]"

    async def body():
        async with world.serving() as node:
            await world.add(node, both, types)
            first = await node.publish({"type": "a", "source": "/tests"})
            assert (first.consumed_by, first.queued) == ((), True)
        async with world.serving() as node:
            with pytest.raises(NobodyWaits):
                await node.publish({"type": "c", "source": "/tests"})
            (run,) = (await node.publish({"type": "b", "source": "/tests"})).consumed_by
            assert (await node.wait(run)).output == {"types": ["a", "b"]}
            await node.publish({"type": "b", "source": "/tests"})
            await world.runs(node, 1)

    go(body)


def test_an_event_that_a_run_emits_starts_another_workflow(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{on: {any: [{with: {type: made}}]}}", name="taker")
            emitter = "do: [{e: {emit: {event: {with: {type: made, source: /runs}}}}}]"
            await node.wait((await node.start(world.home.request(emitter))).id)
            await world.runs(node, 2)
            assert (await _schedule(node)).started == 1

    go(body)


def test_an_event_that_came_while_no_node_served_is_taken_later_once(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{on: {one: {with: {type: late}}}}")
        settings = load(world.home.folder / "home", unheld.VARIABLES)
        node = await LocalNode.open(settings, clock=world.clock)
        try:
            published = await node.publish({"type": "late", "source": "/tests"})
            assert (published.consumed_by, published.kept_for) == ((), ("tests/tick:1.0.0",))
            async with world.home.node(write=False) as other:
                assert (await other.publish({"type": "late", "source": "/tests"})).kept_for == ("tests/tick:1.0.0",)
            with pytest.raises(NobodyWaits):
                await node.publish({"type": "early", "source": "/tests"})
        finally:
            await node.close()
        for _ in range(2):
            async with world.serving() as node:
                await world.runs(node, 2)

    go(body)


def test_an_event_is_kept_only_for_workflows_that_will_take_it(world, go):
    both = "{on: {all: [{with: {type: a}}, {with: {type: b}}]}}"

    async def body():
        async with world.serving() as node:
            await world.add(node, both)
        async with world.home.node() as node:
            assert (await node.publish({"type": "a", "source": "/tests"})).kept_for
            with pytest.raises(NobodyWaits):  # it has one already
                await node.publish({"type": "a", "source": "/tests"})
            assert (await node.publish({"type": "b", "source": "/tests"})).kept_for
            assert (await node.publish({"type": "a", "source": "/tests"})).kept_for  # towards the next start
            await world.add(node, "{on: {one: {with: {type: c}}}}", version="2.0.0")
            with pytest.raises(NobodyWaits):  # the newer version hears what comes after a node has begun to serve it
                await node.publish({"type": "c", "source": "/tests"})

    go(body)


def test_several_ways_to_start_are_kept_side_by_side(world, go):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{every: PT1H, cron: '0 0 * * *', on: {one: {with: {type: x}}}}")
            assert [view.kind for view in await node.schedules()] == ["cron", "every", "on"]

    go(body)


@pytest.mark.parametrize("door", ["publish", "add"])
def test_a_node_that_is_closed_as_it_looks_at_its_schedules_ends(world, go, door):
    async def body():
        async with world.serving() as node:
            await world.add(node, "{every: {minutes: 10}}")
            ear = document("{on: {one: {with: {type: go}}}}", name="ear")
            await node.add(ear, world.home.files / "ear.yaml")
            await asyncio.sleep(0.05)  # it rests by now
            if door == "publish":
                asked = asyncio.create_task(node.publish({"type": "go", "source": "x"}))
            else:
                text = document("{every: {minutes: 7}}", name="two")
                asked = asyncio.create_task(node.add(text, world.home.files / "two.yaml"))
            while not node._schedules._lock.locked():
                await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await node._schedules.stop()
            await asyncio.wait([asked])

    go(body)
