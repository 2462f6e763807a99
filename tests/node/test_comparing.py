"""Two runs side by side."""

from __future__ import annotations

import pytest

from reach_workbench.engine.faults import Fault
from reach_workbench.errors import NotFound

STEPS = """
do:
- wait: {wait: {milliseconds: 1}}
- tell: {emit: {event: {with: {source: /here, type: told, data: '${ . }'}}}}
- name: {set: {run: '${ $workflow.id }', n: 1}}
- more: {set: {n: '${ .n + 1 }'}}
- call: {call: 'draw:1.0.0@python', with: {}}
"""


def test_runs_of_the_same_workflow_agree_whatever_their_ids_and_times(home, go):
    home.functions.register("draw", "1.0.0", lambda arguments: 7, idempotent=True)

    async def body():
        async with home.node() as node:
            one, other = await home.run(node, STEPS, input={}), await home.run(node, STEPS, input={})
            assert one.status == "completed", one.error
            found = await node.compare(one.id, other.id)
            assert (found.same, found.common, found.left, found.right) == (True, one.seq, None, None)
            assert (await node.compare(one.id, one.id)).same

    go(body)


def test_runs_part_at_the_first_event_whose_data_differ(home, go):
    drawn = iter([3, 4])
    home.functions.register("draw", "1.0.0", lambda arguments: next(drawn), idempotent=True)

    async def body():
        async with home.node() as node:
            one, other = await home.run(node, STEPS), await home.run(node, STEPS)
            found = await node.compare(one.id, other.id)
            assert not found.same
            assert (found.left.type, found.left.data["output"], found.right.data["output"]) == (
                "command.completed",
                3,
                4,
            )
            assert found.common == found.left.seq - 1 == found.right.seq - 1
            assert found.message == "command.completed of /do/4/call has other data"
            assert (await node.compare(one.id, (await home.run(node, STEPS, input=[])).id)).common == 0
            with pytest.raises(NotFound):
                await node.compare(one.id, "nothing")

    go(body)


def test_true_is_not_one(home, go):
    async def body():
        async with home.node() as node:
            one = await home.run(node, "do: [{a: {set: {x: true}}}]")
            other = await home.run(node, "do: [{a: {set: {x: 1}}}]")
            found = await node.compare(one.id, other.id)
            assert (found.same, found.left.type) == (False, "task.completed")

    go(body)


def test_a_run_that_failed_earlier_parts_there(home, go):
    def draw(arguments):
        if fail:
            raise Fault("runtime", "broken")
        return 1

    home.functions.register("draw", "1.0.0", draw, idempotent=True)

    async def body():
        nonlocal fail
        async with home.node() as node:
            one = await home.run(node, STEPS)
            fail = True
            other = await home.run(node, STEPS)
            found = await node.compare(one.id, other.id)
            assert (found.left.type, found.right.type) == ("command.completed", "command.faulted")
            assert "stands against" in found.message

    fail = False
    go(body)


def test_a_fork_agrees_with_its_ancestor_until_its_data_do_not(home, go):
    home.functions.register("draw", "1.0.0", lambda arguments: 7, idempotent=True)

    async def body():
        async with home.node() as node:
            one = await home.run(node, STEPS)
            places = [event.seq async for event in node.events(one.id) if event.task == "/do/3/more"]
            at = places[0] - 1
            same = await node.wait((await node.fork(one.id, at)).id)
            assert (await node.compare(one.id, same.id)).same
            edited = await node.wait((await node.fork(one.id, at, edits={"/data/n": 5})).id)
            found = await node.compare(one.id, edited.id)
            assert (found.same, found.common, found.right.type) == (False, at, "workflow.forked")

            shorter = await node.cancel((await node.fork(one.id, at, hold=True)).id)
            found = await node.compare(one.id, shorter.id)
            assert (found.common, found.left.task, found.right.type) == (at, "/do/3/more", "workflow.cancel-requested")

    go(body)


def test_being_held_and_going_on_is_no_difference(home, go):
    drawn = iter([7, 7, 8])
    home.functions.register("draw", "1.0.0", lambda arguments: next(drawn), idempotent=True)

    async def body():
        async with home.node() as node:
            one = await home.run(node, STEPS)
            places = [event.seq async for event in node.events(one.id) if event.task == "/do/3/more"]
            at = places[0] - 1

            async def fork():
                """One that is suspended, and goes on again, twice."""
                held = await node.fork(one.id, at, hold=True)
                await node.suspend(held.id)
                await node.step(held.id)
                await node.suspend(held.id)
                await node.resume(held.id)
                return await node.wait(held.id)

            same, other = await fork(), await fork()
            types = [event.type async for event in node.events(same.id)]
            assert (types.count("workflow.suspended"), types.count("workflow.resumed")) == (2, 2)
            assert (await node.compare(one.id, same.id)).same
            assert (await node.compare(same.id, one.id)).same

            found = await node.compare(one.id, other.id)
            assert (found.left.type, found.left.data["output"], found.right.data["output"]) == (
                "command.completed",
                7,
                8,
            )
            assert found.common == found.left.seq - 1
            assert found.right.seq == found.left.seq + 5  # its own number: forked, and suspended and resumed twice

    go(body)
