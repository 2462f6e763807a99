"""Screen 1: write workflows with their mistakes marked, see their flow, and run them."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import work
from textual.binding import BindingType

from reach_workbench.errors import ReachError
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.flows.filing import FilingScreen
from reach_workbench.ui.keys import bindings


class FlowsScreen(FilingScreen):
    """Panes (`arranging`), breakpoints (`stops`), the node's help (`assisting`), the file (`filing`), and its runs."""

    scope = "flows"
    title_text = "Flows"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("flows"),
        *(each for each in bindings("app") if each.id in ("app.next-pane", "app.previous-pane")),
    ]

    def action_run(self) -> None:
        self._run(raw=False)

    def action_json(self) -> None:
        self._run(raw=True)

    @work(group="run", exclusive=True)
    async def _run(self, *, raw: bool) -> None:
        from reach_workbench.ui.flows.runform import RunForm

        opened = self.opened
        if opened is None:
            self.notify("Open a workflow first.", timeout=2)
            return
        source = self.editor.text
        try:
            compiled = await self.node.compile(source, opened.path)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._show_compilation(compiled)
        if not compiled.ok:
            self._problem = -1
            self.action_next_problem()
            self.notify("It can't be run with these errors.", severity="error", timeout=3)
            return
        kept: dict[str, Any] = self.workbench.session.get("inputs", {})
        last = kept.get(str(opened.path), {})
        title = compiled.title or compiled.workflow or opened.path.name
        before, hold = last.get("input"), bool(last.get("hold"))
        try:
            at_hand = self.workbench.keeper.names()
        except ReachError as wrong:
            self.report(wrong)
            at_hand = frozenset()
        form = RunForm(title, compiled.input_schema, compiled.secrets, at_hand, last=before, hold=hold, raw=raw)
        answer = await self.app.push_screen_wait(form)
        if answer is None:
            return
        remembered = {**kept, str(opened.path): {"input": answer.input, "hold": answer.hold}}
        self.workbench.session.put("inputs", dict(list(remembered.items())[-50:]))
        lacking = at_hand.intersection(compiled.secrets).difference(answer.secrets)
        try:
            secrets = {**await self.workbench.keeper.secrets(lacking), **answer.secrets}
            run = await self.node.start(
                StartRun(source, opened.path, input=answer.input, secrets=secrets, hold=answer.hold)
            )
        except ReachError as wrong:
            self.report(wrong)
            return
        self.workbench.open_run(run.id)
