"""The samples run at once where they came; the same words elsewhere do what the files beside them, or others, say."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load

SHIPPED = Path(__file__).resolve().parents[2] / "workflows"
HEAD = "document: {dsl: 1.0.3, namespace: tests, name: calls, version: 1.0.0}\n"


@asynccontextmanager
async def built_in(home: Path) -> AsyncIterator[LocalNode]:
    """A node with the policy that is in force where nobody has written one."""
    node = await LocalNode.open(load(home, {"REACH_RUNNER_POLL_SECONDS": "0.02"}))
    try:
        yield node
    finally:
        await node.close()


def request(file: Path, **given: str) -> StartRun:
    return StartRun(file.read_text("utf-8"), file, input=given or None)


def test_a_copy_beside_another_script_does_not_run_that_at_once(tmp_path, go):
    file = Path(shutil.copy(SHIPPED / "call-with-retries.yaml", tmp_path))
    (tmp_path / "flaky_service.py").write_text("open('marks', 'w')")

    async def body():
        async with built_in(tmp_path / "home") as node:
            run = (await node.start(request(file))).id
            await node.wait(run)
            [held] = await node.gates()
            assert held.policies == ("hold-script",)
            assert not (tmp_path / "marks").exists()

    go(body)


def test_a_workflow_of_others_writes_no_file_by_way_of_a_sample(tmp_path, go):
    shutil.copy(SHIPPED / "release-notes.yaml", tmp_path)
    target = tmp_path / "target"
    sample = f"{{namespace: samples, name: release-notes, version: 1.0.0, input: {{file: {target}}}}}"
    file = tmp_path / "calls.yaml"
    file.write_text(f"{HEAD}do: [{{notes: {{run: {{workflow: {sample}}}}}}}]")

    async def body():
        async with built_in(tmp_path / "home") as node:
            run = (await node.start(request(file))).id
            await node.wait(run)
            [held] = await node.gates()
            assert (held.policies, held.workflow.split(":")[0]) == (("hold-shell",), "samples/release-notes")

    go(body)


def test_a_sample_runs_at_once_where_it_came_and_not_from_a_capsule(tmp_path, go, monkeypatch):
    file, capsule = SHIPPED / "triage-tickets.yaml", tmp_path / "x.reach"
    tickets = tmp_path / "tickets.json"
    tickets.write_text('[{"id": 1, "subject": "a", "body": "b"}]')
    given = {"tickets": str(tickets), "report": str(tmp_path / "report.md")}

    async def body():
        async with built_in(tmp_path / "elsewhere") as node:
            run = (await node.start(StartRun(file.read_text("utf-8"), file, input=given, hold=True))).id
            await node.wait(run)
            await node.export(run, capsule, unsigned=True)
            done = (await node.start(StartRun(file.read_text("utf-8"), file, input=given))).id
            assert (await node.wait(done)).status == "completed"
        (tmp_path / "report.md").unlink()
        monkeypatch.chdir(SHIPPED)
        async with built_in(tmp_path / "home") as node:
            await node.import_(capsule)
            await node.resume(run)
            await node.wait(run)
            fork = (await node.fork(run, 2)).id
            await node.wait(fork)
            assert {(gate.run, gate.policies) for gate in await node.gates()} == {
                (run, ("hold-shell",)),
                (fork, ("hold-shell",)),
            }
            assert not (tmp_path / "report.md").exists()

    go(body)


@pytest.mark.parametrize("hold", [False, True])
def test_a_fork_of_a_sample_runs_at_once_too(tmp_path, go, hold):
    file = SHIPPED / "triage-tickets.yaml"
    tickets = tmp_path / "tickets.json"
    tickets.write_text('[{"id": 1, "subject": "a", "body": "b"}]')
    given = {"tickets": str(tickets), "report": str(tmp_path / "report.md")}

    async def body():
        async with built_in(tmp_path / "home") as node:
            run = (await node.start(StartRun(file.read_text("utf-8"), file, input=given, hold=True))).id
            await node.wait(run)
            fork = (await node.fork(run, 2, hold=hold)).id
            await asyncio.sleep(0)
            if hold:
                await node.resume(fork)
            assert (await node.wait(fork)).status == "completed"

    go(body)
