"""A reviewer's key that is replaced: what it signed stays valid, it signs nothing more, and its owner goes on."""

from base64 import b64encode

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import ApprovalRefused, BadInput, GateClosed
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import archive
from reach_workbench.protocol.gates import signed_verdict
from tests.node.gated import ALL, KEYS, call, gate

ANOTHER = SigningKey.from_seed(b"\5" * 32)


async def replace(node, name="grace"):
    await node.revoke_reviewer(KEYS[name].id)
    await node.add_reviewer(name, b64encode(ANOTHER.public).decode())


async def approve_with(node, key, name="grace"):
    (held,) = await node.gates()
    return await node.decide(held.id, signed_verdict(held, "approve", name, key))


def test_what_it_signed_stays_valid_and_it_signs_nothing_more(gated, go, tmp_path):
    async def body():
        async with gated.node() as node:
            before = await gated.run(node, f"{{a: {call('gated')}}}")
            await gated.approve(node, "grace")
            assert (await node.wait(before.id)).status == "completed"
            await replace(node)
            assert (await node.verify(before.id)).ok
            await node.export(before.id, tmp_path / "run.reach", unsigned=True)
            found = archive.verify(tmp_path / "run.reach", InProcess(), FixedClock())
            (approvals,) = [step for step in found.steps if step.name == "approvals"]
            assert (found.ok, approvals.status) == (True, "held")
            assert "1 signature" in approvals.message

            after = await gated.run(node, f"{{a: {call('gated')}}}")
            with pytest.raises(ApprovalRefused, match=r"of grace was revoked at .*: it decides no more") as told:
                await gated.approve(node, "grace")
            assert "`reach key delete grace` and `reach reviewer add grace` let another key decide" in told.value.hint
            with pytest.raises(BadInput, match="was revoked") as told:
                await node.add_reviewer("grace", b64encode(KEYS["grace"].public).decode())
            assert "`reach key delete grace`" in told.value.hint
            assert (await approve_with(node, ANOTHER)).outcome == "approved"
            assert (await node.wait(after.id)).status == "completed"

    go(body)


def test_at_a_gate_that_is_open_its_owner_says_it_again_with_the_other_key(gated, go):
    gated.policy(ALL + gate("gated", '@quorum("2")'))

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            await gated.approve(node, "grace")
            await replace(node)
            assert "has 0" in (await node.gates())[0].missing
            assert (await approve_with(node, ANOTHER)).outcome is None
            with pytest.raises(GateClosed):
                await approve_with(node, ANOTHER)  # one person, one verdict
            assert (await gated.approve(node, "lin")).outcome == "approved"
            assert (await node.wait(run.id)).status == "completed"
            assert (await node.verify(run.id)).ok
            keys = [each.data["key"] for each in (await node.audit())[::-1] if each.type == "gate.verdict"]
            assert keys == [KEYS["grace"].id, ANOTHER.id, KEYS["lin"].id]

    go(body)
