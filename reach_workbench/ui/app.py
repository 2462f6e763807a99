"""The workbench: what its keys do that belong to no screen."""

from __future__ import annotations

import asyncio

from textual import work

from reach_workbench.errors import NotFound, ReachError
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui import config as configuration
from reach_workbench.ui.attached import Attached
from reach_workbench.ui.keys import Action, find


class Workbench(Attached):
    """The app; see `Attached` for what it is given."""

    def action_flows(self) -> None:
        self.show("flows")

    def action_debug(self) -> None:
        self.show("debug")

    def action_runs(self) -> None:
        self.show("runs")

    def action_inbox(self) -> None:
        """From the debugger to what the open run waits for."""
        came_from, run = self._scope, self.run_id
        self.show("inbox")
        lead_to = getattr(self.screen, "lead_to", None)
        if came_from == "debug" and run is not None and lead_to is not None:
            lead_to(run)

    def action_nodes(self) -> None:
        self.show("nodes")

    def action_audit(self) -> None:
        self.show("audit")

    def action_system(self) -> None:
        self.show("system")

    def action_policies(self) -> None:
        self.show("policies")

    def action_new(self) -> None:
        """The dialog of the Flows screen, which comes in front."""
        self.show("flows")
        self.call_later(self.run_action, "screen.new")

    def action_palette(self) -> None:
        from reach_workbench.ui.palette import Palette

        self.push_screen(Palette(self._scope, self.keys_of), self._chosen)

    def _chosen(self, id: str | None) -> None:
        if id is not None:
            self.perform(find(id))

    def perform(self, action: Action) -> None:
        """Carry out a row of the key table, on its screen."""
        if action.scope == "app":
            self.call_later(self.run_action, f"app.{action.method}")
        elif self._node is None:
            self.show(action.scope)
            self._before().keep_action(action)
        else:
            self.show(action.scope)
            self.call_later(self.run_action, f"screen.{action.method}")

    def action_help(self) -> None:
        from reach_workbench.ui.help import Help

        self.push_screen(Help(self._scope, self.keys_of))

    def action_jump(self) -> None:
        from reach_workbench.ui.panes import Jump, spots

        self.push_screen(Jump(spots(self.screen)))

    def action_next_pane(self) -> None:
        from reach_workbench.ui.panes import focus_beside

        focus_beside(self.screen, 1)

    def action_previous_pane(self) -> None:
        from reach_workbench.ui.panes import focus_beside

        focus_beside(self.screen, -1)

    def action_grow(self) -> None:
        from reach_workbench.ui.panes import resize

        resize(self.screen, 1)

    def action_shrink(self) -> None:
        from reach_workbench.ui.panes import resize

        resize(self.screen, -1)

    @work(group="dialog")
    async def action_copy(self) -> None:
        from reach_workbench.ui.copying import to_machine, under_cursor

        text = under_cursor(self.screen)
        if not text:
            self.notify("There is nothing to copy here.", timeout=2)
            return
        self.copy_to_clipboard(text)
        self.notify(f"{len(text):,} characters", title="Copied", timeout=2)
        await asyncio.to_thread(to_machine, text)

    @work(group="dialog", exclusive=True)
    async def action_theme(self) -> None:
        from reach_workbench.ui.themes import choices

        before = self.theme
        chosen = await self.choose("Theme", choices(before, self.available_themes))
        if chosen is None:
            return
        self.theme = chosen
        try:
            configuration.put_theme(self.config_folder, chosen)
        except ReachError as wrong:
            self.report(wrong)

    @work(group="dialog", exclusive=True)
    async def action_tour(self) -> None:
        from reach_workbench.ui.tour import samples, source_of

        if self._stop_at is not None:
            self._tour_to(self._stop_at + 1)
            return
        chosen = await self.choose("The tour: choose a workflow to walk through", samples(self.workspace))
        if chosen is None:
            return
        try:
            source, file = source_of(chosen, self.workspace)
            run = await self.node.start(StartRun(source, file, hold=True))
        except (ReachError, OSError) as wrong:
            self.report(wrong if isinstance(wrong, ReachError) else NotFound(str(wrong)))
            return
        self.open_run(run.id)
        self._tour_to(0)

    def action_reconnect(self) -> None:
        if self.connected:
            self.notify("The node is connected.", timeout=2)
        self._hurry.set()

    @work(group="dialog", exclusive=True)
    async def action_quit(self) -> None:  # type: ignore[override]  # a dialog may come first: it needs a worker
        from reach_workbench.ui.leaving import CHOICES, active_runs, goes_on, question

        if not await self._may_leave():
            return
        if self.connected and self._stop is not None:
            runs = await active_runs(self.node)
            chosen = await self.choose("Leave", CHOICES, question(runs)) if runs else "leave"
            if chosen in (None, "stay"):
                return
            if chosen == "stop":
                await self._stop()
            else:
                self.left = await goes_on(self.node, len(runs))
        self.exit()

    async def _may_leave(self) -> bool:
        """Whether every screen that stands has put away what is not saved yet."""
        for screen in self._made():
            may_leave = getattr(screen, "may_leave", None)
            if may_leave is not None and not await may_leave():
                return False
        return True
