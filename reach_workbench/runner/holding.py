"""Where a person wants one run to be held: its breakpoints and the step being taken, and the node's breakpoints."""

from __future__ import annotations

from reach_workbench.engine.evaluator import Deferred
from reach_workbench.engine.machine import Pause
from reach_workbench.engine.state import Frame, State, Todo
from reach_workbench.runner.breakpoints import Breakpoints
from reach_workbench.runner.debug import Debug, Mode, continuing
from reach_workbench.runner.patience import Patient
from reach_workbench.runner.traps import Traps
from reach_workbench.storage.unit import Unit


class Holding:
    """What a person asks for counts from the run's next turn on."""

    def __init__(
        self, breakpoints: Breakpoints, run: str, evaluator: Patient, state: State, debug: Debug, *, held: bool
    ) -> None:
        self._evaluator = evaluator
        self._debug = debug
        self._traps = Traps(breakpoints, run, evaluator, since=state.seq if state.run == run else 0)
        if held:
            self._traps.release(state)
        self._redirection: tuple[frozenset[str] | None, Mode | None, str | None] | None = None

    # ------------------------------------------------------------ from outside

    def redirect(self, breakpoints: frozenset[str] | None, mode: Mode | None, until: str | None) -> None:
        """Go on with these breakpoints and this step (see `runner.debug`), also from where the run is held."""
        self._redirection = (breakpoints, mode, until)

    def hold_next(self, *, held: bool) -> bool:
        """Hold the run before the next task it starts; whether that is something new. `held`: it stands already."""
        if self._redirection is not None:
            self._redirection = (self._redirection[0], "into", None)
        elif not held:
            self._debug = Debug(self._debug.breakpoints, mode="into")
            return True
        return False

    @property
    def is_redirected(self) -> bool:
        """Whether something was asked for that does not count yet."""
        return self._redirection is not None

    def apply(self, state: State, *, held: bool) -> set[int]:
        """Let it count; returns the commands that were withheld and may now be performed."""
        if self._redirection is None:
            return set()
        breakpoints, mode, until = self._redirection
        self._redirection = None
        points = self._debug.breakpoints if breakpoints is None else breakpoints
        if held or mode is not None:
            released = self._traps.release(state)
            self._debug = continuing(state, points, mode, until)
            return released
        self._debug = Debug(points)
        return set()

    # ------------------------------------------------------------ holding

    @property
    def holds_first(self) -> bool:
        """Whether the run is held before it does anything."""
        return self._debug.hold_first

    @property
    def holds_next(self) -> bool:
        """Whether it is held before the next task it starts."""
        return self._debug.mode == "into"

    @property
    def withheld(self) -> set[int]:
        """The commands that are held back before they are performed."""
        return self._traps.withheld

    def pause(self, state: State) -> Pause | None:
        """What the machine is to ask before each decision; None when nothing could hold the run."""
        return None if self._traps.idle(state) and self._debug.idle else self._holds

    def _holds(self, state: State, frame: Frame, todo: Todo) -> bool:
        trapped = self._traps(state, frame, todo)  # asked first: what is met there counts, whatever else holds
        return self._debug(state, frame, todo) or trapped

    async def weigh(self, state: State) -> set[int]:
        """The commands that breakpoints hold back, those that were issued since included."""
        try:
            self._traps.weigh(state)
        except Deferred:
            await self._evaluator.aside(lambda: self._traps.weigh(state))
        return self._traps.withheld

    def let_go(self) -> set[int]:
        """Hold no command back any more; returns those that were."""
        withheld = set(self._traps.withheld)
        self._traps.withheld.clear()
        return withheld

    def save(self, unit: Unit) -> None:
        """Add what was met to what is being committed."""
        self._traps.save(unit)
