"""Moving over a recorded run ends where a live run would have held, and back again."""

from __future__ import annotations

import pytest

from reach_workbench.errors import NotFound
from reach_workbench.node import seeking
from reach_workbench.protocol.debugging import Breakpoint

NESTED = """
do:
- first: {set: {x: 1}}
- group:
    do:
    - inner: {set: {x: 2}}
    - skipped: {if: '${ false }', set: {x: 0}}
    - deeper: {do: [{deepest: {set: {x: 3}}}]}
- last: {set: {x: 4}}
"""
LOOPS = """
do:
- outer:
    for: {each: row, in: '${ [range(40)] }'}
    do:
    - inner:
        for: {each: column, in: '${ [range(5)] }'}
        do:
        - cell: {set: {n: '${ $row * 10 + $column }'}}
        - look: {switch: [{even: {when: '${ .n % 2 == 0 }', then: continue}}, {odd: {then: exit}}]}
    - after: {set: {row: '${ $row }'}}
- last: {set: {done: true}}
"""
TRYING = """
do:
- guarded:
    try:
    - fine: {set: {x: 1}}
    - group: {do: [{broken: {raise: {error: {type: https://example.com/bad, status: 500}}}}]}
    - never: {set: {x: 2}}
    catch:
      do: [{mend: {set: {x: 3}}}]
- last: {set: {x: 4}}
- fatal: {do: [{fall: {raise: {error: {type: https://example.com/worse, status: 500}}}}]}
"""
FORKED = """
do:
- before: {set: {x: 1}}
- both:
    fork:
      branches:
      - left: {do: [{l1: {set: {x: 1}}}, {l2: {do: [{l3: {set: {x: 2}}}]}}, {l4: {set: {x: 3}}}]}
      - right: {do: [{r1: {do: [{r2: {set: {x: 1}}}, {r3: {set: {x: 1}}}]}}, {r4: {set: {x: 3}}}]}
- after: {set: {x: 4}}
"""
BESIDE = """
do:
- before: {set: {x: 1}}
- both:
    fork:
      branches:
      - left:
          do:
          - rows:
              for: {each: row, in: '${ [range(6)] }'}
              do:
              - cells: {for: {each: cell, in: '${ [range(12)] }'}, do: [{count: {set: {n: '${ $cell }'}}}]}
          - l2: {set: {x: 2}}
      - waits: {wait: {milliseconds: 20}}
      - hears: {listen: {to: {any: []}, read: data}, if: '${ false }'}
      - right:
          do:
          - r1: {for: {each: cell, in: '${ [range(90)] }'}, do: [{count: {set: {n: '${ $cell }'}}}]}
          - guarded:
              try: [{bad: {do: [{worse: {raise: {error: {type: https://example.com/bad, status: 500}}}}]}}]
              catch: {do: [{mend: {for: {each: m, in: '${ [range(40)] }'}, do: [{count: {set: {n: 1}}}]}}]}
- after: {set: {x: 4}}
"""
RUNS = {"beside": BESIDE, "nested": NESTED, "loops": LOOPS, "trying": TRYING, "forked": FORKED}
ENDS = ("task.completed", "task.faulted", "task.cancelled")
STARTS = ("task.started", "task.skipped")


@pytest.fixture(autouse=True)
def snapshots(home, monkeypatch):
    """Many, so that even these short runs have some to jump by, and short stretches between two jumps."""
    home.environment["REACH_RUNNER_SNAPSHOT_EVENTS"] = "60"
    monkeypatch.setattr(seeking, "_NEAR", 100)


async def events_of(node, run):
    return [event async for event in node.events(run.id)]


class Slowly:
    """Every place and its level, and so the end of every motion, the slow way."""

    def __init__(self, events):
        self.events = events
        self.last = len(events)
        self.parents = {event.seq: event.frame for event in events if event.type == "task.started"}
        self.places = {event.seq - 1: self.depth(event.frame) for event in events if event.type in STARTS}

    def depth(self, frame):
        return 1 if frame == 0 else 1 + self.depth(self.parents[frame])

    def level(self, at):
        if at in self.places:
            return self.places[at]
        event = self.events[at - 1]
        frame = event.frame if event.type in STARTS or event.frame == 0 else self.parents[event.frame]
        return self.depth(frame)

    def seek(self, at, motion):
        back = motion.endswith("back")
        level = self.level(at) - motion.startswith("out")
        fit = [place for place, depth in self.places.items() if depth <= level and (place < at if back else place > at)]
        if fit:
            return fit[-1] if back else fit[0]
        return 1 if back else self.last


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("motion", ["over", "out", "over-back", "out-back"])
def test_from_anywhere_a_motion_ends_at_the_nearest_place_of_its_level(home, go, name, motion):
    async def body():
        async with home.node() as node:
            run = await home.run(node, RUNS[name])
            slowly = Slowly(await events_of(node, run))
            found = {at: await node.seek(run.id, at, motion) for at in range(1, run.seq + 1)}
            assert found == {at: slowly.seek(at, motion) for at in range(1, run.seq + 1)}

    go(body)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("mode", ["over", "out"])
def test_a_step_over_the_record_ends_where_the_live_step_held(home, go, name, mode):
    async def body():
        async with home.node() as node:
            run = await home.run(node, RUNS[name], hold=True)
            if mode == "out":  # from somewhere inside
                for _ in range(4):
                    run = await node.step(run.id, "into")
            held = []
            while run.status == "held" and len(held) < 60:
                held.append(run.seq)
                run = await node.step(run.id, mode)
            held.append(run.seq)
            at = held[0]
            for wanted in held[1:]:
                at = await node.seek(run.id, at, mode)
                assert at == wanted

    go(body)


def test_one_event_on_and_back_is_where_it_was(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, NESTED)
            for at in range(run.seq):
                there = await node.seek(run.id, at, "into")
                assert there == at + 1
                assert await node.seek(run.id, there, "back") == max(at, 1)
            assert await node.seek(run.id, run.seq, "into") == run.seq
            for motion in ("over", "out", "continue", "mark"):
                assert await node.seek(run.id, run.seq, motion) == run.seq
                assert await node.seek(run.id, 1, motion + "-back") == 1
            with pytest.raises(NotFound):
                await node.seek(run.id, run.seq + 1, "into")

    go(body)


def test_continuing_over_the_record_stops_at_the_breakpoints_of_the_run(home, go):
    async def body():
        async with home.node() as node:
            look = "/do/0/outer/do/0/inner/do/1/look"
            run = await home.run(node, LOOPS, breakpoints=(look, "/do/1/last"))
            held, run = await held_at(node, run)
            assert len(held) > 40
            at, there = 1, []
            while at < run.seq:
                at = await node.seek(run.id, at, "continue")
                there.append(at)
            assert there == [*held, run.seq]
            back = []
            while at > 1:
                at = await node.seek(run.id, at, "continue-back")
                back.append(at)
            assert back == [*reversed(held), 1]

    go(body)


async def held_at(node, run):
    """Where a run that was started with the node's breakpoints set was held, until its end."""
    held = []
    while run.status == "held":
        held.append(run.seq)
        run = await node.wait((await node.resume(run.id)).id)
    # One that was held for long enough records that it went on, before it decides what it was held at.
    types = {event.seq: event.type for event in await events_of(node, run)}
    return [seq + (types.get(seq + 1) == "workflow.resumed") for seq in held], run


RETRYING = """
do:
- guarded:
    try:
    - count: {set: {n: '${ .n }'}}
    - maybe: {call: 'count:1.0.0@python', with: {}}
    catch:
      errors: {}
      retry: {limit: {attempt: {count: 3}}}
"""


@pytest.mark.parametrize(
    "point",
    [
        Breakpoint(task="/do/0/outer/do/0/inner/do/0/cell", condition="$row == 7 and $column > 1"),
        Breakpoint(task="/do/0/outer/do/0/inner/do/0/cell", hits=90),
        Breakpoint(task="/do/0/outer/do/1/after", condition="${ .n | not }", workflow="tests/example"),
        Breakpoint(task="/do/1/last", enabled=False),
        Breakpoint(task="/do/1/last", log='"here"'),
    ],
    ids=str,
)
def test_continuing_over_the_record_stops_where_the_breakpoints_of_the_node_held(home, go, point):
    async def body():
        async with home.node() as node:
            await node.set_breakpoint(point)
            held, run = await held_at(node, await home.run(node, LOOPS))
            at, there = 1, []
            while at < run.seq:
                at = await node.seek(run.id, at, "continue")
                there.append(at)
            assert there == [*held, run.seq]
            assert await node.seek(run.id, run.seq, "continue-back") == [1, *held][-1]

    go(body)


@pytest.mark.parametrize(
    "point",
    [
        Breakpoint(on="fault"),
        Breakpoint(on="fault", condition='$error.detail | contains("2")'),
        Breakpoint(on="retry"),
        Breakpoint(on="command", command="function.call"),
        Breakpoint(on="command", command="http.call"),
    ],
    ids=str,
)
def test_faults_retries_and_commands_are_found_where_they_held(home, go, point):
    calls = []

    def count(given):
        calls.append(given)
        if len(calls) < 3:
            raise ValueError(f"attempt {len(calls)}")
        return {"n": len(calls)}

    home.functions.register("count", "1.0.0", count, idempotent=True)

    async def body():
        async with home.node() as node:
            await node.set_breakpoint(point)
            held, run = await held_at(node, await home.run(node, RETRYING))
            assert run.status == "completed", run.error
            at, there = 1, []
            while at < run.seq:
                at = await node.seek(run.id, at, "continue")
                there.append(at)
            assert there == [*held, run.seq]
            if point.on == "fault" and point.condition is None:
                assert len(held) == 2

    go(body)


def test_marks_are_where_a_fault_came_up_and_not_where_it_was_passed_on(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, TRYING)
            events = await events_of(node, run)
            faults = [(event.seq, event.task) for event in events if event.type == "task.faulted"]
            assert [task for _, task in faults] == [
                "/do/0/guarded/try/1/group/do/0/broken",
                "/do/0/guarded/try/1/group",
                "/do/2/fatal/do/0/fall",
                "/do/2/fatal",
            ]
            at, there = 1, []
            while at < run.seq:
                at = await node.seek(run.id, at, "mark")
                there.append(at)
            assert there == [faults[0][0], faults[2][0], run.seq]
            assert await node.seek(run.id, run.seq, "mark-back") == faults[2][0]
            assert await node.seek(run.id, faults[2][0], "mark-back") == faults[0][0]
            assert await node.seek(run.id, faults[0][0], "mark-back") == 1

    go(body)
