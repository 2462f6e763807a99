"""Breakpoints: set, changed and cleared from wherever the cursor is."""

from __future__ import annotations

from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.ui.debug.breakpane import BreakPane, what
from reach_workbench.ui.debug.driving import DrivingScreen
from reach_workbench.ui.debug.looking import fits
from reach_workbench.ui.debug.source import SourceView
from reach_workbench.ui.debug.timeline import Timeline


class StoppingScreen(DrivingScreen):
    """Breakpoints are the node's: the panes change when the node has answered."""

    def action_breakpoint(self) -> None:
        """Clear the breakpoint under the cursor, or set one at the task there."""
        known = self._at_cursor()
        if known is not None:
            self.spawn(self._clear(known), "breakpoints")
        elif (task := self.task_at_cursor()) is not None and self.position is not None:
            run = self.position.run
            self.spawn(self._set(Breakpoint(task=task, workflow=f"{run.namespace}/{run.name}")), "breakpoints")
        else:
            self.notify("There is no task under the cursor.", timeout=2)

    def action_edit_breakpoint(self) -> None:
        if self.position is None:
            return
        run = self.position.run
        known = self._at_cursor()
        task = self.task_at_cursor()
        new = Breakpoint(on="task" if task else "fault", task=task, workflow=f"{run.namespace}/{run.name}")
        self.spawn(self._edit(known or new), "dialog", exclusive=True)

    async def _edit(self, breakpoint: Breakpoint) -> None:
        from reach_workbench.ui.debug.breakdialog import BreakDialog

        async def save(changed: Breakpoint) -> None:
            await self.node.set_breakpoint(changed)

        if await self.app.push_screen_wait(BreakDialog(breakpoint, save)):
            self._stops.ask(None)

    async def _set(self, breakpoint: Breakpoint) -> None:
        await self.node.set_breakpoint(breakpoint)
        self._stops.ask(None)

    async def _clear(self, breakpoint: Breakpoint) -> None:
        await self.node.clear_breakpoint(breakpoint.id)
        self.say(f"cleared the breakpoint at {what(breakpoint)}")
        self._stops.ask(None)

    def task_at_cursor(self) -> str | None:
        """The task under the cursor of the focused pane: its text, or its event."""
        if isinstance(self.focused, Timeline):
            row = self.focused.row(self.focused.cursor)
            return row.task if row is not None else None
        return self.query_one(SourceView).task_here

    def _at_cursor(self) -> Breakpoint | None:
        pane = self.query_one(BreakPane)
        if self.focused is pane:
            return pane.chosen
        task = self.task_at_cursor()
        if task is None or self.position is None:
            return None
        run = self.position.run
        here = (each for each in pane.breakpoints if each.on == "task" and each.task == task and fits(each, run))
        return next(here, None)
