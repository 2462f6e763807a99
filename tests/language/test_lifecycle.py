"""A run's history told as lifecycle CloudEvents (dsl-reference.md, Lifecycle Events)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from reach_workbench.protocol.lifecycle import PREFIX, Lifecycle
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import StartRun

pytestmark = pytest.mark.anyio

HEAD = "document: { dsl: '1.0.3', namespace: samples, name: order, version: '1.0.0' }\n"
LISTENING = """
do:
  - hear:
      listen:
        to: { one: { with: { type: com.example.go }, correlate: { order: { from: '${ .data.order }' } } } }
"""


async def told(node: Node, run: str) -> list[dict[str, Any]]:
    """All lifecycle events of a run, without the prefix of their types."""
    lifecycle = Lifecycle(await node.run(run))
    found = [each async for event in node.events(run) for each in lifecycle.tell(event)]
    assert all(each["type"].startswith(f"{PREFIX}.") and each["type"].endswith(".v1") for each in found)
    assert len({each["id"] for each in found}) == len(found)
    return [each | {"type": each["type"].removeprefix(f"{PREFIX}.").removesuffix(".v1")} for each in found]


async def start(node: Node, text: str) -> str:
    return (await node.start(StartRun(HEAD + text, Path("order.yaml")))).id


async def until_waiting(node: Node, run: str) -> None:
    with anyio.fail_after(10):
        while (await node.run(run)).status != "waiting":
            await anyio.sleep(0.01)


async def test_started_and_completed(node: Node) -> None:
    run = await start(node, "do: [ { make: { set: { n: 1 } } }, { skip: { if: '${ false }', set: { n: 2 } } } ]")
    await node.wait(run)
    found = await told(node, run)
    assert [each["type"] for each in found] == [
        "workflow.started",
        "workflow.status-changed",
        "task.created",
        "task.started",
        "task.status-changed",
        "task.completed",
        "task.status-changed",
        "workflow.completed",
        "workflow.status-changed",
    ]
    first, made = found[0], found[2]
    assert (first["specversion"], first["source"], first["subject"]) == ("1.0", "/samples/order/1.0.0", run)
    assert first["data"] == {
        "name": f"order-{run}.samples",
        "startedAt": first["time"],
        "definition": {"namespace": "samples", "name": "order", "version": "1.0.0"},
    }
    assert made["data"] == {"workflow": f"order-{run}.samples", "task": "/do/0/make", "createdAt": made["time"]}
    assert [each["data"]["status"] for each in found if "status" in each["data"]] == [
        "running",
        "running",
        "completed",
        "completed",
    ]


async def test_retried_and_faulted_with_the_error(node: Node) -> None:
    run = await start(
        node,
        "do: [ { attempt: { try: [ { fail: { raise: { error: { type: 'https://example.com/x', status: 503 } } } } ],"
        " catch: { retry: { limit: { attempt: { count: 1 } } } } } } ]",
    )
    await node.wait(run)
    found = await told(node, run)
    types = [each["type"] for each in found]
    assert types.count("task.retried") == 1
    assert types.count("task.faulted") == 3  # the task twice, then the try around it
    last = next(each for each in found if each["type"] == "workflow.faulted")
    assert last["data"]["error"]["status"] == 503
    assert all("error" in each["data"] for each in found if each["type"] == "task.faulted")


async def test_suspended_and_resumed_with_the_tasks_the_run_is_in(node: Node) -> None:
    run = await start(node, LISTENING)
    await until_waiting(node, run)
    await node.suspend(run)
    await node.resume(run)
    found = await told(node, run)
    states = [each for each in found if each["type"].endswith((".suspended", ".resumed"))]
    assert [each["type"] for each in states] == [
        "workflow.suspended",
        "task.suspended",
        "workflow.resumed",
        "task.resumed",
    ]
    assert states[1]["data"]["task"] == "/do/0/hear"


async def test_correlation_started_and_completed_with_its_keys(node: Node) -> None:
    run = await start(node, LISTENING)
    await until_waiting(node, run)
    await node.publish({"type": "com.example.go", "data": {"order": "A-17"}})
    await node.wait(run)
    found = await told(node, run)
    assert "workflow.correlation-started" in [each["type"] for each in found]
    completed = next(each for each in found if each["type"] == "workflow.correlation-completed")
    assert completed["data"]["correlationKeys"] == {"order": "A-17"}


async def test_cancelled(node: Node) -> None:
    run = await start(node, LISTENING)
    await until_waiting(node, run)
    await node.cancel(run)
    await node.wait(run)
    assert {"task.cancelled", "workflow.cancelled"} <= {each["type"] for each in await told(node, run)}
