"""Forks: the same past, another future."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import ForkRefused, NotFound, UsageError

BODY = """
do:
- one: {call: "count:1.0.0@python"}
- two: {set: {seen: "${ . }"}}
- three: {call: "count:1.0.0@python"}
"""


@pytest.fixture
def counted(home):
    calls: list[int] = []

    def count(given):
        calls.append(1)
        return len(calls)

    home.functions.register("count", "1.0.0", count)
    return calls


async def _seq(node, run, type_, task):
    found = [event.seq async for event in node.events(run) if (event.type, event.task) == (type_, task)]
    return found[0]


def test_outcomes_before_the_fork_are_kept_and_later_ones_are_new(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "task.completed", "/do/1/two")
            fork = await node.wait((await node.fork(first.id, at)).id)
            assert (first.output, fork.output, len(counted)) == (2, 3, 3)
            assert (fork.forked_from, fork.forked_at) == (first.id, at)
            past = [event.digest async for event in node.events(first.id) if event.seq <= at]
            assert [event.digest async for event in node.events(fork.id) if event.seq <= at] == past
            assert (await node.verify(fork.id)).ok

    go(body)


def test_what_was_asked_and_not_answered_at_the_fork_is_asked_again(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "command.issued", "/do/2/three")
            fork = await node.wait((await node.fork(first.id, at)).id)
            assert (fork.output, len(counted)) == (3, 3)
            assert (await node.verify(fork.id)).ok

    go(body)


def test_the_data_can_be_edited_at_the_fork(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, "do: [{a: {set: {n: 1}}}, {b: {set: '${ . + {m: (.n + 1)} }'}}]")
            at = await _seq(node, first.id, "task.completed", "/do/0/a")
            fork = await node.wait((await node.fork(first.id, at, edits={"/data/n": 41})).id)
            assert fork.output == {"n": 41, "m": 42}
            assert (await node.verify(fork.id)).ok

    go(body)


@pytest.mark.parametrize(
    ("pointer", "error"), [("/data/no/such", ForkRefused), ("data", UsageError), ("/frames", UsageError)]
)
def test_editing_what_is_not_there_is_refused(home, go, pointer, error):
    async def body():
        async with home.node() as node:
            first = await home.run(node, "do: [{a: {set: {n: 1}}}, {b: {set: {n: 2}}}]")
            with pytest.raises(error):
                await node.fork(first.id, 4, edits={pointer: 1})

    go(body)


def test_a_changed_workflow_is_taken_when_the_past_still_fits(home, go, counted):
    changed = BODY.replace('three: {call: "count:1.0.0@python"}', "three: {set: {instead: '${ .seen }'}}")

    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "task.completed", "/do/1/two")
            request = home.request(changed)
            fork = await node.wait((await node.fork(first.id, at, source=request.source, file=request.file)).id)
            assert fork.output == {"instead": 1}
            assert len(counted) == 2
            assert (await node.verify(fork.id)).ok

    go(body)


def test_a_changed_workflow_with_another_past_is_refused_with_the_place(home, go, counted):
    changed = BODY.replace("two: {set: {seen", "two: {set: {heard")

    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "task.completed", "/do/1/two")
            request = home.request(changed)
            with pytest.raises(ForkRefused, match="does not fit") as refused:
                await node.fork(first.id, at, source=request.source, file=request.file)
            assert refused.value.where == f"event {at} at /do/1/two"

    go(body)


def test_there_is_no_fork_after_the_end_or_beyond_it(home, go):
    async def body():
        async with home.node() as node:
            first = await home.run(node, "do: [{a: {set: {n: 1}}}]")
            with pytest.raises(ForkRefused):
                await node.fork(first.id, first.seq)
            with pytest.raises(NotFound):
                await node.fork(first.id, first.seq + 1)

    go(body)


def test_a_fork_of_a_fork_knows_its_whole_past(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            second = await node.wait((await node.fork(first.id, 9)).id)
            third = await node.wait((await node.fork(second.id, second.seq - 2)).id)
            fourth = await node.wait((await node.fork(second.id, 4)).id)
            for run in (second, third, fourth):
                found = await node.verify(run.id)
                assert found.ok, found.message
                assert (await node.state(run.id, 3)).position == "/do/0/one"

    go(body)


def test_a_fork_that_is_held_performs_nothing_until_it_goes_on(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "command.issued", "/do/2/three")
            fork = await node.wait((await node.fork(first.id, at, hold=True)).id)
            assert (fork.status, len(counted)) == ("held", 2)
        async with home.node() as node:
            await node.resume(fork.id)
            fork = await node.wait(fork.id)
            assert (fork.status, fork.output, fork.in_doubt, len(counted)) == ("completed", 3, (), 3)
            assert (await node.verify(fork.id)).ok

    go(body)


def test_an_effect_in_doubt_at_the_fork_is_in_doubt_in_the_fork_too(home, go):
    slow = "do: [{slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(slow))).id
            while not (home.files / "marks").exists():
                await asyncio.sleep(0.005)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            fork = await node.wait((await node.fork(run, view.seq)).id)
            assert fork.in_doubt == view.in_doubt
            await node.resolve(fork.id, fork.in_doubt[0], "result", value="forked")
            assert (await node.wait(fork.id)).output == "forked"
            assert (await node.wait(run)).in_doubt == view.in_doubt
            assert (await node.verify(fork.id)).ok

    go(body)


def test_a_fork_at_a_sub_workflow_runs_one_of_its_own(home, go):
    (home.files / "child.yaml").write_text(
        "document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.0.0}\ndo: [{a: {set: {n: 1}}}]"
    )
    parent = "do: [{call: {run: {workflow: {namespace: tests, name: child, version: 1.0.0}}}}]"

    async def body():
        async with home.node() as node:
            first = await home.run(node, parent)
            at = await _seq(node, first.id, "command.issued", "/do/0/call")
            fork = await node.wait((await node.fork(first.id, at)).id)
            assert fork.output == {"n": 1}
            assert sorted(view.parent for view in await node.runs() if view.parent) == sorted([first.id, fork.id])

    go(body)
