"""Forks that go on with another outcome of the command before."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import ForkRefused
from reach_workbench.protocol.debugging import Breakpoint, Outcome

BODY = """
do:
- one: {call: "count:1.0.0@python"}
- two: {set: {seen: "${ . }"}}
- guarded:
    try: [{three: {call: "count:1.0.0@python"}}]
    catch: {as: error, do: [{mended: {set: {why: "${ $error.detail }"}}}]}
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


def test_the_fork_goes_on_with_the_output_it_was_given(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "command.completed", "/do/0/one")
            fork = await node.wait((await node.fork(first.id, at, outcome=Outcome(output={"x": 1}))).id)
            assert (fork.forked_at, len(counted)) == (at - 1, 3)
            outputs = [event.data async for event in node.events(fork.id) if event.type == "command.completed"]
            assert [data["output"] for data in outputs] == [{"x": 1}, 3]
            assert (await node.state(fork.id)).output == 3
            assert (await node.verify(fork.id)).ok
            assert (await node.verify(first.id)).ok

    go(body)


def test_the_fork_goes_on_with_the_fault_it_was_given(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "command.completed", "/do/2/guarded/try/0/three")
            fork = await node.wait((await node.fork(first.id, at, outcome=Outcome(error="it rained"))).id)
            assert (fork.output, len(counted)) == ({"why": "it rained"}, 2)
            assert (await node.verify(fork.id)).ok

    go(body)


def test_an_output_in_the_place_of_a_fault(home, go):
    def fail(given):
        raise ValueError("broken")

    home.functions.register("fail", "1.0.0", fail)

    async def body():
        async with home.node() as node:
            first = await home.run(node, 'do: [{a: {call: "fail:1.0.0@python"}}, {b: {set: {got: "${ . }"}}}]')
            assert first.status == "faulted"
            at = await _seq(node, first.id, "command.faulted", "/do/0/a")
            fork = await node.wait((await node.fork(first.id, at, outcome=Outcome(output=7))).id)
            assert fork.output == {"got": 7}
            assert (await node.verify(fork.id)).ok

    go(body)


def test_other_commands_pending_at_the_fork_are_asked_for_again(home, go, counted):
    both = """
do:
- both:
    fork:
      branches:
      - left: {call: "count:1.0.0@python"}
      - right: {run: {shell: {command: 'echo right >> marks; printf right'}}}
"""

    async def body():
        async with home.node() as node:
            first = await home.run(node, both)
            at = await _seq(node, first.id, "command.completed", "/do/0/both/fork/branches/0/left")
            fork = await node.wait((await node.fork(first.id, at, outcome=Outcome(output="mine"))).id)
            assert (fork.output, len(counted)) == (["mine", "right"], 1)
            assert (home.files / "marks").read_text().split() == ["right", "right"]
            assert (await node.verify(fork.id)).ok

    go(body)


def test_a_decision_about_an_effect_in_doubt_can_be_another(home, go):
    slow = "do: [{slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(slow))).id
            while not (home.files / "marks").exists():
                await asyncio.sleep(0.005)
        async with home.node() as node:
            await node.recover()
            (number,) = (await node.wait(run)).in_doubt
            await node.resolve(run, number, "fail", value="lost")
            assert (await node.wait(run)).status == "faulted"
            at = await _seq(node, run, "command.resolved", "/do/0/slow")
            fork = await node.wait((await node.fork(run, at, outcome=Outcome(output="well"))).id)
            assert (fork.status, fork.output) == ("completed", "well")
            assert (await node.verify(fork.id)).ok

    go(body)


def test_edits_and_a_held_start_go_together_with_it(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "command.completed", "/do/0/one")
            fork = await node.fork(first.id, at, outcome=Outcome(output=40), hold=True)
            fork = await node.wait(fork.id)
            assert (fork.status, fork.position, len(counted)) == ("held", "/do/1/two", 2)
            fork = await node.step(fork.id)
            assert (await node.state(fork.id)).data == {"seen": 40}
            await node.set_breakpoint(Breakpoint(on="command"))
            await node.resume(fork.id)
            assert (await node.wait(fork.id)).status == "held"
            assert len(counted) == 2

    go(body)


def test_only_the_outcome_of_a_command_can_be_replaced(home, go, counted):
    async def body():
        async with home.node() as node:
            first = await home.run(node, BODY)
            at = await _seq(node, first.id, "task.completed", "/do/1/two")
            with pytest.raises(ForkRefused, match=r"task\.completed"):
                await node.fork(first.id, at, outcome=Outcome(output=1))

    go(body)
