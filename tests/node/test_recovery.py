"""What is left when a process ends: runs go on where they were, and no effect is repeated unseen."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import NotFound

SLOW = "do: [{before: {set: {x: 1}}}, {slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"


async def _until_marked(home) -> None:
    while not (home.files / "marks").exists() or not _marks(home):
        await asyncio.sleep(0.01)


def _marks(home) -> list[str]:
    return (home.files / "marks").read_text().split()


async def _left_in_the_middle(home, body: str = SLOW) -> str:
    async with home.node() as node:
        run = await node.start(home.request(body))
        await _until_marked(home)
        return run.id


def test_an_effect_cut_off_by_the_end_of_the_process_is_in_doubt(home, go):
    async def body():
        run = await _left_in_the_middle(home)
        async with home.node() as node:
            assert await node.recover() == [run]
            view = await node.wait(run)
            assert view.status == "waiting"
            assert len(view.in_doubt) == 1
            assert "decision" in (view.waiting or "")
            assert _marks(home) == ["begun"]

    go(body)


@pytest.mark.parametrize(
    ("decision", "value", "status", "output", "marks"),
    [
        ("result", "as if", "completed", "as if", 1),
        ("fail", "it did not", "faulted", None, 1),
    ],
)
def test_a_person_decides_what_became_of_an_effect_in_doubt(home, go, decision, value, status, output, marks):
    async def body():
        run = await _left_in_the_middle(home)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            await node.resolve(run, view.in_doubt[0], decision, value=value)
            view = await node.wait(run)
            records = {each.type: each.data for each in await node.audit(run, type="effect.")}
            assert {name: data["kind"] for name, data in records.items()} == dict.fromkeys(
                ("effect.in-doubt", "effect.resolved"), "shell.run"
            )
            assert (view.status, view.output, len(_marks(home))) == (status, output, marks)
            assert (await node.verify(run)).ok

    go(body)


def test_an_effect_in_doubt_is_repeated_only_when_a_person_says_so(home, go):
    quick = "do: [{slow: {run: {shell: {command: 'echo begun >> marks; test $(wc -l < marks) -gt 1 || sleep 30'}}}}]"

    async def body():
        run = await _left_in_the_middle(home, quick)
        async with home.node() as node:
            await node.recover()
            view = await node.wait(run)
            await node.resolve(run, view.in_doubt[0], "repeat")
            view = await node.wait(run)
            assert view.status == "completed"
            assert _marks(home) == ["begun", "begun"]

    go(body)


def test_an_effect_declared_idempotent_is_repeated_under_the_same_key(home, go):
    task = "do: [{slow: {metadata: {idempotent: true}, run: {shell: {command: '%s'}}}}]"
    command = "echo $REACH_COMMAND >> marks; test $(wc -l < marks) -gt 1 || sleep 30"

    async def body():
        run = await _left_in_the_middle(home, task % command)
        async with home.node() as node:
            await node.recover()
            assert (await node.wait(run)).status == "completed"
            first, second = _marks(home)
            assert first == second
            assert first.startswith(run + ":")

    go(body)


def test_deciding_what_is_not_in_doubt_is_refused(home, go):
    async def body():
        run = await _left_in_the_middle(home)
        async with home.node() as node:
            await node.recover()
            await node.wait(run)
            with pytest.raises(NotFound, match="effect 999"):
                await node.resolve(run, 999, "repeat")

    go(body)


def test_waiting_runs_wait_on_in_the_next_process(home, go):
    async def body():
        async with home.node() as node:
            timed = (await node.start(home.request("do: [{pause: {wait: {milliseconds: 300}}}]"))).id
            heard = (await node.start(home.request("do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"))).id
            await asyncio.sleep(0.05)
        async with home.node() as node:
            assert sorted(await node.recover()) == sorted([timed, heard])
            assert (await node.wait(timed)).status == "completed"
            assert (await node.publish({"type": "a.b", "data": 7})).consumed_by == (heard,)
            assert (await node.wait(heard)).output == [7]

    go(body)


def test_an_event_published_while_nothing_runs_is_kept_for_the_run_that_waits(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request("do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"))).id
            await asyncio.sleep(0.05)
        async with home.node() as node:
            assert (await node.publish({"type": "a.b", "data": 7})).consumed_by == (run,)
            assert (await node.run(run)).status == "running"
        async with home.node() as node:
            assert await node.recover() == [run]
            assert (await node.wait(run)).output == [7]

    go(body)


def test_a_sub_workflow_is_started_once_whatever_happens_between(home, go):
    (home.files / "child.yaml").write_text(
        "document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.0.0}\n"
        "do: [{pause: {wait: {milliseconds: 200}}}, {done: {set: {answer: 42}}}]\n"
    )
    parent = "do: [{call: {run: {workflow: {namespace: tests, name: child, version: latest}}}}]"

    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(parent))).id
            await asyncio.sleep(0.05)
        async with home.node() as node:
            await node.recover()
            assert (await node.wait(run)).output == {"answer": 42}
            assert len(await node.runs()) == 2

    go(body)


def test_a_suspended_run_hears_nothing_until_it_is_resumed(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request("do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"))).id
            assert (await node.suspend(run, "lunch")).status == "suspended"
        async with home.node() as node:
            assert await node.recover() == []
            await node.resume(run)
            await node.publish({"type": "a.b", "data": 1})
            assert (await node.wait(run)).status == "completed"
            types = [event.type async for event in node.events(run)]
            assert types.index("workflow.suspended") < types.index("workflow.resumed") < types.index("event.consumed")

    go(body)
