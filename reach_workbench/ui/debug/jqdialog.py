"""The scratch pad for jq on the data of one event."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from reach_workbench.protocol.debugging import Evaluation
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView
from reach_workbench.ui.debug.wording import Json
from reach_workbench.ui.scratchpad import ScratchPad


class JqDialog(ModalScreen[None]):
    """What is typed is evaluated as one types, with $context, $input and the variables of the event's task."""

    DEFAULT_CSS = """
    JqDialog { align: center middle; background: $background 60%; }
    JqDialog > .dialog { width: 94%; max-width: 130; height: 90%; border: round $primary; background: $surface;
                         padding: 0 1; border-title-color: $text; border-title-style: bold; }
    JqDialog ScratchPad { height: 1fr; }
    JqDialog .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]

    def __init__(self, node: Node, run: str, event: EventView) -> None:
        super().__init__()
        self._node, self._run, self._event = node, run, event

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"jq on the data of event {self._event.seq:,}, {self._event.type}"
            yield ScratchPad(self._evaluate, self._event.data or {})
            yield Label("tab  to the values     esc  back", classes="dialog-keys")

    async def _evaluate(self, expression: str, data: Json) -> Evaluation:
        return await self._node.evaluate(self._run, self._event.seq, expression, data=data)
