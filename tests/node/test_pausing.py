"""Pausing: a run that goes on is held before the next task it starts."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import RunStateError

TASKS = """
do:
- one: {call: "gate:1.0.0@python"}
- two: {do: [{inner: {set: {n: 1}}}]}
- three: {set: {n: 2}}
"""


@pytest.fixture
def gate(home):
    """A function that is entered, and returns once it is let."""
    entered, opened = asyncio.Event(), asyncio.Event()

    async def pass_gate(given):
        entered.set()
        await opened.wait()

    home.functions.register("gate", "1.0.0", pass_gate)
    return entered, opened


async def _held(node, run):
    while (view := await node.run(run)).status != "held":
        await asyncio.sleep(0.002)
    return view


def test_a_run_that_performs_an_effect_holds_before_the_task_after_it(home, go, gate):
    entered, opened = gate

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(TASKS))
            await entered.wait()
            assert (await node.pause(run.id)).status == "running"
            opened.set()
            view = await node.wait(run.id)
            assert (view.status, view.position) == ("held", "/do/1/two")
            view = await node.step(run.id, "into")
            assert (view.status, view.position) == ("held", "/do/1/two/do/0/inner")
            await node.resume(run.id)
            assert (await node.wait(run.id)).output == {"n": 2}
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_loop_without_end_is_held_where_it_is(home, go):
    loop = "do: [{a: {set: {n: 1}}}, {b: {wait: {milliseconds: 1}, then: a}}]"

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(loop))
            await node.pause(run.id)
            view = await node.wait(run.id)
            assert view.status == "held"
            before = view.seq
            await node.resume(run.id)
            while (await node.run(run.id)).seq < before + 20:
                await asyncio.sleep(0.002)
            await node.cancel(run.id)

    go(body)


def test_a_run_that_waits_holds_when_it_goes_on(home, go):
    listening = "do: [{hear: {listen: {to: {one: {with: {type: go}}}}}}, {then: {set: {n: 1}}}]"

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(listening))
            while (view := await node.run(run.id)).status != "waiting":
                await asyncio.sleep(0.002)
            assert (await node.pause(run.id)).status == "waiting"
            await node.publish({"type": "go", "source": "/tests"})
            view = await _held(node, run.id)
            assert view.position == "/do/1/then"

    go(body)


def test_another_process_can_pause_a_run(home, go, gate):
    entered, opened = gate

    async def body():
        async with home.node() as node, home.node(write=False) as other:
            run = await node.start(home.request(TASKS))
            await entered.wait()
            await other.pause(run.id)
            opened.set()
            assert (await node.wait(run.id)).status == "held"

    go(body)


def test_pausing_a_held_run_changes_nothing_and_an_ended_one_is_refused(home, go):
    body_of = "do: [{a: {set: {n: 1}}}]"

    async def body():
        async with home.node() as node:
            held = await home.run(node, body_of, hold=True)
            assert (await node.pause(held.id)).status == "held"
            await node.resume(held.id)
            assert (await node.wait(held.id)).status == "completed"
            with pytest.raises(RunStateError, match="completed"):
                await node.pause(held.id)

    go(body)


def test_a_pause_that_is_not_reached_yet_survives_a_restart(home, go):
    listening = "do: [{hear: {listen: {to: {one: {with: {type: go}}}}}}, {then: {set: {n: 1}}}]"

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(listening))
            while (await node.run(run.id)).status != "waiting":
                await asyncio.sleep(0.002)
            await node.pause(run.id)
        async with home.node() as node:
            await node.recover()
            await node.publish({"type": "go", "source": "/tests"})
            view = await _held(node, run.id)
            assert view.position == "/do/1/then"
            await node.resume(run.id)
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_run_that_was_paused_and_let_go_on_is_not_held_after_a_restart(home, go):
    listening = (
        "do: [{hear: {listen: {to: {one: {with: {type: go}}}}}}, {again: {listen: {to: {one: {with: {type: on}}}}}},"
        " {then: {set: {n: 1}}}]"
    )

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(listening))
            while (await node.run(run.id)).status != "waiting":
                await asyncio.sleep(0.002)
            await node.pause(run.id)
            await node.publish({"type": "go", "source": "/tests"})
            await _held(node, run.id)
            await node.resume(run.id)
            while (await node.run(run.id)).status != "waiting":
                await asyncio.sleep(0.002)
        async with home.node() as node:
            await node.recover()
            await node.publish({"type": "on", "source": "/tests"})
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_run_that_was_at_work_is_held_after_a_restart_before_its_next_task(home, go):
    source = """
do:
- slow: {run: {shell: {command: 'test -e done || { touch begun; sleep 20; }'}}, metadata: {idempotent: true}}
- then: {set: {n: 2}}
"""

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(source))
            while not (home.files / "begun").exists():
                await asyncio.sleep(0.002)
            assert (await node.pause(run.id)).status == "running"
        (home.files / "done").touch()
        async with home.node() as node:
            await node.recover()
            view = await _held(node, run.id)
            assert view.position == "/do/1/then"
            await node.resume(run.id)
            assert (await node.wait(run.id)).output == {"n": 2}

    go(body)
