"""When the timers of a run are due, whatever is done to the machine's clock meanwhile."""

from __future__ import annotations

from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.state import State

_LONGEST: Final = 60.0
"""Seconds slept at most towards a timer: the clock may be set forward while we do."""


class Alarm:
    """Timers are due by the wall clock, or once as much time has passed as they were to take: a clock that
    was set back by a day must not make a run wait for a day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadlines: dict[tuple[int, int], float] = {}

    def due(self, state: State) -> list[int]:
        """The numbers of the timers that are due, and of the commands whose gates expire, in their order."""
        dues = due_times(state)
        if not dues:
            return []
        self._look(state, dues)
        now, elapsed = self._clock.now(), self._clock.elapsed()
        found = [(due, number) for number, due in dues.items() if due <= now or self._deadlines[number, due] <= elapsed]
        return [number for _, number in sorted(found)]

    def delay(self, state: State) -> float | None:
        """Seconds until it is worth looking again; None without timers."""
        dues = due_times(state)
        if not dues:
            return None
        self._look(state, dues)
        wall = min(dues.values()) - self._clock.now()
        passed = min(self._deadlines[each] for each in dues.items()) - self._clock.elapsed()
        return min(max(min(wall / 1000, passed), 0.0), _LONGEST)

    def _look(self, state: State, dues: dict[int, int]) -> None:
        """Note how long the timers that are new still take, and forget those that are gone."""
        if self._deadlines.keys() == dues.items():
            return
        now = max(self._clock.now(), state.at)
        elapsed = self._clock.elapsed()
        self._deadlines = {
            each: self._deadlines.get(each, elapsed + max(each[1] - now, 0) / 1000) for each in dues.items()
        }


def due_times(state: State) -> dict[int, int]:
    """When what is due: timers by their numbers, and gates that expire by those of their commands."""
    dues = {number: timer.due for number, timer in state.timers.items()} if state.timers else {}
    if state.gates:
        dues |= {number: gate.expires for number, gate in state.gates.items() if gate.expires is not None}
    return dues
