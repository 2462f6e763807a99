"""Time: busy runs, clocks that are set, and runs that were held for long."""

from __future__ import annotations

import asyncio

from reach_workbench.clock import SystemClock
from reach_workbench.node.local import LocalNode
from reach_workbench.settings import load


class ShiftedClock(SystemClock):
    """The machine's clock, set by somebody; elapsed time goes on as it does."""

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift

    def now(self) -> int:
        return super().now() + self.shift


DAY = 86_400_000


def test_a_timeout_ends_a_run_that_is_never_idle(home, go):
    home.functions.register("noop", "1.0.0", lambda given: given)
    spin = 'timeout: {after: {milliseconds: 300}}\ndo: [{spin: {call: "noop:1.0.0@python", then: spin}}]'

    async def body():
        async with home.node() as node:
            run = await home.run(node, spin)
            assert (run.error or {})["type"].endswith("/timeout")

    go(body)


def test_a_clock_that_is_set_back_makes_no_run_wait_longer(home, go):
    async def body():
        clock = ShiftedClock()
        node = await LocalNode.open(load(home.folder / "home", home.environment), clock=clock)
        run = await node.start(home.request("do: [{pause: {wait: {milliseconds: 300}}}]"))
        while (await node.run(run.id)).status != "waiting":
            await asyncio.sleep(0.001)
        clock.shift = -DAY
        assert (await node.wait(run.id)).status == "completed"
        assert (await node.verify(run.id)).ok
        await node.close()

    go(body)


def test_a_run_is_recovered_by_a_process_whose_clock_is_behind(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request("do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"))).id
        settings = load(home.folder / "home", home.environment)
        node = await LocalNode.open(settings, clock=ShiftedClock(-DAY))
        assert await node.recover() == [run]
        while node.runner.driver(run) is None:
            await asyncio.sleep(0.001)
        await node.publish({"type": "a.b", "data": 1})
        assert (await node.wait(run)).output == [1]
        await node.close()

    go(body)


def test_a_task_that_starts_after_a_long_hold_has_all_its_time(home, go):
    timed = "do: [{first: {set: {n: 1}}}, {second: {timeout: {after: {seconds: 30}}, do: [{a: {wait: {seconds: 5}}}]}}]"

    async def body():
        clock = ShiftedClock()
        node = await LocalNode.open(load(home.folder / "home", home.environment), clock=clock)
        run = await home.run(node, timed, breakpoints=("/do/1/second",))
        clock.shift = 3_600_000
        await node.resume(run.id)
        while (await node.run(run.id)).status != "waiting":
            await asyncio.sleep(0.001)
        dues = [event.data["due"] async for event in node.events(run.id) if event.type == "timer.started"]
        assert min(dues) >= clock.now() - 1_000
        clock.shift += 5_000
        assert (await node.wait(run.id)).status == "completed"
        assert (await node.verify(run.id)).ok
        await node.close()

    go(body)


def test_a_fork_of_an_old_run_has_the_time_that_was_left_at_that_event(home, go):
    timed = "timeout: {after: {minutes: 1}}\ndo: [{a: {set: {n: 1}}}, {b: {set: {n: 2}}}]"

    async def body():
        clock = ShiftedClock()
        node = await LocalNode.open(load(home.folder / "home", home.environment), clock=clock)
        run = await home.run(node, timed)
        clock.shift = DAY
        fork = await node.wait((await node.fork(run.id, 4)).id)
        assert (fork.status, fork.output) == ("completed", {"n": 2})
        assert (await node.verify(fork.id)).ok
        await node.close()

    go(body)
