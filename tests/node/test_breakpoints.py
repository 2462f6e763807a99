"""The node's breakpoints: where runs are held, and that nothing of it is in their histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reach_workbench.errors import BadInput, NotFound
from reach_workbench.protocol.debugging import Breakpoint

LOOP = """
do:
- loop:
    for: {in: '${ [1, 2, 3, 4] }'}
    do:
    - body: {set: {n: '${ $item }'}}
- last: {set: {done: true}}
"""
BODY = "/do/0/loop/do/0/body"

CALLS = """
do:
- one: {call: "count:1.0.0@python", with: {n: 1}}
- two: {call: "count:1.0.0@python", with: {n: 2}}
"""

CAUGHT = """
do:
- outer:
    do:
    - guarded:
        try:
        - inner: {do: [{bad: {raise: {error: {type: 'https://example.org/x', status: 500, title: Bad}}}}]}
        catch: {do: [{mended: {set: {mended: true}}}]}
- broken: {set: {n: '${ error("no") }'}}
"""

RETRIED = """
do:
- again:
    try:
    - bad: {raise: {error: {type: 'https://example.org/x', status: 500, title: Bad}}}
    catch: {retry: {limit: {attempt: {count: 2}}}}
"""


@pytest.fixture
def called(home):
    given: list[object] = []

    def count(arguments):
        given.append(arguments)
        return len(given)

    home.functions.register("count", "1.0.0", count)
    return given


async def _types(node, run):
    return [(event.type, event.task, event.data) async for event in node.events(run, after=1)]


async def _go_on(node, run):
    return await node.wait((await node.resume(run)).id)


async def _places(node, view):
    """Hold after hold to the end: what was recorded last each time."""
    found = []
    while view.status == "held":
        last = [(event.type, event.task) async for event in node.events(view.id)][-1]
        found.append(last)
        view = await _go_on(node, view.id)
    return found, view


def test_a_task_holds_every_run_each_time_and_leaves_no_trace(home, go):
    async def body():
        async with home.node() as node:
            straight = await home.run(node, LOOP)
            point = await node.set_breakpoint(Breakpoint(task=BODY))
            run = await home.run(node, LOOP)
            held = []
            while run.status == "held":
                assert run.position == BODY
                held.append((await node.state(run.id)).stack[-1].variables["item"])
                run = await _go_on(node, run.id)
            assert held == [1, 2, 3, 4]
            assert await _types(node, run.id) == await _types(node, straight.id)
            assert (await node.verify(run.id)).ok
            assert [each.count for each in await node.breakpoints()] == [4]
            await node.clear_breakpoint(point.id)
            assert (await home.run(node, LOOP)).status == "completed"
            with pytest.raises(NotFound):
                await node.clear_breakpoint(point.id)

    go(body)


@pytest.mark.parametrize(
    ("terms", "held", "count"),
    [
        ({"condition": "$item == 3"}, [3], 1),
        ({"condition": "${ .n == 2 }"}, [3], 1),
        ({"condition": "[limit(3; repeat(1))] | length == $item"}, [3], 1),
        ({"hits": 3}, [3, 4], 4),
        ({"condition": "$item > 1", "hits": 2}, [3, 4], 3),
        ({"enabled": False}, [], 0),
        ({"workflow": "tests/other"}, [], 0),
        ({"workflow": "tests/example"}, [1, 2, 3, 4], 4),
    ],
)
def test_terms_say_when_it_holds(home, go, terms, held, count):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(task=BODY, **terms))
            run = await home.run(node, LOOP)
            found = []
            while run.status == "held":
                found.append((await node.state(run.id)).stack[-1].variables["item"])
                run = await _go_on(node, run.id)
            (point,) = await node.breakpoints()
            assert (found, point.count, point.problem) == (held, count, None)

    go(body)


def test_a_condition_sees_what_the_task_itself_will_see(home, go):
    source = "do: [{a: {set: {n: 1}}}, {b: {input: {from: '${ {m: .n} }'}, set: {x: '${ .m }'}, export: {as: .}}}]"

    async def body():
        async with home.node() as node:
            condition = '.m == 1 and $input.m == 1 and $task.name == "b" and $workflow.input == {}'
            await node.set_breakpoint(Breakpoint(task="/do/1/b", condition=condition))
            assert (await home.run(node, source, input={})).status == "held"

    go(body)


def test_a_condition_that_fails_holds_and_says_why(home, go):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(task=BODY, condition="$item | keys"))
            assert (await home.run(node, LOOP)).status == "held"
            (point,) = await node.breakpoints()
            assert "has no keys" in (point.problem or "")

    go(body)


def test_a_message_holds_nothing_and_is_kept(home, go):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(task=BODY, log="item ${ $item } of ${ .n }"))
            await node.set_breakpoint(Breakpoint(task="/do/1/last", log=". + {seen: true}"))
            run = await home.run(node, LOOP)
            assert run.status == "completed"
            lines = await node.log_lines(run.id)
            assert [line.message for line in lines][1:] == [
                "item 2 of 1",
                "item 3 of 2",
                "item 4 of 3",
                '{"n":4,"seen":true}',
            ]
            events = {event.seq: event async for event in node.events(run.id)}
            assert [events[line.seq].type for line in lines[:4]] == ["loop.iterated"] * 4

    go(body)


def test_of_many_messages_the_newest_thousand_are_kept(home, go):
    many = "do: [{l: {for: {in: '${ [range(1200)] }'}, do: [{b: {set: {n: 1}}}]}}]"

    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(task="/do/0/l/do/0/b", log="$item"))
            run = await home.run(node, many)
            lines = await node.log_lines(run.id)
            assert [line.message for line in lines] == [str(number) for number in range(200, 1200)]

    go(body)


def test_any_fault_holds_once_where_it_comes_up(home, go):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="fault"))
            held, run = await _places(node, await home.run(node, CAUGHT))
            assert held == [
                ("task.faulted", "/do/0/outer/do/0/guarded/try/0/inner/do/0/bad"),
                ("task.faulted", "/do/1/broken"),
            ]
            assert run.status == "faulted"
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_fault_of_an_effect_holds_while_its_task_is_still_there(home, go):
    def fail(given):
        raise ValueError("no such thing")

    home.functions.register("fail", "1.0.0", fail)

    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="fault", condition='$error.detail | contains("no such")'))
            run = await home.run(node, 'do: [{a: {do: [{bad: {call: "fail:1.0.0@python", with: {n: 1}}}]}}]')
            assert (run.status, run.position) == ("held", "/do/0/a/do/0/bad")
            assert (await node.state(run.id)).stack[-1].task == "/do/0/a/do/0/bad"
            assert (await _go_on(node, run.id)).status == "faulted"

    go(body)


OWN = {
    "schema": ("input: {schema: {document: {type: object, required: [a]}}}\n", 1),
    "input": ("input: {from: '${ .x | keys }'}\n", 1),
    "output": ("output: {as: '${ .n | keys }'}\n", 4),
}


@pytest.mark.parametrize("what", OWN)
@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (None, True),
        ('$error.instance == "/input" or $error.instance == "/output"', True),
        (".x == 5 or .n == 1", True),
        ("$error.status == 200", False),
    ],
)
def test_a_fault_of_the_workflow_s_own_input_or_output_holds_it_before_it_ends(home, go, what, condition, holds):
    head, at = OWN[what]

    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="fault", condition=condition))
            run = await home.run(node, head + "do: [{one: {set: {n: 1}}}]", input={"x": 5})
            assert ((run.status, run.seq) == ("held", at)) is holds
            assert [point.problem for point in await node.breakpoints()] == [None]
        async with home.node() as node:  # a restart leaves it held there
            await node.recover()
            run = await _go_on(node, run.id) if holds else run
            assert (run.status, run.seq) == ("faulted", at + 1)
            assert (await node.verify(run.id)).ok
            assert await node.seek(run.id, 0, "continue") == (at if holds else run.seq)
            assert await node.seek(run.id, run.seq, "mark-back") == (at if holds else 1)

    go(body)


def test_a_retry_holds_before_each_new_attempt(home, go):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="retry"))
            held, run = await _places(node, await home.run(node, RETRIED))
            assert held == [("task.retried", "/do/0/again")] * 2
            assert run.status == "faulted"

    go(body)


def test_a_command_is_held_with_its_intent_recorded_and_nothing_done(home, go, called):
    async def body():
        async with home.node() as node:
            straight = await home.run(node, CALLS)
            await node.set_breakpoint(Breakpoint(on="command", command="function.call"))
            run = await home.run(node, CALLS)
            assert (run.status, run.position, len(called)) == ("held", "/do/0/one", 2)
            (issued,) = [event async for event in node.events(run.id) if event.type == "command.issued"]
            assert {"n": 1} in issued.data["arguments"].values()
            run = await node.step(run.id)
            assert (run.status, run.position, len(called)) == ("held", "/do/1/two", 3)
            held, run = await _places(node, run)
            assert (held[-1], run.status, len(called)) == (("command.issued", "/do/1/two"), "completed", 4)
            shape = [(event.type, event.task) async for event in node.events(straight.id)]
            assert [(event.type, event.task) async for event in node.events(run.id)] == shape
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_command_of_another_kind_is_not_held(home, go, called):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="command", command="http.call"))
            assert (await home.run(node, CALLS)).status == "completed"

    go(body)


def test_a_held_command_is_performed_once_after_a_restart(home, go, called):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="command", condition='$task.name == "one"'))
            run = await home.run(node, CALLS)
            assert (run.status, called) == ("held", [])
        async with home.node() as node:
            assert await node.recover() == []
            run = await _go_on(node, run.id)
            assert (run.status, run.in_doubt, len(called)) == ("completed", (), 2)
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_run_held_at_a_command_can_be_cancelled(home, go, called):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(on="command"))
            run = await home.run(node, CALLS)
            assert (await node.cancel(run.id)).status == "cancelled"
            assert called == []

    go(body)


def test_breakpoints_survive_a_restart_with_their_counts(home, go):
    async def body():
        async with home.node() as node:
            point = await node.set_breakpoint(Breakpoint(task=BODY, hits=3, condition="true"))
            run = await home.run(node, LOOP)
            assert (run.status, run.position) == ("held", BODY)
        async with home.node() as node:
            assert await node.breakpoints() == (replace(point, count=3),)
            again = await _go_on(node, run.id)
            assert (again.status, again.position) == ("held", BODY)
            assert (await _go_on(node, run.id)).status == "completed"
        async with home.node(write=False) as other:
            assert [each.count for each in await other.breakpoints()] == [4]

    go(body)


def test_another_process_sets_and_clears_them_for_runs_under_way(home, go):
    slow = "do: [{a: {wait: {milliseconds: 300}}}, {b: {set: {n: 1}}}, {c: {set: {n: 2}}}]"

    async def body():
        async with home.node() as node, home.node(write=False) as other:
            run = await node.start(home.request(slow))
            wrong = await other.set_breakpoint(Breakpoint(task="/do/1/b", run=run.id[:12]))
            await other.set_breakpoint(Breakpoint(task="/do/2/c"))
            await other.clear_breakpoint(wrong.id)
            held = await node.wait(run.id)
            assert (held.status, held.position) == ("held", "/do/2/c")

    go(body)


def test_changing_what_it_says_starts_its_count_again_and_switching_it_off_does_not(home, go):
    async def body():
        async with home.node() as node:
            point = await node.set_breakpoint(Breakpoint(task=BODY, log="1"))
            await home.run(node, LOOP)
            point = await node.set_breakpoint(replace(point, enabled=False))
            assert (point.count, point.enabled) == (4, False)
            await home.run(node, LOOP)
            point = await node.set_breakpoint(replace(point, enabled=True, hits=2))
            assert point.count == 0
            assert [each.id for each in await node.breakpoints()] == [point.id]

    go(body)


def test_a_sub_workflow_is_held_too(home, go):
    (home.files / "child.yaml").write_text(
        "document: {dsl: 1.0.3, namespace: tests, name: child, version: 1.0.0}\ndo: [{a: {set: {n: 1}}}]"
    )
    parent = "do: [{call: {run: {workflow: {namespace: tests, name: child, version: 1.0.0}}}}]"

    async def body():
        async with home.node() as node:
            await node.set_breakpoint(Breakpoint(task="/do/0/a", workflow="tests/child"))
            run = await node.start(home.request(parent))
            await node.wait(run.id)
            (child,) = [view for view in await node.runs() if view.parent == run.id]
            assert (child.status, child.position) == ("held", "/do/0/a")
            await node.resume(child.id)
            await node.wait(child.id)
            await node.resume(run.id)
            assert (await node.wait(run.id)).output == {"n": 1}

    go(body)


def test_a_run_bound_breakpoint_holds_no_other_run(home, go):
    async def body():
        async with home.node() as node:
            first = await home.run(node, LOOP, hold=True)
            await node.set_breakpoint(Breakpoint(task=BODY, run=first.id))
            assert (await home.run(node, LOOP)).status == "completed"
            assert (await _go_on(node, first.id)).position == BODY

    go(body)


def test_a_step_goes_on_from_a_task_whose_condition_needs_another_process(home, go):
    slow = "do: [{a: {if: '${ [limit(2; repeat(1))] | length == 2 }', set: {n: 1}}}, {b: {set: {n: 2}}}]"

    async def body():
        async with home.node() as node:
            run = await home.run(node, slow, hold=True)
            run = await node.step(run.id, "into")
            assert (run.status, run.position) == ("held", "/do/1/b")

    go(body)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (Breakpoint(task=None), BadInput, "needs its reference"),
        (Breakpoint(task="loop"), BadInput, "no reference"),
        (Breakpoint(task=BODY, condition=". |"), BadInput, "condition is wrong"),
        (Breakpoint(task=BODY, log="hello ${ .a"), BadInput, "log is wrong"),
        (Breakpoint(task=BODY, condition="now"), BadInput, "condition is wrong"),
        (Breakpoint(on="command", command="http"), BadInput, "http.call"),
        (Breakpoint(task=BODY, hits=-1), BadInput, "count"),
        (Breakpoint(task=BODY, run="nothing"), NotFound, "no run"),
        (Breakpoint(task="/do/7/x", workflow="tests/example"), NotFound, "no task /do/7/x"),
        (Breakpoint(task=BODY, workflow="example"), BadInput, "names no workflow"),
        (Breakpoint(task=BODY, id="nothing"), NotFound, "no breakpoint"),
    ],
)
def test_what_could_never_hold_is_refused(home, go, wrong, error, says):
    async def body():
        async with home.node() as node:
            await home.run(node, LOOP)
            with pytest.raises(error) as refused:
                await node.set_breakpoint(wrong)
            assert says in str(refused.value) or says in (refused.value.hint or "")
            assert await node.breakpoints() == ()

    go(body)
