"""A held action, changed before it is approved."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static, TextArea

from reach_workbench.errors import ReachError
from reach_workbench.protocol.gates import GateView
from reach_workbench.ui.gates.page import title_of
from reach_workbench.ui.visible import visible, visible_json

Json = Any


class EditDialog(ModalScreen[bool]):
    """Saves through `save`; what the node refuses is shown, and the text stays."""

    DEFAULT_CSS = """
    EditDialog { align: center middle; background: $background 60%; }
    EditDialog > .dialog { width: 110; max-width: 98%; height: 96%; border: round $primary; background: $surface;
                           padding: 0 1; border-title-color: $text; border-title-style: bold; }
    EditDialog TextArea { height: 1fr; border: none; padding: 0; }
    EditDialog #says { height: auto; max-height: 4; margin: 1 0 0 0; }
    EditDialog #says.-wrong { color: $text-error; text-style: bold; }
    EditDialog .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", show=False, priority=True),
        Binding("ctrl+s", "save", show=False, priority=True),
    ]

    def __init__(self, gate: GateView, save: Callable[[Json], Awaitable[None]]) -> None:
        super().__init__()
        self._gate, self._save = gate, save

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Edit  {title_of(self._gate)}"
            yield TextArea("\n".join(visible_json(self._gate.arguments)), language="json", compact=True)
            words = "The arguments as JSON. Once saved, it is another action: policy decides about it from the start."
            yield Static(words, id="says", markup=False)
            yield Label("^s  save     esc  back", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()

    def action_save(self) -> None:
        try:
            arguments = json.loads(self.query_one(TextArea).text, parse_constant=_no_number)
        except (ValueError, RecursionError) as wrong:
            self._refuse(f"This is not JSON: {wrong}")
            return
        if not isinstance(arguments, dict):
            self._refuse("The arguments of an action are a JSON object.")
        elif arguments == self._gate.arguments:
            self._refuse("Nothing was changed. esc leaves; then approve or deny it as it is.")
        else:
            self.run_worker(self._saved(arguments), group="save", exclusive=True)

    async def _saved(self, arguments: Json) -> None:
        try:
            await self._save(arguments)
        except ReachError as wrong:
            self._refuse(f"{wrong.message}" + (f"\n→ {wrong.hint}" if wrong.hint else ""))
            return
        self.dismiss(True)

    def _refuse(self, words: str) -> None:
        says = self.query_one("#says", Static)
        says.update("\n".join(visible(line) for line in f"✗ {words}".split("\n")))
        says.add_class("-wrong")


def _no_number(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")
