"""The line in which find and filter are typed, and which tells how far they are."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from reach_workbench.ui.debug.query import HINT

Purpose = Literal["find", "filter"]


class Finder(Horizontal):
    """Hidden until it is asked for. `Asked` carries what was typed; nothing typed takes find or filter back."""

    DEFAULT_CSS = """
    Finder { height: 1; display: none; }
    Finder Label { width: auto; padding: 0 1; text-style: bold; }
    Finder Input { border: none; height: 1; width: 1fr; padding: 0; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    class Asked(Message):
        """The person pressed Enter."""

        def __init__(self, purpose: Purpose, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.text = text

    class Left(Message):
        """The person pressed Escape."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._purpose: Purpose = "find"

    def compose(self) -> ComposeResult:
        yield Label("find")
        yield Input(placeholder=HINT, compact=True)

    def ask(self, purpose: Purpose, text: str) -> None:
        """Show the line, with what was typed the last time."""
        self._purpose = purpose
        self.query_one(Label).update(purpose)
        field = self.query_one(Input)
        field.value = text
        self.display = True
        field.focus()
        field.action_select_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = False
        self.post_message(self.Asked(self._purpose, event.value.strip()))

    def action_leave(self) -> None:
        self.display = False
        self.post_message(self.Left())
