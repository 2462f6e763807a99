"""A node tells who it is, how it fares, and what its queue holds; a dead letter can be tried again."""

from __future__ import annotations

import asyncio
import os

import pytest

from reach_workbench.errors import NotFound
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.system import PROTOCOL
from reach_workbench.settings import load
from tests import unheld

TWO_STEPS = "do: [{first: {set: {x: 1}}}, {second: {set: {y: 2}}}]"
FAULT = "do: [{fail: {raise: {error: {type: 'https://example.com/e', status: 500}}}}]"
MANY = "do: [{count: {for: {in: '${ [range(400)] }'}, do: [{nap: {wait: {milliseconds: 5}}}]}}]"
LOOPS = "do: [{nap: {wait: {milliseconds: 1}}}, {count: {set: '${ { n: [limit(3; repeat(1))] } }'}}]"


class Broken:
    """An evaluator that breaks until it is mended: the run is not at fault, and its job ends as a dead letter."""

    def __init__(self) -> None:
        self.mended = False

    def evaluate(self, expression, data, variables):
        if not self.mended:
            raise RuntimeError("out of order")
        return {"n": [1, 1, 1]}


def test_who_answers(home, go):
    async def body():
        async with home.node() as node:
            first = await node.info()
            assert first.pid == os.getpid()
            assert first.oldest <= first.protocol == PROTOCOL
            assert first.home == str((home.folder / "home").resolve())
        async with home.node() as node:
            assert (await node.info()).id == first.id

    go(body)


def test_figures_of_what_ran(home, go):
    async def body():
        async with home.node() as node:
            done = await home.run(node, TWO_STEPS)
            failed = await home.run(node, FAULT)
            held = await home.run(node, TWO_STEPS, hold=True)
            told = await node.vitals()
            assert told.steps == sum([(await node.run(each.id)).seq for each in (done, failed, held)])
            assert told.errors == 1
            assert (told.active, told.held, told.waiting) == (0, 1, 0)
            assert told.commits > 0
            assert 0 < told.commit_ms < 1000
            assert 10 < told.memory_mb < 4000
            text = await node.metrics()
            assert f"reach_steps_total {told.steps}.0\n" in text
            assert 'reach_runs{status="faulted"} 1.0\n' in text
            assert f"reach_commit_seconds_count {told.commits}.0\n" in text

    go(body)


def test_activity_tells_each_change_but_not_every_event(home, go):
    async def body():
        async with home.node() as node:
            stream = node.activity()
            seen = []

            async def listen() -> None:
                async for view in stream:
                    seen.append(view)
                    if view.status == "completed":
                        return

            listening = asyncio.create_task(listen())
            await asyncio.sleep(0)
            run = await node.start(home.request(MANY))
            await listening
            assert {view.id for view in seen} == {run.id}
            assert 2 <= len(seen) <= 30, "thousands of events, a few views"
            assert [view.seq for view in seen] == sorted(view.seq for view in seen)
            assert seen[-1].seq == (await node.run(run.id)).seq
            await stream.aclose()

    go(body)


def test_a_reader_hears_of_runs_of_another_process(home, go):
    async def body():
        async with home.node() as node, home.node(write=False) as reader:
            stream = reader.activity()
            hearing = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            done = await home.run(node, TWO_STEPS)
            assert (await hearing).id == done.id
            await stream.aclose()

    go(body)


def test_a_dead_letter_that_is_tried_again_lets_its_run_go_on(home, go):
    async def body():
        evaluator = Broken()
        settings = load(home.folder / "home", {"REACH_RUNNER_JOB_ATTEMPTS": "1", **unheld.VARIABLES})
        node = await LocalNode.open(settings, evaluator=evaluator)
        try:
            run = await node.start(home.request(LOOPS))
            with pytest.raises(Exception, match="out of order"):
                await node.wait(run.id)
            (job,) = await node.jobs(status="dead_letter")
            assert (job.run, job.attempts, job.next_run_at) == (run.id, 1, None)
            assert "out of order" in (job.error or "")
            assert (await node.vitals()).dead == 1
            evaluator.mended = True
            await node.requeue(job.id)
            assert (await node.wait(run.id)).output == {"n": [1, 1, 1]}
            assert (await node.jobs())[0].status == "completed"
            with pytest.raises(NotFound):
                await node.requeue(job.id)
        finally:
            await node.close()

    go(body)


def test_jobs_come_newest_first_in_pages_and_dead_ones_can_be_dropped(home, go):
    async def body():
        evaluator = Broken()
        settings = load(home.folder / "home", {"REACH_RUNNER_JOB_ATTEMPTS": "1", **unheld.VARIABLES})
        node = await LocalNode.open(settings, evaluator=evaluator)
        try:
            runs = [(await node.start(home.request(LOOPS))).id for _ in range(3)]
            for run in runs:
                with pytest.raises(Exception, match="out of order"):
                    await node.wait(run)
            first = await node.jobs(limit=2)
            rest = await node.jobs(limit=2, before=first[-1].id)
            assert [job.run for job in (*first, *rest)] == sorted(runs, reverse=True)
            await node.drop(first[0].id)
            assert first[0].id not in {job.id for job in await node.jobs()}
            with pytest.raises(NotFound):
                await node.drop(first[0].id)
        finally:
            await node.close()

    go(body)


def test_stored_workflows_are_listed(home, go):
    async def body():
        async with home.node() as node:
            request = home.request(TWO_STEPS)
            name = await node.add(request.source, request.file)
            (view,) = await node.workflows()
            assert view.workflow == name
            assert view.file == str(request.file.resolve())
            assert await node.audit() == []

    go(body)
