"""The language, case by case: each YAML file beside this one holds cases of one construct.

A case is a workflow and what it must lead to. `it` says what it proves. `do` and `use` are the
workflow's; `top` adds to its top level. `input`, `secrets`, `files` (put beside the document)
and `publish` (CloudEvents sent once it listens) are what it is given. What must come of it:

`output` · `error` (those members of the problem) · `refused` (it does not compile, and a
diagnostic mentions the word) · `seen` (event types, in this order) · `counts` (of event types)
· `waits` (milliseconds from a task's start until its timer) · `delays`, `delays_between` (of a
task's retries) · `hides` (a text that no event holds) ·
`shorter` (than how many characters the error's detail is). `needs` names a program without which
the case is skipped.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from ruamel.yaml import YAML

from reach_workbench.errors import CompileError, NobodyWaits
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView, StartRun

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
PATIENCE = 15
"""Seconds a case may take at most."""


def cases() -> Iterator[Any]:
    for file in sorted(HERE.glob("*.yaml")):
        for case in YAML(typ="safe", pure=True).load(file.read_text("utf-8")):
            yield pytest.param(case, id=f"{file.stem}: {case['it']}")


def document(case: dict[str, Any]) -> str:
    """The case's workflow; JSON is YAML."""
    whole = {"document": {"dsl": "1.0.3", "namespace": "tests", "name": "case", "version": "0.1.0"}}
    whole |= {name: case[name] for name in ("use", "timeout") if name in case}
    whole |= case.get("top", {})
    return json.dumps(whole | {"do": case["do"]}, ensure_ascii=False)


@pytest.mark.parametrize("case", list(cases()))
async def test_case(case: dict[str, Any], node: Node, tmp_path: Path, service: str) -> None:
    if "needs" in case and shutil.which(case["needs"]) is None:
        pytest.skip(f"{case['needs']} is not installed")
    for name, text in case.get("files", {}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    request = StartRun(
        document(case).replace("SERVICE", service),
        tmp_path / "case.yaml",
        input=case.get("input"),
        secrets=case.get("secrets", {}),
    )
    with anyio.fail_after(PATIENCE):
        if "refused" in case:
            with pytest.raises(CompileError) as refused:
                await node.start(request)
            assert any(case["refused"] in str(found) for found in refused.value.diagnostics)
            return
        started = await node.start(request)
        await publish(node, started.id, case.get("publish", []))
        ended = await node.wait(started.id)
        events = [event async for event in node.events(started.id)]
        verified = await node.verify(started.id)
    if "error" in case:
        assert (ended.status, ended.output) == ("faulted", None)
        assert ended.error is not None
        assert {name: ended.error.get(name) for name in case["error"]} == case["error"]
        assert len(ended.error.get("detail", "")) < case.get("shorter", 10_000)
    else:
        assert (ended.status, ended.error) == ("completed", None)
        assert "output" not in case or ended.output == case["output"]
    check_events(case, events)
    assert verified.ok, verified.message


async def publish(node: Node, run: str, events: list[dict[str, Any]]) -> None:
    """Send the events, once the run listens; what it leaves alone is nobody's."""
    if not events:
        return
    async for event in node.events(run, follow=True):
        if event.type == "event.awaited":
            break
    for number, sent in enumerate(events):
        with contextlib.suppress(NobodyWaits):
            await node.publish({"specversion": "1.0", "id": f"event-{number}"} | sent)


def check_events(case: dict[str, Any], events: list[EventView]) -> None:
    types = [event.type for event in events]
    following = iter(types)
    assert all(wanted in following for wanted in case.get("seen", [])), types
    counted = Counter(types)
    wanted_counts = case.get("counts", {})
    assert {name: counted[name] for name in wanted_counts} == wanted_counts
    for task, milliseconds in case.get("waits", {}).items():
        timers = [event for event in events if event.type == "timer.started" and event.task == task]
        assert [timer.data["due"] - timer.at for timer in timers if timer.data] == [milliseconds]
    for task, wanted in case.get("delays", {}).items():
        assert delays(events, task) == wanted
    for task, (low, high) in case.get("delays_between", {}).items():
        found = delays(events, task)
        assert found
        assert all(low <= delay <= high for delay in found), found
        assert len(set(found)) > 1, found
    if "hides" in case:
        assert case["hides"] not in json.dumps([event.as_dict() for event in events], ensure_ascii=False)


def delays(events: list[EventView], task: str) -> list[int]:
    retries = [event for event in events if event.type == "task.retried" and event.task == task]
    return [retry.data["due"] - retry.at for retry in retries if retry.data]
