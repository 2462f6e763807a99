"""A debugger's questions have the same answers through every door."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reach_workbench.errors import BadInput, NotFound
from reach_workbench.protocol.debugging import MOST_FOUND, Breakpoint, Query
from reach_workbench.protocol.node_views import RunView

from .conftest import Meet, Visit

LOOP = (
    "do: [{set_out: {set: {total: 0}}}, {each: {for: {in: '${ [range(40)] }'}, do: "
    "[{add: {set: {total: '${ .total + $item }'}}}]}}, {last: {set: {total: '${ .total }', done: true}}}]"
)


async def ran(visit: Visit) -> RunView:
    view = await visit.run(LOOP)
    assert view.status == "completed", view.error
    return view


def test_pages_are_the_events_by_number(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await ran(visit)
        every = await visit.events(view.id)
        page = await visit.node.page("last", 11, 20)
        assert (page.run, page.first, page.total) == (view.id, 11, view.seq)
        assert list(page.events) == every[10:30]
        rest = await visit.node.page(view.id, view.seq - 1, 1000)
        assert list(rest.events) == every[-2:]
        assert (await visit.node.page(view.id, view.seq + 5, 10)).events == ()
        with pytest.raises(NotFound):
            await visit.node.page("zzzz", 1, 10)

    meet(body)


def test_events_are_found_in_both_directions(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await ran(visit)
        every = await visit.events(view.id)
        wanted = tuple(event.seq for event in every if event.type == "task.started" and event.task == "/do/2/last")
        query = Query(types=("task.started",), task="/do/2/last")
        assert (await visit.node.find(view.id, query)).seqs == wanted
        backwards = await visit.node.find(view.id, Query(text="ADD"), after=view.seq, backwards=True, limit=2)
        assert len(backwards.seqs) == 2
        assert backwards.seqs[0] > backwards.seqs[1]
        nothing = await visit.node.find(view.id, Query(text="no such words & ä?=%"))
        assert (nothing.seqs, nothing.done) == ((), True)
        many = await visit.node.find(view.id, Query(types=("task.started", "task.completed")), limit=MOST_FOUND)
        assert list(many.seqs) == [event.seq for event in every if event.type in ("task.started", "task.completed")]

    meet(body)


def test_a_cursor_moves_and_executes_nothing(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await ran(visit)
        assert await visit.node.seek(view.id, 3, "into") == 4
        assert await visit.node.seek(view.id, 3, "back") == 2
        assert await visit.node.seek(view.id, 3, "continue") == view.seq
        assert (await visit.node.run(view.id)) == view

    meet(body)


def test_expressions_are_evaluated_in_the_past(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await ran(visit)
        found = await visit.node.evaluate(view.id, view.seq, ".total * 2")
        assert (found.value, found.error) == (1560, None)
        assert (await visit.node.evaluate(view.id, None, "length", data=[1, 2, 3])).value == 3
        wrong = await visit.node.evaluate(view.id, None, ".a | error")
        assert wrong.error
        assert (await visit.node.evaluate(view.id, None, ".[")).error

    meet(body)


def test_a_value_has_an_origin(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await ran(visit)
        origin = await visit.node.origin(view.id, view.seq, "/output/done")
        assert origin is not None
        assert origin.task == "/do/2/last"

    meet(body)


def test_two_runs_are_compared(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        left, right = await ran(visit), await ran(visit)
        found = await visit.node.compare(left.id, right.id)
        assert (found.same, found.common, found.left, found.right) == (True, left.seq, None, None)
        other = await visit.run("do: [{set_out: {set: {total: 1}}}]")
        different = await visit.node.compare(left.id, other.id)
        assert not different.same
        with pytest.raises(NotFound):
            await visit.node.compare(left.id, "zzzz")

    meet(body)


def test_a_run_keeps_its_program(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await ran(visit)
        program = await visit.node.program(view.id)
        assert program.source == visit.request(LOOP).source
        assert program.compilation.ok
        assert [task.reference for task in program.compilation.tasks][:1] == ["/do/0/set_out"]

    meet(body)


def test_breakpoints_are_the_node_s(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        put = await visit.node.set_breakpoint(Breakpoint(task="/do/2/last", condition="${ .total > 10 }"))
        assert put.id
        assert [each.id for each in await visit.node.breakpoints()] == [put.id]
        held = await visit.node.wait((await visit.start(LOOP)).id)
        assert (held.status, held.position) == ("held", "/do/2/last")
        off = await visit.node.set_breakpoint(replace(put, enabled=False))
        assert (off.id, off.enabled) == (put.id, False)
        assert (await visit.run(LOOP)).status == "completed"
        with pytest.raises(BadInput):
            await visit.node.set_breakpoint(Breakpoint(task="/do/2/last", condition=".["))
        await visit.node.clear_breakpoint(put.id)
        assert list(await visit.node.breakpoints()) == []
        with pytest.raises(NotFound):
            await visit.node.clear_breakpoint(put.id)
        with pytest.raises(NotFound):
            await visit.node.set_breakpoint(put)

    meet(body)


def test_a_logging_breakpoint_holds_nothing(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        await visit.node.set_breakpoint(Breakpoint(task="/do/2/last", log="the total is ${ .total }"))
        view = await ran(visit)
        lines = await visit.node.log_lines(view.id)
        assert [line.message for line in lines] == ["the total is 780"]

    meet(body)


def test_a_run_is_paused_before_its_next_task(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        view = await visit.start("do: [{nap: {wait: {milliseconds: 300}}}, {then: {set: {n: 1}}}]")
        await visit.node.pause(view.id)
        held = await visit.node.wait(view.id)
        assert (held.status, held.position) == ("held", "/do/1/then")
        await visit.node.resume(view.id)
        assert (await visit.node.wait(view.id)).output == {"n": 1}

    meet(body)
