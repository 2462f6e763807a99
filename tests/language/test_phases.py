"""The status phases of a run (dsl.md, Status Phases), each as a person meets it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView, StartRun

pytestmark = pytest.mark.anyio

DOCUMENT = """
document: { dsl: '1.0.3', namespace: tests, name: phases, version: '1.0.0' }
do:
  - hear: { listen: { to: { one: { with: { type: com.example.go } } } } }
  - choose: { switch: [ { fail: { when: '${ .[0].fail }', then: refuse } }, { fine: { then: end } } ] }
  - refuse: { raise: { error: { type: https://example.com/refused, status: 409 } } }
"""


async def waiting(node: Node) -> RunView:
    """A run that waits for an event."""
    run = await node.start(StartRun(DOCUMENT, Path("phases.yaml")))
    with anyio.fail_after(10):
        while (view := await node.run(run.id)).status != "waiting":
            await anyio.sleep(0.01)
    return view


async def go(node: Node, run: str, fail: bool) -> RunView:
    await node.publish({"type": "com.example.go", "data": {"fail": fail}})
    with anyio.fail_after(10):
        return await node.wait(run)


async def test_pending_running_waiting_completed(node: Node) -> None:
    run = await waiting(node)
    events = [event async for event in node.events(run.id)]
    assert (await node.state(run.id, at=1)).status == "pending"
    assert (await node.state(run.id, at=2)).status == "running"
    assert (await node.state(run.id, at=events[-1].seq)).status == "waiting"
    assert (await go(node, run.id, fail=False)).status == "completed"


async def test_faulted(node: Node) -> None:
    run = await waiting(node)
    assert (await go(node, run.id, fail=True)).status == "faulted"


async def test_suspended_and_resumed(node: Node) -> None:
    run = await waiting(node)
    assert (await node.suspend(run.id, "lunch")).status == "suspended"
    assert (await node.resume(run.id)).status in ("running", "waiting")
    with anyio.fail_after(10):
        while (await node.run(run.id)).status != "waiting":
            await anyio.sleep(0.01)
    assert (await go(node, run.id, fail=False)).status == "completed"
    types = [event.type async for event in node.events(run.id)]
    assert types.index("workflow.suspended") < types.index("workflow.resumed") < types.index("workflow.completed")


async def test_cancelled(node: Node) -> None:
    run = await waiting(node)
    await node.cancel(run.id)
    with anyio.fail_after(10):
        assert (await node.wait(run.id)).status == "cancelled"
