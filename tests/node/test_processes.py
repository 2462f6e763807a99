"""Two processes and one home: one owns it, the other reads and asks."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import HomeInUse, HomeReadOnly, NobodyWaits, NotFound, RunStateError

LISTENING = "do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"


def test_a_second_owner_is_refused_and_told_who_the_first_is(home, go):
    async def body():
        async with home.node():
            with pytest.raises(HomeInUse, match=r"process \d+"):
                async with home.node():
                    raise AssertionError

    go(body)


def test_a_reader_sees_runs_and_follows_their_events(home, go):
    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            run = await owner.start(home.request("do: [{a: {set: {n: 1}}}, {b: {wait: {milliseconds: 150}}}]"))
            followed = [event.type async for event in reader.events(run.id, follow=True)]
            assert followed[0] == "workflow.created"
            assert followed[-1] == "workflow.completed"
            assert (await reader.run("last")).id == run.id
            with pytest.raises(HomeReadOnly):
                await reader.fork(run.id, 3)

    go(body)


def test_a_reader_asks_the_owner_for_what_it_may_not_do_itself(home, go):
    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            run = (await owner.start(home.request(LISTENING))).id
            with pytest.raises(NobodyWaits):
                await reader.publish({"type": "c.d"})
            assert (await reader.suspend(run)).status == "suspended"
            assert (await reader.resume(run)).status != "suspended"
            assert (await reader.publish({"type": "a.b", "data": 5})).consumed_by == (run,)
            assert (await owner.wait(run)).output == [5]
            with pytest.raises(RunStateError):
                await reader.cancel(run)
            other = (await owner.start(home.request(LISTENING))).id
            assert (await reader.cancel(other)).status == "cancelled"

    go(body)


def test_runs_are_named_by_prefix_and_by_last(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, "do: [{a: {set: {n: 1}}}]")
            assert (await node.run(run.id[:14])).id == run.id
            assert (await node.run("last")).id == run.id
            with pytest.raises(NotFound):
                await node.run("zzzz")

    go(body)


def test_many_more_runs_than_slots_all_end(home, go):
    home.environment["REACH_RUNNER_CONCURRENT_RUNS"] = "3"

    async def body():
        async with home.node() as node:
            waiting = [await node.start(home.request(LISTENING)) for _ in range(5)]
            quick = [await node.start(home.request("do: [{a: {set: {n: 1}}}]")) for _ in range(20)]
            ended = await asyncio.gather(*(node.wait(run.id) for run in quick))
            assert {run.status for run in ended} == {"completed"}
            assert len((await node.publish({"type": "a.b"})).consumed_by) == len(waiting)
            ended = await asyncio.gather(*(node.wait(run.id) for run in waiting))
            assert {run.status for run in ended} == {"completed"}

    go(body)


def test_the_workflow_timeout_ends_a_stretch_of_pure_tasks(home, go):
    home.environment["REACH_LIMITS_PURE_TASKS"] = "100000000"

    async def body():
        async with home.node() as node:
            run = await home.run(node, "timeout: {after: {milliseconds: 300}}\ndo: [{spin: {set: {n: 1}, then: spin}}]")
            assert run.status == "faulted"
            assert (run.error or {})["type"].endswith("/timeout")

    go(body)


def test_a_loop_of_pure_tasks_that_never_ends_reaches_its_limit(home, go):
    home.environment["REACH_LIMITS_PURE_TASKS"] = "1000"

    async def body():
        async with home.node() as node:
            run = await home.run(node, "do: [{spin: {set: {n: 1}, then: spin}}]")
            assert run.status == "faulted"
            assert "limits.pure_tasks" in (run.error or {})["detail"]
            assert (await node.verify(run.id)).ok

    go(body)
