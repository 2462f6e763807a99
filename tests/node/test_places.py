"""More runs than may go on at the same time: none starves, and all of them can be told what to do."""

from __future__ import annotations

import asyncio
import threading

import pytest

SLOW = "do: [{slow: {run: {shell: {command: 'sleep 30'}}}}]"
LISTENS = "do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}, {after: {set: {heard: '${ . }'}}}]"
QUICK = "do: [{a: {set: {n: 1}}}]"


@pytest.fixture
def one_place(home):
    home.environment["REACH_RUNNER_CONCURRENT_RUNS"] = "1"


@pytest.mark.usefixtures("one_place")
def test_a_run_that_finds_no_place_is_kept_and_begins_later(home, go):
    async def body():
        async with home.node() as node:
            slow = await node.start(home.request(SLOW))
            queued = await node.start(home.request(QUICK))
            assert queued.status == "pending"
            await node.cancel(slow.id)
            assert (await node.wait(queued.id)).status == "completed"

    go(body)


@pytest.mark.usefixtures("one_place")
def test_a_run_that_waits_for_a_place_goes_on_in_the_next_process(home, go):
    async def body():
        async with home.node() as node:
            slow = await node.start(home.request(SLOW))
            queued = await node.start(home.request(QUICK))
        async with home.node() as node:
            assert sorted(await node.recover()) == sorted([slow.id, queued.id])
            assert (await node.wait(slow.id)).in_doubt
            assert (await node.wait(queued.id)).status == "completed"

    go(body)


@pytest.mark.usefixtures("one_place")
@pytest.mark.parametrize("recovered", [True, False])
def test_a_run_without_a_place_can_be_cancelled_suspended_and_told_of_events(home, go, recovered):
    async def body():
        async with home.node() as node:
            runs = [(await node.start(home.request(LISTENS))).id for _ in range(3)]
            for run in runs:
                while (await node.run(run)).status != "waiting":
                    await asyncio.sleep(0.001)
            if not recovered:
                await node.start(home.request(SLOW))
                await _check(node, runs)
        if recovered:
            async with home.node() as node:
                await node.start(home.request(SLOW))
                assert sorted(await node.recover()) == sorted(runs)
                await _check(node, runs)

    async def _check(node, runs):
        assert (await node.cancel(runs[0])).status == "cancelled"
        assert (await node.suspend(runs[1])).status == "suspended"
        assert (await node.publish({"type": "a.b", "data": 1})).consumed_by == (runs[2],)

    go(body)


def test_a_node_that_recovers_twice_disturbs_no_run_that_is_under_way(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS))).id
            assert await node.recover() == []
            await node.publish({"type": "a.b", "data": 1})
            assert (await node.wait(run)).output == {"heard": [1]}

    go(body)


def test_a_step_of_a_run_that_goes_on_is_refused(home, go):
    from reach_workbench.errors import RunStateError

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS))).id
            with pytest.raises(RunStateError, match="only a held run"):
                await node.step(run)

    go(body)


def test_a_held_run_goes_on_while_an_effect_beside_it_is_still_performed(home, go):
    release = threading.Event()
    home.functions.register("hold", "1.0.0", lambda _: release.wait(20), blocking=True)
    fork = """do:
- both:
    fork:
      branches:
      - slow: {call: "hold:1.0.0@python"}
      - quick: {do: [{first: {set: {n: 1}}}, {second: {set: {n: 2}}}]}
"""

    async def body():
        async with home.node() as node:
            run = (
                await node.start(home.request(fork, breakpoints=("/do/0/both/fork/branches/1/quick/do/1/second",)))
            ).id
            while (await node.run(run)).status != "held":
                await asyncio.sleep(0.001)
            await node.resume(run)
            while (await node.run(run)).status == "held":
                await asyncio.sleep(0.001)
            release.set()
            assert (await node.wait(run)).output == [True, {"n": 2}]

    go(body)


def test_blocking_functions_of_many_runs_do_not_keep_expressions_waiting(home, go):
    release = threading.Event()
    home.functions.register("hold", "1.0.0", lambda _: release.wait(20), blocking=True)

    async def body():
        async with home.node() as node:
            held = [(await node.start(home.request('do: [{h: {call: "hold:1.0.0@python"}}]'))).id for _ in range(60)]
            view = await home.run(node, "do: [{a: {set: {n: '${ [limit(3; repeat(1))] | length }'}}}]")
            assert view.output == {"n": 3}
            release.set()
            assert {(await node.wait(run)).status for run in held} == {"completed"}

    go(body)
