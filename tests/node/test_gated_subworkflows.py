"""Sub-workflows and gates: `workflow.run` is held like anything else, and what it runs asks for itself."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import BadInput
from tests.node.gated import ALL, HEAD, call, gate

SUB = "{sub: {run: {workflow: {namespace: tests, name: child, version: 1.0.0, input: {k: 1}}}}}"
HOLDS = ALL + '@id("subs") @gate("approval") forbid(principal, action == Action::"workflow.run", resource);\n'


@pytest.fixture
def child(gated):
    (gated.folder / "child.yaml").write_text(HEAD % "child" + f"do: [{{a: {call('gated')}}}]")


async def child_of(node, run, status="waiting"):
    while True:
        for view in await node.runs():
            if view.parent == run and view.status == status:
                return view
        await asyncio.sleep(0.005)


def test_a_sub_workflow_is_held_edited_and_then_run_with_what_was_approved(gated, go, child):
    gated.policy(HOLDS)
    (gated.folder / "child.yaml").write_text(HEAD % "child" + "do: [{a: {set: '${ . }'}}]")

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, SUB)
            [held] = await node.gates()
            assert (held.kind, len(await node.runs())) == ("workflow.run", 1)
            process = {**held.arguments["process"], "input": {"k": 2}}
            newer = await node.edit_gate(held.id, {**held.arguments, "process": process})
            assert len(await node.runs()) == 1
            await gated.approve(node, "grace", newer)
            assert (await node.wait(run.id)).output == {"k": 2}

    go(body)


def test_a_denied_sub_workflow_never_runs(gated, go, child):
    gated.policy(HOLDS)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, SUB)
            [held] = await node.gates()
            await node.decide(held.id, gated.sign(held, "deny", "grace"))
            run = await node.wait(run.id)
            assert (run.status, run.error["code"], len(await node.runs())) == ("faulted", "gate-denied", 1)

    go(body)


def test_an_edit_of_a_sub_workflow_still_names_one(gated, go, child):
    gated.policy(HOLDS)

    async def body():
        async with gated.node() as node:
            await gated.run(node, SUB)
            [held] = await node.gates()
            for wrong in ({}, {"process": {}}, {**held.arguments, "process": {"name": "child"}}):
                with pytest.raises(BadInput):
                    await node.edit_gate(held.id, wrong)

    go(body)


def test_a_sub_workflow_is_decided_about_as_its_caller_would_be(gated, go, child):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, SUB, requester="grace", may=("workflow.run", "function.call:gated:1.0.0"))
            sub = await child_of(node, run.id)
            [held] = await node.gates(run=sub.id)
            assert held.requester == "grace"
            created = (await anext(node.events(sub.id))).data
            assert created["may"] == ["workflow.run", "function.call:gated:1.0.0"]
            await gated.approve(node, "lin", held)
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_sub_workflow_can_do_no_more_than_its_caller(gated, go, child):
    gated.policy(ALL)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, SUB, may=("workflow.run",))
            assert (run.status, gated.performed) == ("faulted", [])
            assert "capability function.call:gated:1.0.0" in run.error["detail"]

    go(body)


@pytest.mark.parametrize("recovered", [True, False, None])
def test_cancelling_a_caller_cancels_the_gates_of_its_sub_workflow(gated, go, child, recovered):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, SUB)
            sub = await child_of(node, run.id)
            [held] = await node.gates()
            if recovered is None:
                await node.cancel(run.id)
                await child_of(node, run.id, "cancelled")
                assert (await node.gate(held.id)).outcome == "cancelled"
                return
        async with gated.node() as node:
            if recovered:
                await node.recover()
            await node.cancel(run.id)
            await child_of(node, run.id, "cancelled")
            assert (await node.gate(held.id)).outcome == "cancelled"
            assert sub.id == held.run
            assert gated.performed == []

    go(body)


def test_waiting_for_a_caller_whose_sub_workflow_is_held_anew_comes_to_an_end(gated, go, child):
    gated.policy(HOLDS)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, SUB)
            [held] = await node.gates()
            await node.suspend(run.id)
            gated.policy(HOLDS + gate("gated"))
            with pytest.raises(Exception, match="policies changed"):
                await gated.approve(node, "grace", held)
            await node.resume(run.id)
            view = await node.wait(run.id)
            assert "a decision at gate" in view.waiting

    go(body)
