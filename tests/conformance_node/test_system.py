"""What a node says about texts and about itself is the same through every door."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from reach_workbench.errors import NotFound
from reach_workbench.protocol.system import OLDEST, PROTOCOL

from .conftest import Meet, Visit

GOOD = "do: [{one: {set: {n: 1}}}, {two: {set: {n: 2}, then: end}}]"


def test_a_text_is_compiled(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        request = visit.request("input: {schema: {document: {type: object}}}\n" + GOOD)
        found = await visit.node.compile(request.source, request.file)
        assert found.ok
        assert found.workflow == "tests/example:1.0.0"
        assert [task.reference for task in found.tasks] == ["/do/0/one", "/do/1/two"]
        assert found.input_schema == {"type": "object"}
        wrong = await visit.node.compile("document: {}\ndo: 3", request.file)
        assert not wrong.ok
        assert {each.file for each in wrong.diagnostics} == {str(request.file)}

    meet(body)


def test_workflows_that_were_added_are_listed(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        assert list(await visit.node.workflows()) == []
        request = visit.request(GOOD)
        await visit.node.add(request.source, request.file)
        (listed,) = await visit.node.workflows()
        assert (listed.workflow, listed.file) == ("tests/example:1.0.0", str(request.file))

    meet(body)


def test_a_node_says_who_it_is_and_how_it_fares(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        info = await visit.node.info()
        assert (info.protocol, info.oldest, info.home) == (PROTOCOL, OLDEST, str(visit.place.home))
        view = await visit.run(GOOD)
        vitals = await visit.node.vitals()
        assert vitals.steps >= view.seq
        assert vitals.active == 0

    meet(body)


def test_activity_tells_of_runs_as_they_change(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        begun = asyncio.Event()

        async def listen() -> None:
            begun.set()
            async for view in visit.node.activity():
                if view.status == "completed" and not heard.done():
                    heard.set_result(view.id)

        listening = asyncio.ensure_future(listen())
        await begun.wait()
        done = set()
        while not heard.done():  # the first may end before the stream is open
            done.add((await visit.run(GOOD)).id)
            await asyncio.wait((heard,), timeout=1)
        assert heard.result() in done
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    meet(body)


def test_a_job_that_does_not_exist_is_not_found(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        await visit.start(GOOD, hold=True)
        for job in await visit.node.jobs():
            assert job.status in ("queued", "leased", "completed", "dead_letter")
        assert list(await visit.node.jobs(status="dead_letter")) == []
        for ask in (visit.node.requeue, visit.node.drop):
            with pytest.raises(NotFound):
                await ask("zzzz")

    meet(body)


def test_the_audit_log_is_read(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        runs = [await visit.run(GOOD) for _ in range(5)]
        everything = await visit.node.audit()
        assert [record.seq for record in everything] == [5, 4, 3, 2, 1]
        assert [record.run for record in everything] == [run.id for run in runs[::-1]]
        assert await visit.node.audit(limit=2) == everything[:2]
        assert await visit.node.audit(before=4, limit=2) == everything[2:4]
        assert await visit.node.audit(after=3) == everything[:2]
        assert await visit.node.audit(runs[1].id) == [everything[3]]
        assert await visit.node.audit(type="run.") == everything
        assert await visit.node.audit(type="gate.") == []
        assert await visit.node.audit(text=runs[2].id.upper()) == [everything[2]]
        since = everything[2].at
        found = await visit.node.audit(since=since, until=everything[0].at)
        assert found == [record for record in everything if since <= record.at <= everything[0].at]
        with pytest.raises(NotFound):
            await visit.node.audit("zzzz")

    meet(body)


def test_the_audit_log_is_verified(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        await visit.run(GOOD)
        told: list[tuple[int, int]] = []
        found = await visit.node.audit_verify(progress=lambda *each: told.append(each))
        assert (found.ok, found.records, found.checkpoints, found.key) == (True, 1, 0, None)
        assert found.problems == ()
        assert found.summary.startswith("1 record holds, root ")
        with closing(sqlite3.connect(visit.place.home / "reach.db")) as connection:
            connection.executescript("DROP TRIGGER audit_no_update; UPDATE audit SET created_at = 5")
        changed = await visit.node.audit_verify()
        (problem,) = changed.problems
        assert (changed.ok, problem.code, problem.first, problem.last) == (False, "changed", 1, 1)

    meet(body)


def test_runs_are_found_by_workflow_and_by_text(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.run(GOOD)
        assert [each.id for each in await visit.node.runs(workflow="tests/example")] == [view.id]
        assert list(await visit.node.runs(workflow="tests/other")) == []
        assert [each.id for each in await visit.node.runs(text="EXAM")] == [view.id]
        assert [each.id for each in await visit.node.runs(text=view.id[8:14])] == [view.id]
        assert list(await visit.node.runs(text="no such")) == []

    meet(body)
