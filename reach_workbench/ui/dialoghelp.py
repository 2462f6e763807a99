"""`?` in a dialog: its own keys, and those of what it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, OptionList, Select, TextArea

from reach_workbench.ui.help import Help
from reach_workbench.ui.keynames import shown

_GAP: Final = re.compile(r" {3,}")

_PARTS: Final[tuple[tuple[type[Widget], tuple[tuple[str, str], ...]], ...]] = (
    (OptionList, (("↑ ↓", "The one before or after."), ("enter", "Take it."))),
    (Select, (("enter", "Open the choice, and take what the cursor is on."),)),
    (Checkbox, (("space", "On or off."),)),
    (TextArea, (("^z  ^y", "Undo and redo."), ("^a ^e", "The beginning and the end of the line."))),
    (Input, (("^u ^k", "Delete to the beginning, to the end."), ("^a ^e", "The beginning, the end."))),
)
"""What a dialog may be made of, and the keys that act there."""

_PANES: Final = (Input, TextArea, OptionList, Select, Checkbox)


class DialogHelp(Help):
    """Made from the line of keys that the dialog shows, its bindings, and its parts."""

    def __init__(self, dialog: ModalScreen[Any]) -> None:
        super().__init__("", lambda action: action.keys)
        self._dialog = dialog

    def page(self) -> Content:
        rows = [Content.styled("In this dialog", "bold"), *(self._row(*row) for row in self._own())]
        there = [each for each in self._dialog.query("*").results(Widget) if each.display]
        for told in dict.fromkeys(getattr(each, "keys_told", ()) for each in there):
            if told:
                rows += [Content(""), Content.styled(told[0], "bold"), *(self._row(*row) for row in told[1])]
        for kind, keys in _PARTS:
            if any(isinstance(each, kind) for each in there):
                rows += [Content(""), Content.styled(_CALLED[kind], "bold"), *(self._row(*row) for row in keys)]
        if sum(isinstance(each, _PANES) or hasattr(each, "keys_told") for each in there) > 1:
            rows += [Content(""), self._row("tab  ⇧tab", "The next part, and the one before.")]
        rows += [Content(""), Content("`F1` shows this also where text is typed.")]
        return Content("\n").join(rows)

    def _own(self) -> Iterator[tuple[str, str]]:
        told: set[str] = set()
        for label in self._dialog.query(".dialog-keys").results(Label):
            for part in _GAP.split(str(label.content).strip()):
                keys, _, words = part.partition("  ")
                told |= set(keys.split())
                yield keys, words
        for binding in Binding.make_bindings(type(self._dialog).BINDINGS):
            keys = shown(binding.key)
            if binding.description and keys not in told:
                told.add(keys)
                yield keys, binding.description


_CALLED: Final[dict[type[Widget], str]] = {
    OptionList: "In the list",
    Select: "In a choice",
    Checkbox: "In a box",
    TextArea: "In the text",
    Input: "In a field",
}
