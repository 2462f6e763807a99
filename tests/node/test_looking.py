"""Pages, finds and lists of runs: any way of reading a history shows the same history."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reach_workbench.engine.events import TYPES
from reach_workbench.errors import BadInput, NotFound
from reach_workbench.protocol.debugging import Query

LOOPS = """
do:
- outer:
    for: {each: row, in: '${ [range(50)] }'}
    do:
    - inner:
        for: {each: column, in: '${ [range(7)] }'}
        do:
        - cell: {set: {row: '${ $row }', column: '${ $column }', word: 'Grün & "blau"'}}
- big: {set: '${ .big }', input: {from: '${ $workflow.input }'}}
"""

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def recorded(node, home):
    """A run of more than two chunks, and all its events."""
    run = await home.run(node, LOOPS, input={"big": {"number": 123456789012345678901234567890}})
    assert run.status == "completed", run.error
    return run, [event async for event in node.events(run.id)]


def test_any_page_is_a_cut_of_the_events(home, go):
    async def body():
        async with home.node() as node:
            run, events = await recorded(node, home)
            assert len(events) > 1000

            def cut(first, count):
                return events[max(first, 1) - 1 :][: max(min(count, 1000), 0)]

            @FEW
            @given(st.integers(-2, len(events) + 5), st.integers(0, 1200))
            def check(first, count):
                page = node.page(run.id, first, count)
                with pytest.raises(StopIteration) as answer:
                    page.send(None)  # a page waits for nothing
                assert answer.value.value.total == run.seq
                assert list(answer.value.value.events) == cut(first, count)

            check()

    go(body)


def test_a_page_of_a_fork_shows_the_past_it_shares(home, go):
    async def body():
        async with home.node() as node:
            run, events = await recorded(node, home)
            fork = await node.wait((await node.fork(run.id, 700)).id)
            page = await node.page(fork.id, 690, 20)
            assert list(page.events[:11]) == events[689:700]
            assert page.events[11].type == "workflow.forked"
            assert page.events == tuple([event async for event in node.events(fork.id, after=689)][:20])
            with pytest.raises(NotFound):
                await node.page("nothing", 1, 1)

    go(body)


def shown(event):
    """What a text is searched in."""
    try:
        data = orjson.dumps(event.data).decode() if event.data is not None else ""
    except TypeError:
        data = str(event.data)
    return (event.type, event.task or "", data)


def expected(events, query):
    types = [name for name in TYPES for word in query.types if name == word or name.startswith(word + ".")]
    return [
        event.seq
        for event in events
        if (not query.text or any(query.text.lower() in part.lower() for part in shown(event)))
        and (not query.types or event.type in types)
        and (not query.task or (event.task or "").startswith(query.task))
    ]


QUERIES = [
    Query(),
    Query(text="COLUMN"),
    Query(text='"row":17'),
    Query(text="grün"),
    Query(text="12345678901234567890123"),
    Query(text="completed"),
    Query(text="nowhere"),
    Query(types=("loop",)),
    Query(types=("task.started", "workflow")),
    Query(task="/do/0/outer/do"),
    Query(task="/do/1/big"),
    Query(text='"column":3', types=("task.completed",), task="/do/0"),
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_finding_in_either_direction_gives_the_same_events(home, go, query):
    async def body():
        async with home.node() as node:
            run, events = await recorded(node, home)
            wanted = expected(events, query)
            for limit in (7, 1000):
                there, back = [], []
                after, done = 0, False
                while not done:
                    found = await node.find(run.id, query, after=after, limit=limit)
                    assert len(found.seqs) <= limit
                    there += found.seqs
                    after, done = found.scanned, found.done
                assert after == run.seq
                after, done = run.seq + 1, False
                while not done:
                    found = await node.find(run.id, query, after=after, limit=limit, backwards=True)
                    back += found.seqs
                    after, done = found.scanned, found.done
                assert after == 1
                assert there == wanted == back[::-1]

    go(body)


def test_a_find_starts_after_or_before_an_event_and_tells_what_types_there_are(home, go):
    async def body():
        async with home.node() as node:
            run, events = await recorded(node, home)
            loops = [event.seq for event in events if event.type == "loop.started"]
            query = Query(types=("loop.started",))
            assert (await node.find(run.id, query, after=loops[4])).seqs == tuple(loops[5:])
            assert (await node.find(run.id, query, after=loops[4], backwards=True)).seqs == tuple(loops[3::-1])
            assert (await node.find(run.id, query, backwards=True, limit=1)).seqs == (loops[-1],)
            with pytest.raises(BadInput, match="no event has the type 'loops'"):
                await node.find(run.id, Query(types=("loops",)))

    go(body)


def test_runs_are_listed_by_workflow_and_by_part_of_a_name(home, go):
    async def body():
        async with home.node() as node:
            one = await home.run(node, "do: [{a: {set: {x: 1}}}]")
            request = home.request("do: [{a: {set: {x: 1}}}]")
            other = await node.wait(
                (
                    await node.start(
                        type(request)(request.source.replace("name: example", "name: oth-er"), request.file)
                    )
                ).id
            )
            assert [run.id for run in await node.runs()] == [other.id, one.id]
            assert [run.id for run in await node.runs(workflow="tests/oth-er")] == [other.id]
            assert [run.id for run in await node.runs(workflow="other/oth-er")] == []
            assert [run.id for run in await node.runs(text="EXAMP")] == [one.id]
            assert [run.id for run in await node.runs(text=other.id[4:])] == [other.id]
            assert [run.id for run in await node.runs(text="oth_er")] == []
            assert [run.id for run in await node.runs(text="tests/", status="completed", limit=1)] == [other.id]
            assert [run.id for run in await node.runs(text="tests/", before=other.id)] == [one.id]

    go(body)


def test_the_program_of_a_run_comes_with_its_outline(home, go):
    async def body():
        async with home.node() as node:
            run, _ = await recorded(node, home)
            program = await node.program(run.id)
            assert program.source.endswith(LOOPS)
            assert program.file == str(home.files / "example.yaml")
            assert program.compilation.ok
            assert [each.reference for each in program.compilation.tasks][:2] == [
                "/do/0/outer",
                "/do/0/outer/do/0/inner",
            ]

    go(body)
