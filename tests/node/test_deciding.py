"""Decisions and events that come while nobody drives the run: they are recorded, and nothing more is begun."""

from __future__ import annotations

import asyncio

from tests.node.test_recovery import _left_in_the_middle, _marks

TWO = """do:
- slow: {run: {shell: {command: 'echo begun >> marks; test -e go || sleep 30'}}}
- next: {run: {shell: {command: 'echo next >> marks; test -e go || sleep 30'}}}
"""


def test_a_repetition_that_was_ordered_is_begun_by_the_process_that_goes_on(home, go):
    async def body():
        run = await _left_in_the_middle(home, TWO)
        async with home.node() as node:
            await node.recover()
            doubtful = (await node.wait(run)).in_doubt[0]
        async with home.node() as node:
            await node.resolve(run, doubtful, "repeat")
            await asyncio.sleep(0)
        assert _marks(home) == ["begun"]
        (home.files / "go").touch()
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            assert (view.status, view.in_doubt, _marks(home)) == ("completed", (), ["begun", "begun", "next"])

    go(body)


def test_a_result_that_was_given_starts_nothing_in_a_process_that_is_about_to_end(home, go):
    async def body():
        run = await _left_in_the_middle(home, TWO)
        async with home.node() as node:
            await node.recover()
            doubtful = (await node.wait(run)).in_doubt[0]
        async with home.node() as node:
            await node.resolve(run, doubtful, "result", value=1)
        (home.files / "go").touch()
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            assert (view.status, _marks(home)) == ("completed", ["begun", "next"])

    go(body)


def test_a_repetition_ordered_for_a_suspended_run_is_begun_when_it_is_resumed(home, go):
    async def body():
        run = await _left_in_the_middle(home, TWO)
        (home.files / "go").touch()
        async with home.node() as node:
            await node.recover()
            doubtful = (await node.wait(run)).in_doubt[0]
            await node.suspend(run)
            await node.resolve(run, doubtful, "repeat")
            assert _marks(home) == ["begun"]
            await node.resume(run)
            assert (await node.wait(run)).status == "completed"

    go(body)


def test_suspending_a_run_that_nobody_drives_begins_none_of_its_effects(home, go):
    again = "do: [{slow: {metadata: {idempotent: true}, run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"

    async def body():
        run = await _left_in_the_middle(home, again)
        async with home.node() as node:
            assert (await node.suspend(run)).status == "suspended"
            assert await node.recover() == []
        assert _marks(home) == ["begun"]

    go(body)


def test_an_event_reaches_a_stored_run_that_listens_beside_an_effect_under_way(home, go):
    both = """do:
- both:
    fork:
      branches:
      - hear: {listen: {to: {one: {with: {type: a.b}}}}}
      - slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}
"""

    async def body():
        run = await _left_in_the_middle(home, both)
        async with home.node() as node:
            assert (await node.publish({"type": "a.b", "data": 7})).consumed_by == (run,)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            await node.resolve(run, view.in_doubt[0], "result", value="x")
            assert (await node.wait(run)).output == [[7], "x"]

    go(body)


def test_an_event_reaches_a_run_that_is_held_elsewhere(home, go):
    both = """do:
- both:
    fork:
      branches:
      - hear: {listen: {to: {one: {with: {type: a.b}}}}}
      - other: {do: [{first: {wait: {milliseconds: 1}}}, {second: {set: {n: 1}}}]}
"""
    reference = "/do/0/both/fork/branches/1/other/do/1/second"

    async def body():
        async with home.node() as node:
            run = (await home.run(node, both, breakpoints=(reference,))).id
            assert (await node.publish({"type": "a.b", "data": 7})).consumed_by == (run,)
            assert (await node.run(run)).status == "held"
            await node.resume(run)
            assert (await node.wait(run)).output == [[7], {"n": 1}]

    go(body)
