"""What comes to a gate too late, twice, from a stranger, or from another time: each gets a code and a sentence."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil

import pytest

from reach_workbench.errors import ApprovalRefused, AuditDamaged, BadInput, GateClosed
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.settings import load
from tests.node.gated import ALL, call, gate

HELD = f"{{a: {call('gated')}}}"
UNKNOWN = '@id("oops") forbid(principal, action == Action::"shell.rum", resource);\n'


def test_a_policy_that_names_an_unknown_action_never_comes_into_force(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, HELD)
            [held] = await node.gates()
            gated.policy(UNKNOWN)
            decided = await gated.approve(node, "grace", held)  # under the policies of before
            assert decided.outcome == "approved"
            assert (await node.wait(run.id)).status == "completed"
        async with gated.node() as node:  # what was in force when the node last ran
            run = await gated.run(node, HELD)
            assert len(await node.gates(run=run.id)) == 1
        gated.performed.clear()
        async with gated.node("another") as node:  # none of its files was ever good
            run = await gated.run(node, HELD)
            assert (run.error["code"], run.error["status"], gated.performed) == ("policy-denied", 403, [])
            assert "shell.rum" in run.error["detail"]
            assert "local.cedar:1:" in run.error["detail"]

    go(body)


def test_the_last_good_policies_are_those_that_were_in_force_last(gated, go):
    strict, loose = ALL + gate("gated"), ALL

    async def body():
        async with gated.node() as node:
            for text in (strict, loose, strict):
                gated.policy(text)
                await gated.run(node, HELD)
            gated.performed.clear()
        gated.policy(UNKNOWN)
        async with gated.node() as node:
            await gated.run(node, HELD)
            assert gated.performed == []

    go(body)


def test_a_gate_that_expires_while_its_dialog_is_open_is_expired_driven_or_not(gated, go):
    gated.policy(ALL + gate("gated", '@expires("1m")'))

    async def body():
        async with gated.node() as node:
            for stopped in (False, True):
                run = await gated.run(node, HELD)
                [held] = await node.gates()
                if stopped:
                    await node.suspend(run.id)
                gated.clock.wait(60_001)
                for late in (gated.approve(node, "grace", held), node.edit_gate(held.id, {"function": "x"})):
                    with pytest.raises(GateClosed, match="expired") as refused:
                        await late
                    assert refused.value.code == "gate-closed"
                assert (await node.gate(held.id)).outcome == "expired"
                assert gated.performed == []

    go(body)


def test_a_clock_that_jumps_back_opens_no_gate_again(gated, go):
    gated.policy(ALL + gate("gated", '@expires("1m")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, HELD)
            [held] = await node.gates()
            await node.suspend(run.id)
            gated.clock.wait(61_000)
            with pytest.raises(GateClosed):
                await gated.approve(node, "grace", held)
            gated.clock.set(-3_600_000)
            with pytest.raises(GateClosed, match="expired") as refused:
                await gated.approve(node, "grace", held)
            assert refused.value.hint
            assert gated.performed == []

    go(body)


def test_a_gate_still_expires_when_the_clock_was_set_back(gated, go):
    gated.policy(ALL + gate("gated", '@expires("1m")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, HELD)
            gated.clock.set(-86_400_000)
            await gated.pass_time(node, 60_000)
            assert (await node.wait(run.id)).error["code"] == "gate-expired"

    go(body)


def test_two_reviewers_at_once_perform_it_once(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, HELD)
            [held] = await node.gates()
            each = [gated.approve(node, name, held) for name in ("grace", "lin", "max", "grace")]
            answers = await asyncio.gather(*each, return_exceptions=True)
            assert any(getattr(answer, "outcome", None) == "approved" for answer in answers)
            assert all(isinstance(answer, GateClosed) or answer.outcome == "approved" for answer in answers)
            assert (await node.wait(run.id)).status == "completed"
            assert len(gated.performed) == 1

    go(body)


def test_a_key_that_no_reviewer_has_is_refused(gated, go):
    async def body():
        async with gated.node() as node:
            await gated.run(node, HELD)
            [held] = await node.gates()
            stranger = signed_verdict(held, "approve", "grace", SigningKey.from_seed(bytes([9]) * 32))
            with pytest.raises(ApprovalRefused, match="no reviewer") as refused:
                await node.decide(held.id, stranger)
            assert refused.value.code == "approval-refused"
            assert "reach reviewer add" in refused.value.hint
            good = gated.sign(held, "approve", "grace")
            await node.revoke_reviewer(good.key)
            with pytest.raises(ApprovalRefused, match="of grace was revoked at"):
                await node.decide(held.id, good)

    go(body)


def test_no_byte_of_a_verdict_can_be_changed(gated, go):
    async def body():
        async with gated.node() as node:
            await gated.run(node, HELD)
            [held] = await node.gates()
            good = gated.sign(held, "approve", "grace")
            for place in range(len(good.body)):
                letter = "0" if good.body[place] != "0" else "1"
                with pytest.raises(ApprovalRefused):
                    await node.decide(
                        held.id, dataclasses.replace(good, body=good.body[:place] + letter + good.body[place + 1 :])
                    )
            assert (await node.gate(held.id)).verdicts == ()

    go(body)


def test_a_database_restored_from_an_older_copy_takes_no_verdict(gated, go):
    key = SigningKey.from_seed(bytes(32))

    async def body():
        settings = load(gated.folder / "home", gated.environment)
        async with gated.node() as node:
            run = await gated.run(node, HELD)
            [held] = await node.gates()
            verdict = gated.sign(held, "approve", "grace")
        shutil.copytree(settings.home, older := gated.folder / "older")
        node = await LocalNode.open(settings, clock=gated.clock, functions=gated.functions, signer=lambda: key)
        await node.recover()
        await node.decide(held.id, verdict)
        await node.wait(run.id)
        await node.close()
        shutil.copyfile(older / "reach.db", settings.home / "reach.db")
        for more in ("-wal", "-shm"):
            (settings.home / f"reach.db{more}").unlink(missing_ok=True)
        async with gated.node() as node:
            with pytest.raises(AuditDamaged, match="older copy") as refused:
                await node.decide(held.id, verdict)
            assert refused.value.code == "audit-damaged"
            assert "reach audit verify" in refused.value.hint
        assert len(gated.performed) == 1

    go(body)


@pytest.mark.parametrize(
    "arguments",
    [None, [], {}, {"function": 5}, {"function": ["gated"]}, {"arguments": {"n": 2}}],
)
def test_an_edit_that_names_no_function_is_refused(gated, go, arguments):
    async def body():
        async with gated.node() as node:
            await gated.run(node, HELD)
            [held] = await node.gates()
            with pytest.raises(BadInput) as refused:
                await node.edit_gate(held.id, arguments)
            assert refused.value.code == "bad-input"
            assert (await node.gate(held.id)).outcome is None

    go(body)
