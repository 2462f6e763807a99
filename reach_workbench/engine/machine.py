"""The part of the engine that decides: it looks at the state, and says what happens next.

A `Machine` owns a state. `advance` takes a fact, records it, and then decides one thing after
the other until the run waits for the world, has ended, is held by `pause`, or has used up its
budget of events.

What a decision is about lives beside this file: `flow` (tasks, blocks, loops, forks),
`tasks` (what each kind of task does), `catching` (errors, retries, timeouts), `listening`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from reach_workbench.engine.commands import Command, Emission, Timer
from reach_workbench.engine.evaluator import Deferred, Overrun
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.flow import DECISIONS
from reach_workbench.engine.recorder import Recorder
from reach_workbench.engine.state import ROOT, Frame, State, Todo
from reach_workbench.errors import Bug

_PURE_TASKS: Final = 100_000
_EVENTS: Final = 10_000_000
"""The limits of a run that recorded none (`limits.pure_tasks`, `limits.events`)."""


SLICE_BYTES: Final = 1024 * 1024
"""What is recorded in one go, so that large values hold up nobody else."""


class Advance(NamedTuple):
    """What came of an `advance`.

    `events` with their `digests` are to be recorded before any of `commands` is performed.
    `more` says that the machine stopped for its budget; `paused` that `pause` held it;
    `overrun` that an expression hit a limit: hand in the fact `expression.overran`; `deferred`
    that the evaluator may not wait here: advance where it may.
    """

    events: list[Event]
    digests: list[bytes]
    commands: list[Command]
    timers: list[Timer]
    emissions: list[Emission]
    more: bool
    paused: bool
    overrun: Overrun | None
    deferred: bool = False

    def then(self, later: Advance) -> Advance:
        """Both in one: all that was recorded and asked for, and how the later one stopped."""
        return Advance(
            self.events + later.events,
            self.digests + later.digests,
            self.commands + later.commands,
            self.timers + later.timers,
            self.emissions + later.emissions,
            *later[5:],
        )


Pause = Callable[[State, Frame, Todo], bool]
"""Asked before each decision whether to hold there; may raise Deferred, and is then asked again."""


class Machine(Recorder):
    """A run that can go on. It changes the state it is given; hand it a copy to keep yours."""

    def advance(self, fact: Fact | None = None, *, budget: int = 512, pause: Pause | None = None) -> Advance:
        """Record `fact`, if any, then decide until there is nothing to decide.

        It stops for `more` after about `budget` events or `SLICE_BYTES`; where it stops changes nothing.
        """
        self._events, self._digests = [], []
        self._commands, self._timers, self._emissions = [], [], []
        state = self.state
        if fact is not None:
            self.record(fact)
        most_pure, most_events = self.limit("pure_tasks", _PURE_TASKS), self.limit("events", _EVENTS)
        paused = False
        overrun: Overrun | None = None
        deferred = False
        full = self.recorded + SLICE_BYTES
        while state.ready and not state.suspended and state.phase not in ("completed", "faulted", "cancelled"):
            if len(self._events) >= budget or self.recorded > full:
                break
            frame = state.frames[next(iter(state.ready))]
            todo = frame.todo
            assert todo is not None
            before = state.seq
            try:
                if pause is not None and pause(state, frame, todo):
                    paused = True
                    break
                if frame.id == ROOT and todo[0] in ("raise", "cancel"):
                    DECISIONS[todo[0]](self, frame, todo)  # the run is ending: no limit keeps it from that
                elif state.pure > most_pure:
                    self._give_up("limits.pure_tasks", f"{most_pure:,} tasks ran without waiting for anything")
                elif state.seq > most_events:
                    self._give_up("limits.events", f"the run has recorded {most_events:,} events")
                else:
                    DECISIONS[todo[0]](self, frame, todo)
            except Overrun as hit:
                overrun = hit
                break
            except Deferred:
                deferred = True
                break
            if state.seq == before:
                raise Bug(f"deciding {todo[0]!r} of frame {frame.id} recorded nothing")
        stopped = paused or deferred or overrun is not None
        more = not stopped and (len(self._events) >= budget or self.recorded > full) and bool(state.ready)
        return Advance(
            self._events,
            self._digests,
            self._commands,
            self._timers,
            self._emissions,
            more,
            paused,
            overrun,
            deferred,
        )

    def note(self, fact: Fact) -> tuple[Event, bytes]:
        """Record a fact and decide nothing yet: the event that stands for it, and its digest."""
        self._events, self._digests = [], []
        self.record(fact)
        return self._events[0], self._digests[0]

    def allow(self, number: int, at: int) -> tuple[Event, bytes]:
        """Record that policy allows the command, by the same policies as the one before; see `note`."""
        self._events, self._digests = [], []
        self.note_allowed(number, at)
        return self._events[0], self._digests[0]

    def _give_up(self, setting: str, what: str) -> None:
        fault = Fault("runtime", f"{what}; the limit is the setting {setting}", code="limit", title="Limit reached")
        self.emit("limit.reached", None, ROOT, {"setting": setting, "error": fault.problem("/")})
