"""A node may be closed at any moment: it keeps what it knows, begins nothing more, and does not hang."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

from reach_workbench.errors import ReachError

CHAIN = 'do: [{one: {call: "first:1.0.0@python"}}, {two: {run: {shell: {command: "echo two >> marks"}}}}]'


def test_an_outcome_that_came_while_the_node_closed_is_kept(home, go):
    called, release = asyncio.Event(), asyncio.Event()
    calls = []

    async def first(_):
        calls.append(1)
        called.set()
        await release.wait()
        return "known"

    home.functions.register("first", "1.0.0", first)

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(CHAIN))).id
            await called.wait()
            driver = node.runner.driver(run)
            release.set()
            while driver.performing:
                await asyncio.sleep(0)
            driver.stop()  # the outcome is there, and the run has not looked at it yet
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            assert (view.status, view.in_doubt, len(calls)) == ("completed", (), 1)
            assert (home.files / "marks").read_text() == "two\n"

    go(body)


@pytest.mark.parametrize("turns", range(0, 40, 3))
def test_closing_at_any_moment_leaves_each_effect_done_once_or_in_doubt(home, go, turns):
    marks: list[str] = []

    def mark(given, *, command_id):
        marks.append(command_id)
        return given

    home.functions.register("mark", "1.0.0", mark)
    steps = ", ".join(f'{{s{n}: {{call: "mark:1.0.0@python", with: {{n: {n}}}}}}}' for n in range(8))

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(f"do: [{steps}]"))).id
            for _ in range(turns):
                await asyncio.sleep(0)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            assert (view.status, view.in_doubt) == ("completed", ())
            assert len(marks) == len(set(marks)) == 8
            assert (await node.verify(run)).ok

    go(body)


def test_closing_does_not_wait_for_a_function_that_blocks(home, go):
    release = threading.Event()
    home.functions.register("hold", "1.0.0", lambda _: release.wait(20), blocking=True)

    async def body():
        async with asyncio.timeout(5):
            async with home.node() as node:
                run = await node.start(home.request('do: [{h: {call: "hold:1.0.0@python"}}]'))
                while not node.runner.driver(run.id).performing:
                    await asyncio.sleep(0)
            await asyncio.get_running_loop().shutdown_default_executor()
        release.set()

    go(body)


def test_closing_while_many_runs_are_started_recovered_and_waited_for(home, go):
    home.environment["REACH_RUNNER_CONCURRENT_RUNS"] = "3"
    Path(home.files / "child.yaml").write_text(
        "document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.0.0}\ndo: [{a: {wait: {milliseconds: 5}}}]"
    )
    parent = "do: [{c: {run: {workflow: {namespace: tests, name: child, version: 1.0.0}}}}]"

    async def body():
        for _ in range(5):
            async with home.node() as node:
                await node.recover()
                starting = [asyncio.create_task(node.start(home.request(parent))) for _ in range(10)]
                await asyncio.sleep(0.01)
                waiting = [asyncio.create_task(node.wait(view.id)) for view in await node.runs()]
            for task in (*starting, *waiting):
                with contextlib.suppress(ReachError):
                    await task
        async with home.node() as node:
            runs = await node.recover()
            assert {(await node.wait(run)).status for run in runs} <= {"completed"}
            ended = await node.runs(limit=1000)
            assert {view.status for view in ended} == {"completed"}, [view.error for view in ended if view.error]

    go(body)
