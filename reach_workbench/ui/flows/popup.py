"""The completion popup: what may be written at the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from reach_workbench.protocol.authoring import Completion

_ROWS: Final = 8
_WIDTH: Final = 56


class Popup(OptionList, can_focus=False):
    """Floats at the cursor; the editor keeps the focus and hands it its keys."""

    DEFAULT_CSS = """
    Popup { display: none; layer: popup; position: absolute; width: 56; height: auto; max-height: 10;
            border: round $primary; background: $surface; padding: 0; scrollbar-size: 1 1; }
    Popup.-open { display: block; }
    """

    class Taken(Message):
        """A completion was chosen."""

        def __init__(self, completion: Completion) -> None:
            super().__init__()
            self.completion = completion

    class Looked(Message):
        """Another completion is under the cursor."""

        def __init__(self, completion: Completion) -> None:
            super().__init__()
            self.completion = completion

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.offered: Sequence[Completion] = ()

    @property
    def open(self) -> bool:
        return self.has_class("-open")

    def offer(self, completions: Sequence[Completion], at: Offset) -> None:
        """Show them under the screen's position `at`, above it where there is no room below."""
        self.offered = completions
        self.set_class(bool(completions), "-open")
        if not completions:
            return
        self.clear_options()
        self.add_options([Option(_line(each)) for each in completions])
        self.highlighted = 0
        size = self.app.size
        height = min(len(completions), _ROWS) + 2
        below = at.y + 1 + height <= size.height
        x = max(0, min(at.x - 1, size.width - _WIDTH))
        self.styles.offset = Offset(x, at.y + 1 if below else max(1, at.y - height))

    def close(self) -> None:
        self.remove_class("-open")

    def key(self, name: str) -> bool:
        """Deal with a key of the editor; False when it is not the popup's."""
        if not self.open:
            return False
        if name == "down":
            self._move(1)
        elif name == "up":
            self._move(-1)
        elif name == "pagedown":
            self._move(8)
        elif name == "pageup":
            self._move(-8)
        elif name in ("enter", "tab"):
            self._take(self.highlighted or 0)
        elif name == "escape":
            self.close()
        else:
            return False
        return True

    def _move(self, step: int) -> None:
        self.highlighted = min(max((self.highlighted or 0) + step, 0), len(self.offered) - 1)

    def _take(self, place: int) -> None:
        self.close()
        self.post_message(self.Taken(self.offered[place]))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self.open and event.option_index < len(self.offered):
            self.post_message(self.Looked(self.offered[event.option_index]))


def _line(completion: Completion) -> Content:
    room = _WIDTH - 5 - len(completion.label)
    detail = completion.detail if len(completion.detail) <= room else completion.detail[: max(0, room - 1)] + "…"
    return Content.assemble(completion.label, ("  " + detail, "$text-muted"))
