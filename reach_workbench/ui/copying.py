"""Copying: what the cursor is on, through the terminal (OSC 52) and, where there is one, the machine's clipboard."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from typing import Any, Final

from textual.screen import Screen
from textual.widgets import DataTable, Input, OptionList, Static, TextArea, Tree

_NATIVE: Final = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("TERM_PROGRAM", ("pbcopy",)),
)
"""Programs that fill the clipboard, with the variable that says that they would work."""


def under_cursor(screen: Screen[Any]) -> str | None:
    """The text under the cursor: what the screen says it is, else what the focused widget shows there."""
    selected = screen.get_selected_text()
    if selected:
        return selected
    own = getattr(screen, "copied", None)
    text: str | None = own() if own is not None else None
    if text is not None:
        return text
    match screen.focused:
        case TextArea() as area:
            return area.selected_text or area.document.get_line(area.cursor_location[0])
        case Input() as field:
            return field.selected_text or field.value
        case DataTable() as table if table.row_count:
            return "\t".join(str(cell) for cell in table.get_row_at(table.cursor_row))
        case OptionList() as options if options.highlighted is not None:
            return str(options.get_option_at_index(options.highlighted).prompt)
        case Tree() as tree if tree.cursor_node is not None:
            return str(tree.cursor_node.label)
        case Static() as static:
            return str(static.content)
        case _:
            return None


def to_machine(text: str) -> None:
    """Give the text to the machine's own clipboard, where there is a program for it. It may take a while."""
    for variable, command in _NATIVE:
        if os.environ.get(variable) and shutil.which(command[0]):
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    command,
                    input=text.encode(),
                    timeout=2,
                    check=False,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            return
