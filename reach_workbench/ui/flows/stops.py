"""Breakpoints of the open text: shown in its gutter and its graph, set and cleared at the cursor."""

from __future__ import annotations

from typing import Final

from textual import work

from reach_workbench.errors import ReachError
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.ui.flows.arranging import ArrangingScreen

_STOPS: Final = 2.0
"""Seconds between two questions about breakpoints that are set elsewhere."""


class StopsScreen(ArrangingScreen):
    """Breakpoints are the node's: the signs change when the node has answered."""

    def __init__(self) -> None:
        super().__init__()
        self._stops: dict[str, Breakpoint] = {}

    def on_mount(self) -> None:
        self.set_interval(_STOPS, self._follow_breakpoints, name="breakpoints")

    def look_again(self) -> None:
        self._read_breakpoints()

    @work(group="breakpoints", exclusive=True)
    async def _read_breakpoints(self, *, quiet: bool = False) -> None:
        try:
            found = await self.node.breakpoints()
        except ReachError as wrong:
            if not quiet:
                self.report(wrong)
            return
        stops = {each.id: each for each in found if each.on == "task" and each.run is None}
        if stops != self._stops:
            self._stops = stops
            self._show_stops()

    def _follow_breakpoints(self) -> None:
        """Those that the debugger, the command line or another person sets: asked only while they can be seen."""
        if self.is_current and self.opened is not None and self.workbench.connected:
            self._read_breakpoints(quiet=True)

    @property
    def _workflow(self) -> str | None:
        """namespace/name of the text, as breakpoints name it."""
        named = self.compilation.workflow if self.compilation is not None else None
        return named.rpartition(":")[0] if named else None

    def _show_stops(self) -> None:
        mine = {each.task for each in self._stops.values() if each.workflow in (None, self._workflow)}
        tasks = [task for task in (self.compilation.tasks if self.compilation else ()) if task.reference in mine]
        self.editor.show_breakpoints(frozenset(task.line for task in tasks))
        self.graph.show_stops(frozenset(task.reference for task in tasks))

    @work(group="toggle")
    async def action_breakpoint(self) -> None:
        task = self.here
        if task is None or self._workflow is None:
            words = "The cursor is in no task." if task is None else "The text has errors: mend them first."
            self.notify(words, timeout=2)
            return
        at = [
            each
            for each in self._stops.values()
            if each.task == task.reference and each.workflow in (None, self._workflow)
        ]
        try:
            for each in at:
                await self.node.clear_breakpoint(each.id)
            if not at:
                await self.node.set_breakpoint(Breakpoint(task=task.reference, workflow=self._workflow))
        except ReachError as wrong:
            self.report(wrong)
        self._read_breakpoints()
