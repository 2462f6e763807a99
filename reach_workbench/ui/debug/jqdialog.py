"""A scratch pad for jq on the data of one event."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from reach_workbench.errors import ReachError
from reach_workbench.protocol.debugging import Evaluation
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView
from reach_workbench.ui.debug.jsontext import Line, json_lines
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.newest import Newest
from reach_workbench.ui.debug.wording import clean


class JqDialog(ModalScreen[None]):
    """What is typed is evaluated as one types; an expression that fails says why."""

    DEFAULT_CSS = """
    JqDialog { align: center middle; background: $background 60%; }
    JqDialog > .dialog { width: 94%; max-width: 130; height: 90%; border: round $primary; background: $surface;
                         padding: 0 1; border-title-color: $text; border-title-style: bold; }
    JqDialog Input { border: round $primary; }
    JqDialog LinesView { height: 1fr; border: round $panel-lighten-2; }
    JqDialog .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]

    def __init__(self, node: Node, run: str, event: EventView) -> None:
        super().__init__()
        self._node, self._run, self._event = node, run, event
        self._evaluating: Newest[str] = Newest(self, self._evaluate)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"jq on the data of event {self._event.seq:,}, {self._event.type}"
            yield Input(".", placeholder="a jq expression; $context, $input and the task's variables are there")
            yield LinesView(id="result")
            yield LinesView(id="data")
            yield Label("tab  to the values     y  copy     esc  leave", classes="dialog-keys")

    def on_mount(self) -> None:
        self.query_one("#result", LinesView).border_title = "Result"
        self.query_one("#data", LinesView).border_title = "Data"
        self.query_one(Input).focus()

    def on_resize(self) -> None:
        width = max(24, self.app.size.width * 9 // 10 - 8)
        self.query_one("#data", LinesView).set_lines(list(json_lines(self._event.data, "", width)))
        self._evaluating.ask(self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._evaluating.ask(event.value)

    async def _evaluate(self, expression: str) -> None:
        if not expression.strip():
            self.query_one("#result", LinesView).set_lines(())
            return
        try:
            found = await self._node.evaluate(self._run, self._event.seq, expression, data=self._event.data or {})
        except ReachError as wrong:
            found = Evaluation(error=wrong.message)
        self._show(found)

    def _show(self, found: Evaluation) -> None:
        pane = self.query_one("#result", LinesView)
        if found.error is not None:
            pane.set_lines([Line((("✗ ", "bad"), (clean(found.error), "bad")))])
        else:
            pane.set_lines(list(json_lines(found.value, "", max(24, pane.scrollable_content_region.width - 2))))

    def copied(self) -> str | None:
        focused = self.focused
        return focused.copy_text() if isinstance(focused, LinesView) else None
