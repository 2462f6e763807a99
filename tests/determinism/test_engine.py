"""The engine held against itself, over invented workflows in an invented world."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from reach_workbench.engine.evaluate import InProcess
from reach_workbench.engine.events import FACTS, Event
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.program import Program
from reach_workbench.engine.snapshot import from_json, to_json
from reach_workbench.engine.state import State, fold, fold_all
from reach_workbench.engine.step import fact_of, replay
from tests.determinism.world import History, World

SEEDS = range(120)
END = 1 << 62


@pytest.fixture(scope="module")
def histories() -> list[History]:
    """Recorded runs; in every second one facts also come while the engine still has something to decide."""
    return [World(seed, eager=seed % 2 == 0, budget=(512, 1, 7)[seed % 3]).run() for seed in SEEDS]


def folded(program: Program, events: list[Event], digest: bytes) -> State:
    state = fold_all(State(program), events)
    state.digest = digest
    return state


def written(state: State) -> Any:
    """The state as its snapshot reads it back."""
    return orjson.loads(orjson.dumps(to_json(state), option=orjson.OPT_NON_STR_KEYS))


def meaning(state: State) -> Any:
    """The state's values in full, wherever a snapshot says that they are shared."""
    whole = written(state)
    values = whole.pop("values")
    for name in ("input", "context", "output"):
        whole[name] = values[whole[name]]
    for frame in whole["frames"]:
        for name in ("raw", "input", "value", "result", "items", "variables", "consumed", "correlations"):
            if name in frame:
                frame[name] = values[frame[name]]
        if "outputs" in frame:
            frame["outputs"] = [[branch, values[place]] for branch, place in frame["outputs"]]
    return whole


def go_on(state: State, rest: list[Event]) -> State:
    """Take a run from `state` to its end by the facts among the events that followed."""
    machine = Machine(state, InProcess())
    for event in rest:
        if event.type in FACTS:
            while machine.state.seq < event.seq - 1:
                assert machine.advance(budget=1).events
            machine.advance(fact_of(event), budget=1)
    while machine.advance().events:
        pass
    return machine.state


def test_the_workflows_show_every_type_of_event(histories: list[History]) -> None:
    """Else the tests below would prove less than they seem to."""
    seen = {event.type for history in histories for event in history.events}
    assert seen >= {
        *("workflow.started", "workflow.completed", "workflow.faulted", "workflow.cancelled", "workflow.suspended"),
        *("workflow.resumed", "task.started", "task.skipped", "task.completed", "task.faulted", "task.cancelled"),
        *("task.retried", "task.caught", "loop.started", "loop.iterated", "timer.started", "timer.fired"),
        *("command.issued", "command.completed", "command.faulted", "command.in-doubt", "command.resolved"),
        *("event.emitted", "event.awaited", "event.consumed", "event.delivered", "event.accepted"),
        *("extension.entered", "function.entered", "task.evaluated", "expression.overran"),
    }


def test_the_recorded_facts_give_the_same_run_again(histories: list[History]) -> None:
    for history in histories:
        again = list(replay([(END, history.program)], iter(history.events), InProcess()))
        assert [each.derived for each in again] == history.events, history.seed
        assert [each.digest for each in again] == history.digests, history.seed


def test_folding_the_events_gives_the_state_of_the_live_run() -> None:
    for seed in SEEDS:
        world = World(seed, budget=5)
        lives: dict[int, Any] = {}
        world.watch = lambda state, lives=lives: lives.__setitem__(state.seq, meaning(state))  # type: ignore[misc]
        history = world.run()
        for seq, live in lives.items():
            again = folded(history.program, history.events[:seq], history.digests[seq - 1])
            assert meaning(again) == live, (seed, seq)


def test_folding_leaves_the_state_before_as_it_was(histories: list[History]) -> None:
    for history in histories[::10]:
        state = State(history.program)
        for event in history.events:
            before = written(state) if state.frames or state.ended else None
            after = fold(state, event)
            if before is not None:
                assert written(state) == before, (history.seed, event.seq)
            state = after


def test_a_run_goes_on_from_any_commit_to_the_same_digest(histories: list[History]) -> None:
    for history in histories:
        for seq in history.boundaries[:: max(len(history.boundaries) // 6, 1)]:
            state = folded(history.program, history.events[:seq], history.digests[seq - 1])
            assert go_on(state, history.events[seq:]).digest == history.digests[-1], (history.seed, seq)


def test_a_snapshot_is_as_good_as_the_events_before_it(histories: list[History]) -> None:
    for history in histories:
        for seq in history.boundaries[:: max(len(history.boundaries) // 4, 1)]:
            state = folded(history.program, history.events[:seq], history.digests[seq - 1])
            back = from_json(history.program, written(state))
            assert back is not None
            assert meaning(back) == meaning(state), (history.seed, seq)
            assert go_on(back, history.events[seq:]).digest == history.digests[-1], (history.seed, seq)


def test_how_many_events_are_decided_at_once_makes_no_difference() -> None:
    for seed in SEEDS:
        one, seven, many = (World(seed, budget=budget).run() for budget in (1, 7, 512))
        assert one.events == seven.events == many.events, seed
        assert one.digests == seven.digests == many.digests, seed
