"""Secrets are never stored: a run that was given some waits until it gets them again."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import RunStateError

BODY = """
use: {secrets: [token]}
do:
- hear: {listen: {to: {one: {with: {type: a.b}}}}}
- tell:
    run: {shell: {command: 'test "$T" = s3cret && echo -n right', environment: {T: '${ $secrets.token }'}}}
"""


def test_a_run_without_its_secrets_is_left_suspended_and_says_so(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(BODY, secrets={"token": "s3cret"}))).id
        async with home.node() as node:
            assert await node.recover() == [run]
            view = await node.wait(run)
            assert view.status == "suspended"
            assert "token" in (view.waiting or "")
            with pytest.raises(RunStateError, match="token") as refused:
                await node.resume(run)
            assert "--secret token=" in (refused.value.hint or "")
            assert (await node.run(run)).status == "suspended"
            await node.resume(run, secrets={"token": "s3cret"})
            await node.publish({"type": "a.b"})
            assert (await node.wait(run)).output == "right"

    go(body)


def test_within_a_process_a_run_keeps_its_secrets(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(BODY, secrets={"token": "s3cret"}))).id
            await node.suspend(run)
            await node.resume(run)
            await node.publish({"type": "a.b"})
            assert (await node.wait(run)).output == "right"

    go(body)


def test_a_fork_needs_the_secrets_too_and_cancelling_does_not(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(BODY, secrets={"token": "s3cret"}))).id
        async with home.node() as node:
            with pytest.raises(RunStateError, match="token"):
                await node.fork(run, 3)
            fork = await node.fork(run, 3, secrets={"token": "s3cret"})
            await node.publish({"type": "a.b"})
            assert (await node.wait(fork.id)).output == "right"
            assert (await node.cancel(run)).status == "cancelled"

    go(body)


async def _waits(node, caller):
    while [view.status for view in await node.runs() if view.parent == caller] != ["waiting"]:
        await asyncio.sleep(0.005)


def test_a_caller_hands_its_secrets_to_the_sub_workflow_that_waits_for_them(home, go):
    (home.files / "child.yaml").write_text(
        "document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.0.0}\n" + BODY
    )
    parent = "do: [{call: {run: {workflow: {namespace: tests, name: child, version: 1.0.0}}}}]"

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(parent, secrets={"token": "s3cret"}))).id
            await _waits(node, run)
        async with home.node() as node:
            assert len(await node.recover()) == 2
            assert {view.status for view in await node.runs()} == {"suspended"}
            await node.resume(run, secrets={"token": "s3cret"})
            await _waits(node, run)
            await node.publish({"type": "a.b"})
            assert (await node.wait(run)).output == "right"

    go(body)
