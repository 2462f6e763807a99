"""States kept on the way to others show the same moments, and runs let others be heard while somebody asks."""

from __future__ import annotations

import asyncio

from reach_workbench.node.views import state_view
from reach_workbench.runner.loading import load_state
from reach_workbench.runner.passed import STRIDE
from reach_workbench.runner.turns import Turns
from tests.node.test_looking import LOOPS


def test_a_state_is_the_same_whatever_was_looked_at_before(home, go) -> None:
    async def body() -> None:
        async with home.node() as node:
            run = await home.run(node, LOOPS, input={"big": {"x": 1}})
            record = node.store.read.run(run.id)
            assert run.seq > 4 * STRIDE
            back = range(run.seq, run.seq - 3 * STRIDE, -17)
            for at in (*back, 1, 2 * STRIDE, 2 * STRIDE - 1, *reversed(back)):
                fresh = load_state(node.store, record, at)
                status = record.status if at == record.seq else None
                assert await node.state(run.id, at) == state_view(fresh, status)
                assert node._state(run.id, at)[0].digest == fresh.digest

    go(body)


def test_a_forked_run_is_looked_at_under_its_own_edits_and_its_ancestor_under_none(home, go) -> None:
    async def body() -> None:
        async with home.node() as node:
            run = await home.run(node, LOOPS, input={"big": 1})
            at = 2 * STRIDE + 5
            await node.state(run.id, at + 20)
            fork = await node.wait((await node.fork(run.id, at, edits={"/data/word": "other"})).id)
            for seq in (at - 1, at, at + 1, at + 20, run.seq):
                for each in (run, fork):
                    record = node.store.read.run(each.id)
                    status = record.status if seq == record.seq else None
                    assert await node.state(each.id, seq) == state_view(load_state(node.store, record, seq), status)

    go(body)


def test_the_next_portion_of_a_turn_comes_before_other_runs() -> None:
    async def body() -> list[str]:
        turns, order = Turns(), []

        async def run(name: str) -> None:
            await turns.next()
            order.append(name)
            await turns.again()
            order.append(name)

        await asyncio.gather(run("a"), run("b"))
        return order

    assert asyncio.run(body()) == ["a", "a", "b", "b"]


def test_turns_are_taken_in_portions_only_while_somebody_asks() -> None:
    async def body() -> tuple[bool, bool]:
        turns = Turns()
        before = turns.in_portions
        turns.asked()
        return before, turns.in_portions

    assert asyncio.run(body()) == (False, True)
