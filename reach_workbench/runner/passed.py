"""States that were passed on the way to others: who looks at one moment of a run looks at those around it next."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from reach_workbench.engine.state import State

STRIDE: Final = 128
"""Events between two states that are kept: folding so many takes a third of a millisecond."""

_KEPT: Final = 64
_FRAMES: Final = 500
"""A state with more is not kept: copying it would cost what it saves."""


class Passed:
    """Belongs to one thread. What is recorded never changes, so what is kept can't be out of date."""

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[int, int], State] = OrderedDict()

    def before(self, key: int, seq: int) -> State | None:
        """A state of the run with that key, at most `STRIDE` events before `seq`. The caller's own."""
        place = (key, seq // STRIDE * STRIDE)
        state = self._states.get(place)
        if state is None:
            return None
        self._states.move_to_end(place)
        return state.copy()

    def note(self, key: int, state: State) -> None:
        """The run with that key was folded to `state`."""
        place = (key, state.seq)
        if state.seq % STRIDE or place in self._states or len(state.frames) > _FRAMES:
            return
        self._states[place] = state.copy()
        if len(self._states) > _KEPT:
            self._states.popitem(last=False)
