"""jq at any event of a run, with the arguments that the task there has."""

from __future__ import annotations

import pytest

from reach_workbench.errors import NotFound

LOOP = """
input: {from: '${ .given }'}
do:
- start: {set: {n: 1}, export: {as: '${ {seen: .n} }'}}
- loop:
    for: {each: item, at: place, in: '${ [10, 20] }'}
    do:
    - double: {input: {from: '${ {n: .n, extra: true} }'}, set: {n: '${ $item * 2 }'}}
output: {as: '${ {result: .n} }'}
"""


async def places(node, run):
    """By task: the events before which it starts."""
    found = {}
    async for event in node.events(run.id):
        if event.type == "task.started":
            found.setdefault(event.task.rpartition("/")[2], []).append(event.seq - 1)
    return found


def test_an_expression_has_the_arguments_of_the_task_that_is_about_to_start(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, LOOP, input={"given": {"a": 1}})
            second = (await places(node, run))["double"][1]

            async def value(expression, at=second, **more):
                found = await node.evaluate(run.id, at, expression, **more)
                assert found.error is None, found.error
                return found.value

            assert await value("[$item, $place, .n]") == [20, 1, 20]
            assert await value("${ $context.seen }") == 1
            assert await value("$input") == {"n": 20, "extra": True}
            assert await value("$workflow.input") == {"given": {"a": 1}}
            assert await value("$task.name") == "double"
            assert await value("[.[] | $item + .]", data=[1, 2]) == [21, 22]
            assert await value("[limit(3; repeat(1))]") == [1, 1, 1]  # for the evaluator: it could loop
            inside = second + 1
            assert await value("[$task.name, $item, $input.extra]", inside) == ["double", 20, True]
            assert await value(".", run.seq) == {"result": 40}
            assert await value("$context.seen", None) == 1
            assert await value(".given.a", 1) == 1
            assert await node.run(run.id) == run

    go(body)


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        (".a |", "unexpected end"),
        ("now", "`now` is not available"),
        ("$nothing", r"$nothing is not defined here; there are $context"),
        (".n.deeper", "Cannot index number"),
        ('error("on purpose")', "on purpose"),
        ("", "empty"),
        ("[range(1e12)] | length", "limits.expression_"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said_and_harms_nothing(home, go, expression, error):
    home.environment |= {"REACH_LIMITS_EXPRESSION_SECONDS": "0.5", "REACH_LIMITS_EXPRESSION_MEGABYTES": "200"}

    async def body():
        async with home.node() as node:
            run = await home.run(node, LOOP, input={"given": {}})
            at = (await places(node, run))["loop"][0]
            found = await node.evaluate(run.id, at, expression)
            assert found.value is None
            assert error in found.error
            assert (await node.evaluate(run.id, at, ".n")).value == 1

    go(body)


def test_before_the_first_event_and_beyond_the_last_there_is_nothing(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, LOOP, input={"given": {}})
            assert (await node.evaluate(run.id, 0, ".")).error == "nothing is recorded yet at this event"
            with pytest.raises(NotFound):
                await node.evaluate(run.id, run.seq + 1, ".")

    go(body)


def test_a_run_that_is_held_is_evaluated_where_it_stands(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, LOOP, input={"given": {}}, breakpoints=("/do/1/loop/do/0/double",))
            assert (await node.evaluate(run.id, None, "[$item, $task.name]")).value == [10, "double"]
            await node.cancel(run.id)
            assert (await node.evaluate(run.id, None, "$context")).value == {"seen": 1}

    go(body)
