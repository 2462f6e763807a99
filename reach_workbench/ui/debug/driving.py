"""Stepping and running: of the run where it stands, and of the cursor alone in the past."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from reach_workbench.protocol.debugging import Motion, Query
from reach_workbench.protocol.node_views import RunView, StepMode
from reach_workbench.ui.debug.desk import Desk
from reach_workbench.ui.debug.looking import LookingScreen
from reach_workbench.ui.debug.position import STOPPED
from reach_workbench.ui.debug.source import SourceView
from reach_workbench.ui.debug.timeline import Timeline
from reach_workbench.ui.words import ENDED

Json = Any


class DrivingScreen(LookingScreen):
    """At the live end of a run that stands still the keys drive it; anywhere else they move the cursor.

    Backwards, and in the past, nothing is ever executed.
    """

    _driven: bool = False

    def action_over(self) -> None:
        self._go("over")

    def action_into(self) -> None:
        self._go("into")

    def action_out(self) -> None:
        self._go("out")

    def action_continue(self) -> None:
        if self._drivable("continue"):
            self._drive(lambda run: self._given(run, lambda secrets: self.node.resume(run, secrets=secrets)))

    def action_pause(self) -> None:
        position = self.position
        if position is None:
            return
        if position.ended:
            self.notify(f"The run has {position.run.status}.", timeout=2)
        elif not position.stopped:
            self._drive(self._paused)

    async def _paused(self, run: str) -> RunView:
        """A run at work is held later: when its effect is done, or what it waits for has come."""
        view = await self.node.pause(run)
        if view.status not in STOPPED and view.status not in ENDED:
            self.notify("It will be held before its next task.", timeout=3)
        return view

    def action_to_cursor(self) -> None:
        """Go on to the task under the cursor of the source."""
        task = self.query_one(SourceView).task_here
        if self.position is None or task is None:
            return
        if self.position.at_end and self._drivable(None):
            self._drive(lambda run: self._given(run, lambda secrets: self.node.step(run, until=task, secrets=secrets)))
        elif not self.position.at_end:
            self.spawn(self._to_task(task), "move", exclusive=True)

    async def _to_task(self, task: str) -> None:
        """In the past: to the next place where that task begins."""
        position = self.position
        if position is None:
            return
        at = position.cursor
        while True:
            found = await self.node.find(position.run.id, Query(types=("task.started",), task=task), after=at, limit=50)
            for seq in found.seqs:
                page = await self.node.page(position.run.id, seq, 1)
                if page.events and page.events[0].task == task:
                    self.move(seq)
                    return
            if found.done or found.scanned <= at:
                self.notify(f"{task} does not begin after this event.", timeout=3, markup=False)
                return
            at = found.scanned

    # ------------------------------------------------------------ the cursor alone

    def action_back(self) -> None:
        self._by(-1)

    def action_forward(self) -> None:
        self._by(1)

    def action_mark_back(self) -> None:
        self._seek("mark-back")

    def action_mark(self) -> None:
        self._seek("mark")

    def action_over_back(self) -> None:
        self._seek("over-back")

    def action_out_back(self) -> None:
        self._seek("out-back")

    def action_continue_back(self) -> None:
        self._seek("continue-back")

    def action_start(self) -> None:
        self.query_one(Timeline).action_edge(0)

    def action_end(self) -> None:
        self.query_one(Timeline).action_edge(1)

    def action_live(self) -> None:
        """Follow the live end again; what a verification said is put away."""
        position = self.position
        if position is not None:
            position.verification = None
            position.move(position.total)
            position.following = True
            self.say("")
            self.show_position()

    def _by(self, events: int) -> None:
        position = self.position
        if position is not None:
            self.move(self.query_one(Timeline).neighbour(position.cursor, events))

    def _seek(self, motion: Motion) -> None:
        if self.position is not None:
            self.spawn(self._sought(motion), "move", exclusive=True)

    async def _sought(self, motion: Motion) -> None:
        position = self.position
        if position is None:
            return
        at = await self.node.seek(position.run.id, position.cursor, motion)
        if at == position.cursor:
            self.notify("There is nothing further that way.", timeout=2)
        self.move(at)

    # ------------------------------------------------------------ the run

    def _go(self, mode: StepMode) -> None:
        if self._drivable(mode):
            self._drive(lambda run: self._given(run, lambda secrets: self.node.step(run, mode, secrets=secrets)))

    def _given(self, run: str, ask: Callable[[Mapping[str, Json] | None], Awaitable[RunView]]) -> Awaitable[RunView]:
        """With the secrets that this machine keeps for the run, once the node says that it lacks them."""
        return self.workbench.keeper.given(self.node, run, ask)

    def _drivable(self, motion: Motion | None) -> bool:
        """Whether a key drives the run; else it says why not, or moves the cursor."""
        position = self.position
        if position is None:
            return False
        if not position.at_end:
            if motion is not None:
                self._seek(motion)
            return False
        if position.ended:
            self.notify(
                f"The run has {position.run.status}. [ goes back, F forks it anywhere.", timeout=3, markup=False
            )
            return False
        if not position.stopped:
            self.notify("The run is going on: p holds it before its next task.", timeout=3)
            return False
        return True

    def _drive(self, work: Callable[[str], Awaitable[RunView]]) -> None:
        """One request at a time: a key that comes before the answer is left."""
        position = self.position
        if position is None or self._driven:
            return
        self._driven = True
        position.following = True
        position.verification = None
        self.spawn(self._drove(work, position.run.id), "drive")

    async def _drove(self, work: Callable[[str], Awaitable[RunView]], run: str) -> None:
        try:
            self.renewed(await work(run))
        finally:
            self._driven = False
        self._stops.ask(None)

    def action_cancel(self) -> None:
        position = self.position
        if position is None or position.ended:
            self.notify("There is no run to cancel here.", timeout=2)
            return
        self.spawn(self._cancel(position.run), "dialog", exclusive=True)

    async def _cancel(self, run: RunView) -> None:
        text = f"{run.workflow}\n{run.id}\n\nWhat it has done stays done; it can't go on afterwards."
        if await self.workbench.confirm("Cancel this run?", text, "y", "cancel the run"):
            self.renewed(await self.node.cancel(run.id))

    def action_resolve(self) -> None:
        position = self.position
        if position is None or not position.run.in_doubt:
            self.notify("No effect of this run is in doubt.", timeout=2)
            return
        self.spawn(self._resolve(position.run), "dialog", exclusive=True)

    async def _resolve(self, run: RunView) -> None:
        from reach_workbench.ui.deciding import decided
        from reach_workbench.ui.doubt import doubt_of

        resolved = await decided(self.workbench, await doubt_of(self.node, run, run.in_doubt[0]))
        if resolved is not None:
            self.renewed(resolved)
            self.query_one(Desk).reveal("state")
