"""Starting, following and driving runs is the same through every door."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.errors import (
    ArchiveError,
    CompileError,
    ForkRefused,
    LimitExceeded,
    NobodyWaits,
    NotFound,
    RunStateError,
)

from .conftest import Meet, Visit

TWO = "do: [{one: {set: {n: 1}}}, {two: {set: {n: '${ .n + 1 }'}}}]"
SLOW = "do: [{one: {set: {n: 1}}}, {sleep: {wait: {minutes: 5}}}]"
LISTENS = "do: [{hear: {listen: {to: {one: {with: {type: com.example.go}}}}}}]"
MANY = (
    "do: [{each: {for: {in: '${ [range(300)] }'}, do: [{one: {set: {n: '${ $item }'}}}]}},"
    " {pause: {wait: {milliseconds: 50}}}, {again: {set: {n: 0}}}]"
)


def test_a_run_that_ended_is_the_same_for_everyone(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.run(TWO)
        assert (view.status, view.output, view.error) == ("completed", {"n": 2}, None)
        assert view.workflow == "tests/example:1.0.0"
        assert await visit.node.run(view.id) == await visit.node.run("last") == view
        assert await visit.node.run(view.id[:12]) == view

    meet(body)


def test_events_come_each_once_and_in_order_while_they_happen(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start(MANY)
        followed = await visit.events(view.id, follow=True)
        assert [event.seq for event in followed] == list(range(1, len(followed) + 1))
        assert followed[-1].type == "workflow.completed"
        assert followed == await visit.events(view.id)
        assert followed[-1].digest == (await visit.node.run(view.id)).digest

    meet(body)


def test_events_begin_after_the_one_that_is_named(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.run(TWO)
        every = await visit.events(view.id)
        assert await visit.events(view.id, after=4) == every[4:]
        assert await visit.events(view.id, after=view.seq, follow=True) == []

    meet(body)


def test_a_follower_that_leaves_early_leaves_the_node_as_it_was(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start(SLOW)
        for _ in range(3):
            async for event in visit.node.events(view.id, follow=True):
                if event.type == "timer.started":
                    break
        assert (await visit.node.cancel(view.id, "enough")).status == "cancelled"

    meet(body)


def test_a_run_that_does_not_exist_is_not_found(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        for name in ("zzzzzz", "no such run", "../nowhere", "a.b", "", "%2e%2e", "ä"):
            for ask in (visit.node.run, visit.node.state, visit.node.resume, visit.node.verify):
                with pytest.raises(NotFound):
                    await ask(name)
            with pytest.raises(NotFound):
                await visit.events(name)

    meet(body)


def test_a_document_with_errors_is_refused_with_its_diagnostics(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        request = visit.request("do: [{one: {set: {n: '${ .n + }'}}}]")
        with pytest.raises(CompileError) as refused:
            await visit.node.start(request)
        found = refused.value.diagnostics[0]
        assert isinstance(found, Diagnostic)
        assert (found.file, found.line) == (str(request.file), 2)
        assert refused.value.message == f"{request.file} has 1 error"

    meet(body)


def test_a_breakpoint_on_a_task_that_is_not_there_is_refused(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        with pytest.raises(NotFound, match="has no task /do/7/x") as refused:
            await visit.start(TWO, breakpoints=("/do/7/x",))
        assert refused.value.hint == "tasks: /do/0/one, /do/1/two"

    meet(body)


def test_an_input_that_nests_too_deeply_is_refused(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        deep: object = 1
        for _ in range(300):
            deep = [deep]
        with pytest.raises(LimitExceeded, match=r"limits\.document_depth"):
            await visit.start(TWO, input=deep)

    meet(body)


def test_every_json_value_survives_the_way(meet: Meet) -> None:
    deep: object = 1
    for _ in range(190):
        deep = {"a": [deep]} if _ % 2 else [deep]
    value = {
        "big": 2**53 - 1,
        "small": -(2**53) + 1,
        "float": 1e-9,
        "whole": 3.0,
        "text": 'ä \u2028 \x00 \U0001f600 "\\',
        "none": None,
        "deep": deep[0] if isinstance(deep, list) else deep,
        "": {"/~": []},
    }

    async def body(visit: Visit) -> None:
        deep = value | {"deep": 0}
        view = await visit.run("do: [{same: {set: '${ . }'}}]", input=deep)
        assert view.output == deep
        assert (await visit.events(view.id))[0].data is not None
        assert (await visit.node.state(view.id, 2)).input == deep

    meet(body)


def test_an_integer_of_many_digits_keeps_them(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start(TWO, input={"n": 2**80}, hold=True)
        assert (await visit.node.state(view.id)).input == {"n": 2**80}

    meet(body)


def test_steps_hold_again_and_show_what_they_changed(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        held = await visit.start(TWO, hold=True)
        first = await visit.node.step(held.id)
        assert (first.status, first.position) == ("held", "/do/1/two")
        changes = await visit.node.diff(held.id, held.seq, first.seq)
        assert [(each.pointer, each.kind) for each in changes if each.pointer.startswith("/data")] == [
            ("/data", "changed")
        ]
        state = await visit.node.state(held.id)
        assert (state.data, state.position) == ({"n": 1}, "/do/1/two")
        with pytest.raises(NotFound):
            await visit.node.state(held.id, 999)
        with pytest.raises(NotFound):
            await visit.node.step(held.id, until="/do/9/nowhere")
        done = await visit.node.step(held.id, "into")
        assert (done.status, done.output) == ("completed", {"n": 2})
        with pytest.raises(RunStateError):
            await visit.node.step(held.id)

    meet(body)


def test_a_run_is_suspended_resumed_and_cancelled(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start(SLOW)
        assert (await visit.node.suspend(view.id, "for now")).status == "suspended"
        assert (await visit.node.wait(view.id)).status == "suspended"
        assert (await visit.node.resume(view.id)).status in ("running", "waiting")
        assert (await visit.node.cancel(view.id)).status == "cancelled"
        with pytest.raises(RunStateError, match="has cancelled"):
            await visit.node.resume(view.id)

    meet(body)


def test_someone_who_waits_hears_what_another_does(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start(SLOW)
        waiting = asyncio.ensure_future(visit.node.wait(view.id))
        following = asyncio.ensure_future(visit.events(view.id, follow=True))
        await visit.node.cancel(view.id, "by another")
        assert (await waiting).status == "cancelled"
        assert (await following)[-1].type == "workflow.cancelled"

    meet(body)


def test_a_fork_has_the_same_past(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.run(TWO)
        at = next(event.seq for event in await visit.events(view.id) if event.type == "task.completed")
        fork = await visit.node.fork(view.id, at, edits={"/data/n": 40})
        done = await visit.node.wait(fork.id)
        assert (done.output, done.forked_from, done.forked_at) == ({"n": 41}, view.id, at)
        with pytest.raises(ForkRefused):
            await visit.node.fork(view.id, view.seq)
        with pytest.raises(NotFound):
            await visit.node.fork(view.id, 999)
        other = visit.request("do: [{other: {set: {n: 5}}}, {two: {set: {n: 6}}}]")
        with pytest.raises(ForkRefused):
            await visit.node.fork(view.id, at, source=other.source, file=other.file)

    meet(body)


def test_a_verification_tells_its_progress(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.run(TWO)
        told: list[tuple[int, int]] = []
        found = await visit.node.verify(view.id, progress=lambda done, total: told.append((done, total)))
        assert (found.ok, found.events, found.digest) == (True, view.seq, view.digest)
        assert all(0 <= done <= total for done, total in told)
        again = await visit.node.verify(view.id)
        assert replace(again, seconds=0.0) == replace(found, seconds=0.0)

    meet(body)


def test_a_run_is_carried_out_and_not_in_twice(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.run(TWO)
        file = visit.place.files / "run.reach"
        await visit.node.export(view.id, file, unsigned=True)
        with pytest.raises(RunStateError, match="in this home already"):
            await visit.node.import_(file)
        file.write_bytes(file.read_bytes()[:-100])
        with pytest.raises(ArchiveError):
            await visit.node.import_(file)
        with pytest.raises(ArchiveError, match="No such file"):
            await visit.node.import_(visit.place.files / "none.reach")
        assert [each.name for each in visit.place.files.iterdir()] == ["run.reach"]

    meet(body)


def test_an_event_reaches_who_waits_for_it(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        with pytest.raises(NobodyWaits):
            await visit.node.publish({"type": "com.example.go"})
        view = await visit.start(LISTENS)
        async for event in visit.node.events(view.id, follow=True):
            if event.type == "event.awaited":
                break
        published = await visit.node.publish({"type": "com.example.go", "data": {"n": 1}, "count": 3})
        assert published.consumed_by == (view.id,)
        assert (published.event["type"], published.event["count"]) == ("com.example.go", 3)
        assert (await visit.node.wait(view.id)).output == [{"n": 1}]

    meet(body)


def test_runs_are_listed_the_newest_first_and_page_by_page(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        views = [await visit.run(TWO) for _ in range(5)]
        held = await visit.start(TWO, hold=True)
        listed = await visit.node.runs()
        assert [each.id for each in listed] == [held.id, *(each.id for each in reversed(views))]
        assert [each.id for each in await visit.node.runs(status="held")] == [held.id]
        assert await visit.node.runs(limit=2) == listed[:2]
        assert await visit.node.runs(limit=2, before=listed[1].id) == listed[2:4]
        assert await visit.node.runs(status="faulted") == []

    meet(body)


def test_a_secret_is_given_and_never_told(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        tasks = "use: {secrets: [key]}\ndo: [{one: {set: {length: '${ $secrets.key | length }'}}}]"
        view = await visit.run(tasks, secrets={"key": "a-canary-in-the-mine"})
        assert view.status in ("completed", "faulted")
        told = repr([view, *await visit.events(view.id)])
        assert "canary" not in told

    meet(body)


def test_what_stands_beside_a_workflow_is_found(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        (visit.place.files / "schema.json").write_text('{"type": "object", "required": ["n"]}')
        tasks = "input: {schema: {resource: {endpoint: schema.json}}}\n" + TWO
        view = await visit.run(tasks, input={})
        assert view.error is not None or view.status == "completed"
        stored = await visit.node.add(visit.request(TWO).source, visit.place.files / "example.yaml")
        assert stored == "tests/example:1.0.0"

    meet(body)


def test_an_effect_that_is_not_in_doubt_is_not_decided(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start(TWO, hold=True)
        with pytest.raises(NotFound, match="not in doubt"):
            await visit.node.resolve(view.id, 3, "repeat")

    meet(body)


def test_the_doctor_examines_the_node_s_home(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        names = {check.name for check in await visit.node.doctor()}
        assert {"python", "home", "store"} <= names

    meet(body)
