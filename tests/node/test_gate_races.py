"""Gates among everything else that happens: forks, crashes, edits, clocks that are set, and two things at once."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from reach_workbench.engine.events import Fact
from reach_workbench.errors import ApprovalRefused, GateClosed
from reach_workbench.node import gating
from tests.node.gated import ALL, call, gate, rouse


def test_a_fork_leaves_the_gates_of_its_source_alone(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            [held] = await node.gates()
            fork = await node.wait((await node.fork(run.id, run.seq)).id)
            assert (await node.gate(held.id)).outcome is None
            [own] = await node.gates(run=fork.id)
            await gated.approve(node, "grace", own)
            assert (await node.wait(fork.id)).status == "completed"
            await gated.approve(node, "grace", held)
            assert (await node.wait(run.id)).status == "completed"
            again = await node.fork(run.id, run.seq)  # its source's gate has its outcome by now
            assert (await node.wait(again.id)).status == "waiting"

    go(body)


def test_a_fork_belongs_to_whoever_forks(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}", requester="grace")
            fork = await node.wait((await node.fork(run.id, run.seq)).id)
            [own] = await node.gates(run=fork.id)
            assert own.requester == "ada"
            with pytest.raises(ApprovalRefused, match="their own"):
                await gated.approve(node, "ada", own)
            await gated.approve(node, "grace", own)
            assert (await node.wait(fork.id)).status == "completed"
            assert (await node.verify(fork.id)).ok

    go(body)


def test_a_fork_in_the_middle_of_a_decision_is_verified(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {{do: [{{b: {call('gated')}}}]}}}}")
            await node.cancel(run.id)
            types = [event.type async for event in node.events(run.id)]
            fork = await node.wait((await node.fork(run.id, types.index("task.cancelled") + 1)).id)
            assert fork.status == "cancelled"
            assert (await node.verify(fork.id)).ok

    go(body)


def test_an_edited_action_has_all_of_its_time(gated, go):
    gated.policy(ALL + gate("gated", '@expires("1m")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            [held] = await node.gates()
            await gated.pass_time(node, 50_000)
            newer = await node.edit_gate(held.id, {**held.arguments, "arguments": {"n": 2}})
            await gated.pass_time(node, 20_000)
            assert (await node.gate(newer.id)).outcome is None
            await gated.approve(node, "grace", newer)
            assert (await node.wait(run.id)).status == "completed"
            assert gated.performed == [("gated", {"n": 2})]

    go(body)


def test_a_gate_that_is_opened_after_the_clock_was_set_back_has_all_of_its_time(gated, go):
    gated.policy(ALL + gate("gated", '@expires("1m")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{w: {{wait: {{seconds: 1}}}}}}, {{a: {call('gated')}}}", hold=True)
            gated.clock.set(-86_400_000)
            await node.resume(run.id)
            await gated.pass_time(node, 1_000)
            [held] = await node.gates()
            assert held.opened_at == held.expires_at - 60_000
            await gated.pass_time(node, 30_000)
            assert (await node.gate(held.id)).outcome is None

    go(body)


def test_what_a_turn_asks_for_and_ends_opens_no_gate(gated, go):
    """The outcome that leads to the next command comes together with the denial that ends the run."""
    gated.policy(ALL + gate("gated"))
    gated.functions.register("slow", "1.0.0", Slow())
    branches = f"[{{l: {{do: [{{s: {call('slow')}}}, {{b: {call('gated', 2)}}}]}}}}, {{r: {call('gated')}}}]"

    async def body():
        async with gated.node() as node:
            run = await node.start(gated.request(f"{{both: {{fork: {{branches: {branches}}}}}}}"))
            await rouse(node)
            [held] = await node.gates()
            driver = node.runner.driver(run.id)
            [number] = driver.performing.numbers
            driver.tell(Fact("command.completed", 1, {"command": number, "output": None}))
            driver.tell(Fact("gate.closed", 1, {"command": held.command, "gate": held.id, "outcome": "denied"}))
            assert (await node.wait(run.id)).status == "faulted"
            assert [each.outcome for each in await node.gates(run=run.id, state="all")] == ["denied"]
            assert (await node.verify(run.id)).ok

    go(body)


class Slow:
    """A function that never comes to its end."""

    async def __call__(self, given: object) -> object:
        await asyncio.get_running_loop().create_future()


def test_a_gate_with_all_its_approvals_is_closed_after_a_crash(gated, go, monkeypatch):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")

            async def dies(*_):
                shutil.copytree(gated.folder / "home", gated.folder / "after")

            monkeypatch.setattr(gating, "settle", dies)
            settle = gating.settle
            monkeypatch.undo()
            calls = []

            async def once(*given):
                calls.append(given)
                if len(calls) == 2:  # the approval is stored, and its gate is still open
                    await settle(*given)

            monkeypatch.setattr(gating, "settle", once)
            await gated.approve(node, "grace")
            monkeypatch.undo()
        async with gated.node("after") as node:
            assert gated.performed == []
            await node.recover()
            assert (await node.wait(run.id)).status == "completed"
            assert gated.performed == [("gated", {"n": 1})]

    go(body)


def test_a_denial_at_the_same_moment_as_an_approval_is_told_which_counts(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            [held] = await node.gates()
            signed = [gated.sign(held, "approve", "grace"), gated.sign(held, "deny", "lin")]
            answers = await asyncio.gather(*[node.decide(held.id, each) for each in signed], return_exceptions=True)
            outcome = (await node.gate(held.id)).outcome
            assert outcome in ("approved", "denied")
            refused = [each for each in answers if isinstance(each, Exception)]
            assert [type(each) for each in refused] == [GateClosed]
            assert "same moment" in refused[0].message or outcome in refused[0].message
            await node.wait(run.id)
            assert len(gated.performed) == (outcome == "approved")

    go(body)


def test_what_a_revoked_reviewer_approved_no_longer_counts(gated, go):
    gated.policy(ALL + gate("gated", '@quorum("2")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            after = await gated.approve(node, "grace")
            await node.revoke_reviewer(after.verdicts[0].key)
            assert "has 0" in (await node.gate(after.id)).missing
            assert (await gated.approve(node, "lin")).outcome is None
            assert (await gated.approve(node, "max")).outcome == "approved"
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_suspended_run_that_its_expired_gate_cancels_ends(gated, go):
    gated.policy(ALL + gate("gated", '@expires("1m") @otherwise("cancel")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            await node.suspend(run.id)
            [held] = await node.gates()
            gated.clock.wait(61_000)
            with pytest.raises(GateClosed, match="expired"):
                await gated.approve(node, "grace", held)
            assert (await node.wait(run.id)).status == "cancelled"
            assert gated.performed == []

    go(body)
