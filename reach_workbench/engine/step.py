"""The engine's pure face: `step` and `replay` as functions of values.

The runner keeps a `Machine` between steps because copying a state for each would be waste;
what it does is exactly this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from reach_workbench.engine.evaluator import Evaluator, Overrun
from reach_workbench.engine.events import FACTS, Event, Fact
from reach_workbench.engine.machine import Advance, Machine
from reach_workbench.engine.origins import NoOrigins
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ROOT, State, child_task, fold_all
from reach_workbench.errors import HistoryDiverged


def step(state: State, fact: Fact | None, evaluator: Evaluator, *, budget: int = 512) -> tuple[State, Advance]:
    """(state, fact) → the state after it, and the events and commands that follow. The given state is kept."""
    machine = Machine(state.copy(), evaluator)
    advance = machine.advance(fact, budget=budget)
    return machine.state, advance


def fact_of(event: Event) -> Fact:
    """The fact that the world must have told for `event` (one of `FACTS`) to be recorded."""
    data = dict(event.data or {})
    if event.type == "event.consumed" or (event.type == "expression.overran" and event.frame != ROOT):
        data["listener"] = event.frame
    return Fact(event.type, event.at, data)


class Replayed(NamedTuple):
    """An event as recorded and as derived again, with the digest of the latter. One may be missing."""

    recorded: Event | None
    derived: Event | None
    digest: bytes


_NEAR: Final = 512
"""Events before a fork among which the decision may lie in whose middle it was made."""


class _Cut(NamedTuple):
    """A state before a decision, and what was recorded of that decision so far."""

    before: State
    events: list[Event]
    digest: bytes

    def state(self) -> State:
        """The state in the middle of the decision, which only a fork ever begins with."""
        middle = fold_all(self.before, self.events)
        middle.digest = self.digest
        return middle


def replay(
    programs: Iterable[tuple[int, Program]], events: Iterable[Event], evaluator: Evaluator
) -> Iterator[Replayed]:
    """Derive a run again from the facts among its recorded events, and give both sides in step.

    `programs` are (last event, program) pairs: a forked run has its ancestor's program up to the
    fork. Stops after the first pair that differs. Time: about one engine step an event.
    """
    ends = iter(programs)
    end, program = next(ends)
    machine = Machine(State(program), evaluator, NoOrigins())
    derived: list[tuple[Event, bytes]] = []
    cut: _Cut | None = None
    for event in events:
        if event.seq > end and derived and cut is not None:
            machine = Machine(cut.state(), evaluator, NoOrigins())
            derived = []
        if event.seq > end:
            end, program = next(ends)
            state = machine.state
            rebased = State(program)
            for name in State.__slots__:
                if name != "program":
                    setattr(rebased, name, getattr(state, name))
            retask(rebased)
            machine = Machine(rebased, evaluator, NoOrigins())
        if not derived and end - event.seq < _NEAR:
            cut = _Cut(machine.state.copy(), [], machine.state.digest)
        if event.type in FACTS:
            if derived:
                yield Replayed(event, derived[0][0], derived[0][1])
                return
            advance = _told(machine, fact_of(event))
            derived = list(zip(advance.events, advance.digests, strict=True))
        elif not derived:
            # One decision at a time: a fact may have arrived between any two of them.
            advance = machine.advance(budget=1)
            derived = list(zip(advance.events, advance.digests, strict=True))
        if not derived:
            yield Replayed(event, None, machine.state.digest)
            return
        again, digest = derived.pop(0)
        yield Replayed(event, again, digest)
        if again != event:
            return
        if cut is not None:
            cut = cut._replace(events=[*cut.events, event], digest=digest)
    return


def _told(machine: Machine, fact: Fact) -> Advance:
    try:
        return machine.advance(fact, budget=1)
    except (KeyError, ValueError) as wrong:
        raise HistoryDiverged(
            f"the recorded {fact.type} does not fit the run as derived again: {wrong!r}",
            where=f"event {machine.state.seq + 1}",
        ) from wrong


def retask(state: State) -> None:
    """Point the frames of a state at the tasks of its (changed) program, by name. Raises KeyError if one is gone."""
    frames = state.frames
    state.frames = {}
    for frame in frames.values():
        if frame.id != ROOT and frame.task is not None:
            frame.task, _ = child_task(state, state.frames[frame.parent], frame.task.name)
        state.frames[frame.id] = frame


__all__ = ["Overrun", "Replayed", "fact_of", "fold_all", "replay", "retask", "step"]
