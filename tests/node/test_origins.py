"""Who wrote a value: the event that made it, not one that passed it on."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.errors import BadInput

FLOW = """
do:
- first: {set: {x: 1, y: {deep: [1, 2]}}}
- grow: {set: '${ . + {z: 3} }'}
- passing: {set: {x: '${ .x }', y: '${ .y }', z: 4}}
- loop:
    for: {each: i, in: '${ [range(30)] }'}
    do:
    - same: {set: '${ .count = $i }'}
- nested: {do: [{inside: {set: '${ .w = 5 }', export: {as: '${ {w: .w, kept: $context.kept} }'}}}]}
- call:
    call: draw:1.0.0@python
    with: {}
    output: {as: '${ $input + {drawn: .value} }'}
- narrow: {input: {from: '${ .y }'}, set: {got: '${ .deep[1] }', x: '${ $context.kept }'}}
"""


async def finished(node, home, source, **more):
    run = await home.run(node, source, **more)
    assert run.status == "completed", run.error
    return run, [event async for event in node.events(run.id)]


def of(events, task, type_="task.completed", nth=-1):
    return [event.seq for event in events if event.type == type_ and event.task and event.task.endswith("/" + task)][
        nth
    ]


def test_a_value_is_traced_through_all_that_passed_it_on(home, go):
    home.functions.register("draw", "1.0.0", lambda given: {"value": 7})

    async def body():
        async with home.node() as node:
            run, events = await finished(node, home, FLOW, input={"kept": 9})

            async def wrote(pointer, at):
                found = await node.origin(run.id, at, pointer)
                return None if found is None else (found.seq, found.part)

            called = of(events, "call")
            assert await wrote("/data/x", called) == (of(events, "first"), "output")
            assert await wrote("/data/y/deep/1", called) == (of(events, "first"), "output")
            assert await wrote("/data/z", called) == (of(events, "passing"), "output")
            assert await wrote("/data/count", called) == (of(events, "same"), "output")
            assert await wrote("/data/w", called) == (of(events, "inside"), "output")
            assert await wrote("/data/drawn", called) == (called, "output")
            assert await wrote("/data", called) == (called, "output")
            assert await wrote("/data/nothing", called) is None
            assert await wrote("/data/y/deep/2", called) is None

            middle = of(events, "same", nth=10)
            assert await wrote("/data/count", middle) == (middle, "output")
            assert await wrote("/data/z", middle) == (of(events, "passing"), "output")
            assert await wrote("/data/z", of(events, "grow")) == (of(events, "grow"), "output")

            narrowed = of(events, "narrow")
            assert await wrote("/data/got", narrowed) == (narrowed, "output")
            started = of(events, "narrow", "task.started")
            assert await wrote("/data/deep/0", started) == (of(events, "first"), "output")
            assert await wrote("/output/x", run.seq) == (narrowed, "output")
            assert await wrote("/output/x", called) is None

            assert await wrote("/context/kept", run.seq) == (1, "input")
            assert await wrote("/context/w", run.seq) == (of(events, "inside"), "context")
            assert await wrote("/context/w", middle) is None
            assert await wrote("/input/kept", run.seq) == (1, "input")
            assert await wrote("/data/kept", of(events, "first", "task.started")) == (1, "input")
            assert await wrote("/data", 0) is None
            with pytest.raises(BadInput, match=r"not part of a run.s state"):
                await node.origin(run.id, 5, "/elsewhere")

    go(body)


def test_the_outcome_of_an_effect_is_written_by_the_world(home, go):
    home.functions.register("draw", "1.0.0", lambda given: {"value": 7})

    async def body():
        async with home.node() as node:
            source = "do: [{call: {call: 'draw:1.0.0@python', with: {}}}, {add: {set: '${ .more = 1 }'}}]"
            run, events = await finished(node, home, source)
            found = await node.origin(run.id, run.seq, "/output/value")
            assert (found.type, found.task, found.part) == ("command.completed", "/do/0/call", "output")
            found = await node.origin(run.id, run.seq, "/output/more")
            assert (found.seq, found.type) == (of(events, "add"), "task.completed")

    go(body)


def test_each_branch_of_a_fork_wrote_its_part(home, go):
    source = """
do:
- both:
    fork:
      branches:
      - left: {set: {a: 1}}
      - right: {do: [{inner: {set: '${ .b = 2 }'}}]}
- join: {set: {left: '${ .[0] }', all: '${ . }'}}
"""

    async def body():
        async with home.node() as node:
            run, events = await finished(node, home, source, input={"given": 0})

            async def wrote(pointer, at):
                return (await node.origin(run.id, at, pointer)).seq

            joined = of(events, "both")
            assert await wrote("/data/0/a", joined) == of(events, "left")
            assert await wrote("/data/1/b", joined) == of(events, "inner")
            assert await wrote("/data/1/given", joined) == 1
            assert await wrote("/data/left/a", run.seq) == of(events, "join")

    go(body)


def test_caught_errors_retries_and_extensions_leave_the_trail_whole(home, go):
    source = """
use:
  extensions:
  - watching: {extend: set, before: [{prior: {do: []}}], after: [{later: {do: [{none: {wait: {milliseconds: 1}}}]}}]}
do:
- first: {set: {x: 1}}
- guarded:
    try:
    - change: {set: '${ .x = 2 }'}
    - broken: {raise: {error: {type: https://example.com/bad, status: 500}}}
    catch:
      do: [{mend: {set: '${ .mended = true }'}}]
- rest: {wait: {milliseconds: 1}}
"""

    async def body():
        async with home.node() as node:
            run, events = await finished(node, home, source)
            assert run.output == {"x": 1, "mended": True}

            async def wrote(pointer, at):
                found = await node.origin(run.id, at, pointer)
                return events[found.seq - 1].task

            assert await wrote("/output/x", run.seq) == "/do/0/first"
            assert (await wrote("/output/mended", run.seq)).endswith("/mend")
            changed = of(events, "change")
            assert (await wrote("/data/x", changed)).endswith("/change")

    go(body)


def test_what_an_event_brought_is_traced_to_it(home, go):
    source = """
do:
- hear: {listen: {to: {all: [{with: {type: first}}, {with: {type: second}}]}}}
- rest: {set: {one: '${ .[0] }', two: '${ .[1] }'}, output: {as: '${ .two }'}}
"""

    async def body():
        async with home.node() as node:
            run = await node.start(home.request(source))
            while (await node.run(run.id)).status != "waiting":
                await asyncio.sleep(0.01)
            for word in ("first", "second"):
                await node.publish({"type": word, "source": "/tests", "data": {"word": word}})
            run = await node.wait(run.id)
            events = [event async for event in node.events(run.id)]
            heard = of(events, "hear")
            consumed = [event.seq for event in events if event.type == "event.consumed"]
            for place, seq in enumerate(consumed):
                found = await node.origin(run.id, heard, f"/data/{place}/word")
                assert (found.seq, found.type) == (seq, "event.consumed")

    go(body)


def test_an_edit_of_a_fork_wrote_what_it_changed(home, go):
    async def body():
        async with home.node() as node:
            source = "do: [{first: {set: {x: 1, y: 2}, export: {as: .}}}, {rest: {set: '${ .z = 3 }'}}]"
            run, events = await finished(node, home, source)
            at = of(events, "first")
            fork = await node.wait((await node.fork(run.id, at, edits={"/data/x": {"deep": 5}, "/context/y": 6})).id)

            async def wrote(pointer):
                found = await node.origin(fork.id, fork.seq, pointer)
                return found.type, found.seq

            assert fork.output == {"x": {"deep": 5}, "y": 2, "z": 3}
            assert await wrote("/output/x/deep") == ("workflow.forked", at + 1)
            assert await wrote("/output/x") == ("workflow.forked", at + 1)
            assert await wrote("/output/y") == ("task.completed", at)
            assert await wrote("/context/y") == ("workflow.forked", at + 1)
            assert await wrote("/context/x") == ("task.completed", at)

    go(body)


PROPERTY = """
do:
- a: {set: {x: 1, y: 1}}
- loop:
    for: {each: i, in: '${ [range(4)] }'}
    do:
    - b: {set: '${ if $i == 2 then .x = 7 else . end }'}
    - c: {if: '${ $i > 0 }', do: [{d: {set: '${ .y = ($i / 2 | floor) }'}}]}
    - e: {switch: [{go: {when: '${ $i == 3 }', then: exit}}]}
- f: {output: {as: '${ . }'}, set: {x: '${ .x }', y: '${ .y }'}}
"""


def test_in_a_straight_flow_the_writer_is_the_last_event_after_which_the_part_was_another(home, go):
    async def body():
        async with home.node() as node:
            run, _ = await finished(node, home, PROPERTY)
            states = [None, *[await node.state(run.id, seq) for seq in range(1, run.seq + 1)]]
            for at in range(1, run.seq + 1):
                for name in ("x", "y"):
                    data = states[at].data
                    found = await node.origin(run.id, at, f"/data/{name}")
                    if not isinstance(data, dict) or name not in data:
                        assert found is None
                        continue
                    changed = at
                    while isinstance(states[changed - 1].data, dict) and (
                        states[changed - 1].data.get(name) == data[name]
                    ):
                        changed -= 1
                    assert found.seq == changed, (at, name)
            assert await node.origin(run.id, 1, "/data/x") is None

    go(body)
