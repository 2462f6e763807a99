"""Holding, stepping and breakpoints: where a run stands, and what it has done by then."""

from __future__ import annotations

import pytest

from reach_workbench.errors import NotFound, RunStateError

NESTED = """
do:
- first: {set: {x: 1}}
- group:
    do:
    - inner: {set: {x: 2}}
    - second: {set: {x: 3}}
- last: {set: {x: 4}}
"""


def test_a_run_that_starts_held_stands_before_its_first_task(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, NESTED, hold=True)
            assert (run.status, run.position, run.seq) == ("held", "/do/0/first", 2)

    go(body)


@pytest.mark.parametrize(
    ("modes", "position"),
    [
        (["over"], "/do/1/group"),
        (["over", "over"], "/do/2/last"),
        (["over", "into"], "/do/1/group/do/0/inner"),
        (["over", "into", "over"], "/do/1/group/do/1/second"),
        (["over", "into", "out"], "/do/2/last"),
        (["into", "into", "into", "into"], "/do/2/last"),
    ],
)
def test_steps_go_over_into_and_out_of_tasks(home, go, modes, position):
    async def body():
        async with home.node() as node:
            run = await home.run(node, NESTED, hold=True)
            for mode in modes:
                run = await node.step(run.id, mode)
            assert (run.status, run.position) == ("held", position)

    go(body)


def test_stepping_past_the_last_task_completes_the_run(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, NESTED, hold=True)
            run = await node.step(run.id, until="/do/2/last")
            assert run.position == "/do/2/last"
            run = await node.step(run.id)
            assert (run.status, run.output) == ("completed", {"x": 4})
            with pytest.raises(RunStateError):
                await node.step(run.id)

    go(body)


def test_stepping_leaves_no_trace_in_the_history(home, go):
    async def body():
        async with home.node() as node:
            stepped = await home.run(node, NESTED, hold=True)
            while stepped.status == "held":
                stepped = await node.step(stepped.id, "into")
            straight = await home.run(node, NESTED)

            async def types(run):
                return [(event.type, event.task, event.data) async for event in node.events(run.id, after=1)]

            assert await types(stepped) == await types(straight)

    go(body)


def test_a_breakpoint_holds_each_time_its_task_is_about_to_start(home, go):
    loop = "do: [{loop: {for: {in: '${ [1, 2] }'}, do: [{body: {set: {n: '${ $item }'}}}]}}]"
    reference = "/do/0/loop/do/0/body"

    async def body():
        async with home.node() as node:
            run = await home.run(node, loop, breakpoints=(reference,))
            held = []
            while run.status == "held":
                held.append((await node.state(run.id)).stack[-1].variables["item"])
                run = await node.wait((await node.resume(run.id)).id)
            assert held == [1, 2]
            assert run.output == {"n": 2}

    go(body)


def test_a_held_run_stays_held_for_another_process(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, NESTED, hold=True)
            run = await node.step(run.id)
        async with home.node() as node:
            assert await node.recover() == []
            run = await node.step(run.id, "into")
            assert (run.status, run.position) == ("held", "/do/1/group/do/0/inner")
            run = await node.wait((await node.resume(run.id)).id)
            assert run.status == "completed"

    go(body)


def test_a_breakpoint_on_no_task_is_refused(home, go):
    async def body():
        async with home.node() as node:
            with pytest.raises(NotFound, match="no task /do/9/nothing"):
                await node.start(home.request(NESTED, breakpoints=("/do/9/nothing",)))

    go(body)


def test_cancelling_a_held_run_starts_nothing_more(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, NESTED, hold=True)
            run = await node.cancel(run.id)
            assert run.status == "cancelled"
            assert [event.type async for event in node.events(run.id) if event.task] == []

    go(body)
