"""Runs that run others: they are stopped, continued and waited for together."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import NobodyWaits

CHILD = "document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.0.0}\n"
PARENT = "do: [{call: {run: {workflow: {namespace: tests, name: child, version: 1.0.0}}}}]"
LISTENS = "do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"
EFFECT = "do: [{slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"


async def _child(node, parent, status):
    """The parent's child once it has this status."""
    while True:
        for view in await node.runs():
            if view.parent == parent and view.status == status:
                return view
        await asyncio.sleep(0.005)


async def _types(node, run):
    return [event.type async for event in node.events(run)]


def test_a_sub_workflow_is_suspended_and_goes_on_with_its_caller(home, go):
    (home.files / "child.yaml").write_text(CHILD + LISTENS)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            child = await _child(node, run, "waiting")
            assert (await node.suspend(run)).status == "suspended"
            await _child(node, run, "suspended")
            assert "workflow.cancel-requested" not in await _types(node, child.id)
            await node.resume(run)
            await _child(node, run, "waiting")
            await node.publish({"type": "a.b", "data": 1})
            assert (await node.wait(run)).output == [1]

    go(body)


def test_a_sub_workflow_suspended_with_its_caller_goes_on_in_another_process(home, go):
    (home.files / "child.yaml").write_text(CHILD + LISTENS)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            await _child(node, run, "waiting")
            await node.suspend(run)
        async with home.node() as node:
            await _child(node, run, "suspended")
            await node.resume(run)
            await _child(node, run, "waiting")
            await node.publish({"type": "a.b", "data": 1})
            assert (await node.wait(run)).output == [1]

    go(body)


def test_a_caller_waits_for_a_sub_workflow_that_a_person_has_suspended(home, go):
    (home.files / "child.yaml").write_text(CHILD + LISTENS)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            child = await _child(node, run, "waiting")
            await node.suspend(child.id)
            view = await node.wait(run)
            assert view.status == "running"
            assert "suspended" in (view.waiting or "")
            await node.resume(child.id)
            await node.publish({"type": "a.b", "data": 1})
            assert (await node.wait(run)).output == [1]

    go(body)


def test_waiting_for_a_caller_tells_of_the_effect_of_its_sub_workflow_that_is_in_doubt(home, go):
    (home.files / "child.yaml").write_text(CHILD + EFFECT)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            while not (home.files / "marks").exists():
                await asyncio.sleep(0.005)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            child = await _child(node, run, "waiting")
            assert f"sub-workflow {child.id}" in (view.waiting or "")
            assert "decision" in (view.waiting or "")
            await node.resolve(child.id, child.in_doubt[0], "result", value="done")
            assert (await node.wait(run)).output == "done"

    go(body)


@pytest.mark.parametrize("recovered", [True, False])
def test_cancelling_a_caller_cancels_its_sub_workflow_driven_or_not(home, go, recovered):
    (home.files / "child.yaml").write_text(CHILD + LISTENS)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            await _child(node, run, "waiting")
        async with home.node() as node:
            if recovered:
                await node.recover()
            assert (await node.cancel(run)).status == "cancelled"
            await _child(node, run, "cancelled")

    go(body)


def test_a_suspended_sub_workflow_ends_with_its_cancelled_caller(home, go):
    (home.files / "child.yaml").write_text(CHILD + LISTENS)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            child = await _child(node, run, "waiting")
            await node.suspend(child.id)
            await node.cancel(run)
            await _child(node, run, "cancelled")

    go(body)


def test_a_sub_workflow_takes_no_place_of_another_run(home, go):
    home.environment["REACH_RUNNER_CONCURRENT_RUNS"] = "1"
    (home.files / "child.yaml").write_text(CHILD + "do: [{a: {set: {n: 1}}}]")

    async def body():
        async with home.node() as node:
            assert (await home.run(node, PARENT)).output == {"n": 1}

    go(body)


def test_a_recovered_sub_workflow_takes_no_place_of_its_caller(home, go):
    home.environment["REACH_RUNNER_CONCURRENT_RUNS"] = "1"
    (home.files / "child.yaml").write_text(CHILD + LISTENS)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(PARENT))).id
            await _child(node, run, "waiting")
        async with home.node() as node:
            await node.recover()
            while node.runner.driver(run) is None:
                await asyncio.sleep(0.005)
            while not (await _heard(node)):
                await asyncio.sleep(0.005)
            assert (await node.wait(run)).output == [1]

    go(body)


async def _heard(node):
    try:
        return (await node.publish({"type": "a.b", "data": 1})).consumed_by
    except NobodyWaits:
        return ()
