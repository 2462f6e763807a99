"""Jobs and schedules are told of and driven in the same way through every door."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reach_workbench.engine.values import Json
from reach_workbench.errors import NotFound, ReachError
from reach_workbench.protocol.node_views import RunView
from reach_workbench.protocol.system import JobView, ScheduleView

from .conftest import Meet, Visit
from .doors import HEAD, Place

ASKS = "do: [{nap: {wait: {milliseconds: 20}}}, {count: {set: '${ { n: [limit(3; repeat(1))] } }'}}]"


class Broken:
    """An evaluator that breaks until it is mended: the run is not at fault, and its job ends as a dead letter."""

    def __init__(self) -> None:
        self.mended = False

    def evaluate(self, expression: str, data: Json, variables: dict[str, Json]) -> Any:
        if not self.mended:
            raise RuntimeError("out of order")
        return {"n": 3}


def test_a_dead_letter_is_tried_again_or_dropped(meet: Meet) -> None:
    evaluator = Broken()

    def prepare(place: Place) -> None:
        place.evaluator = evaluator
        place.variables["REACH_RUNNER_JOB_ATTEMPTS"] = "1"

    async def body(visit: Visit) -> None:
        runs = []
        for _ in range(3):
            runs.append((await visit.start(ASKS)).id)
            with pytest.raises(ReachError):
                await visit.node.wait(runs[-1])
        dead = await visit.node.jobs(status="dead_letter")
        assert all(isinstance(job, JobView) for job in dead)
        assert [(job.run, job.attempts, job.next_run_at) for job in dead] == [(run, 1, None) for run in reversed(runs)]
        assert "out of order" in (dead[0].error or "")
        first = await visit.node.jobs(limit=2)
        assert [*first, *await visit.node.jobs(limit=2, before=first[-1].id)] == dead
        assert (await visit.node.vitals()).dead == 3
        await visit.node.drop(dead[0].id)
        assert [job.id for job in await visit.node.jobs()] == [job.id for job in dead[1:]]
        with pytest.raises(NotFound):
            await visit.node.drop(dead[0].id)
        evaluator.mended = True
        await visit.node.requeue(dead[1].id)
        assert (await visit.node.wait(runs[1])).output == {"n": 3}
        assert [job.run for job in await visit.node.jobs(status="completed")] == [runs[1]]
        for ask in (visit.node.requeue, visit.node.drop):
            with pytest.raises(NotFound):
                await ask(dead[1].id)

    meet(body, prepare)


def test_a_workflow_with_a_schedule_starts_by_itself(meet: Meet) -> None:
    def prepare(place: Place) -> None:
        place.schedules = True

    async def body(visit: Visit) -> None:
        assert list(await visit.node.schedules()) == []
        tick = HEAD + "schedule: {every: {milliseconds: 200}}\ndo: [{one: {set: {n: 1}}}]"
        nightly = HEAD.replace("name: example", "name: nightly") + "schedule: {cron: '0 3 * * *'}\n" + ASKS
        assert await visit.node.add(tick, visit.place.files / "tick.yaml") == "tests/example:1.0.0"
        await visit.node.add(nightly, visit.place.files / "nightly.yaml")
        shown = {each.kind: each for each in await visit.node.schedules()}
        assert set(shown) == {"every", "cron"}
        assert isinstance(shown["cron"], ScheduleView)
        assert (shown["cron"].workflow, shown["cron"].started) == ("tests/nightly:1.0.0", 0)
        assert "0 3 * * *" in shown["cron"].rule
        runs: list[RunView] = []
        while len(runs) < 2:
            await asyncio.sleep(0.05)
            runs = list(await visit.node.runs(status="completed"))
        assert {run.workflow for run in runs} == {"tests/example:1.0.0"}
        (told,) = [each for each in await visit.node.schedules() if each.kind == "every"]
        assert told.started >= 2
        assert told.last_run in {run.id for run in await visit.node.runs()}

    meet(body, prepare)
