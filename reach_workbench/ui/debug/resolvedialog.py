"""An effect in doubt: the exact action, and what a person decides about it."""

from __future__ import annotations

import json
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static, TextArea

from reach_workbench.protocol.node_views import Decision, EventView, RunView
from reach_workbench.ui.debug.jsontext import Line, json_lines
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.wording import Json, clean

WORDS = (
    "Nobody knows whether this was done: it was begun, and its outcome never arrived. "
    "Look outside whether it took effect, then decide."
)


class ResolveDialog(ModalScreen[tuple[Decision, Json] | None]):
    """F6 repeats it, F7 takes the text below as its result (JSON), F8 as why it failed; None decides nothing."""

    DEFAULT_CSS = """
    ResolveDialog { align: center middle; background: $background 60%; }
    ResolveDialog > .dialog { width: 90; max-width: 96%; height: auto; max-height: 96%; border: round $error;
                              background: $surface; padding: 0 1; border-title-color: $text; }
    ResolveDialog .hint { height: auto; margin: 0 0 1 0; }
    ResolveDialog LinesView { height: 8; border: none; }
    ResolveDialog TextArea { height: 4; padding: 0; }
    ResolveDialog #refused { color: $text-error; height: auto; }
    ResolveDialog .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("f6", "decide('repeat')", show=False),
        Binding("f7", "decide('result')", show=False),
        Binding("f8", "decide('fail')", show=False),
    ]

    def __init__(self, run: RunView, command: int, issued: EventView | None) -> None:
        super().__init__()
        self._run, self._command, self._issued = run, command, issued

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Effect {self._command:,} is in doubt"
            yield Static(WORDS, classes="hint")
            yield LinesView(id="action")
            yield Label("Its result as JSON, or why it failed:")
            yield TextArea("null", id="value")
            yield Static("", id="refused", markup=False)
            yield Label("f6  repeat it    f7  that is its result    f8  it failed    esc  leave", classes="dialog-keys")

    def on_mount(self) -> None:
        event = self._issued
        data = dict(event.data or {}) if event is not None else {}
        task = (event.task if event is not None else None) or "?"
        lines = [Line(((clean(str(data.get("kind", "command"))), "head"), ("  ", ""), (clean(task), "key")))]
        lines += list(json_lines(data.get("arguments"), "", 80))
        self.query_one(LinesView).set_lines(lines)
        self.query_one(TextArea).focus()

    def action_decide(self, decision: Decision) -> None:
        text = self.query_one(TextArea).text.strip()
        if decision == "repeat":
            self.dismiss(("repeat", None))
            return
        try:
            value: Json = json.loads(text) if text else None
        except ValueError as wrong:
            if decision == "result":
                self.query_one("#refused", Static).update(f"✗ the result is not JSON: {wrong}")
                return
            value = text
        self.dismiss((decision, value))
