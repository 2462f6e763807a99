"""Lines to read, however many: each is wrapped, none is cut, and only what is seen is painted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

Style = str
"""`` for plain text, or one of `_STYLES`."""

_STYLES: Final = ("head", "dim", "bad", "good", "name")
_NAME: Final = 11
"""Columns for the name of a fact."""


class Line(NamedTuple):
    """Words, or with `exact` a line that is shown character for character behind a bar."""

    text: str
    style: Style = ""
    exact: bool = False
    name: str = ""


class _Row(NamedTuple):
    head: str
    text: str
    style: Style


class Reading(ScrollView, can_focus=True):
    """A bar stands before each exact line, `┊` where it goes on in the next row.

    The scrollbar is always there: one that came when the lines were laid would lie upon their ends.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"reading--{name}" for name in _STYLES}
    DEFAULT_CSS = """
    Reading { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size: 0 1; }
    Reading .reading--head { text-style: bold; }
    Reading .reading--dim { color: $text-muted; }
    Reading .reading--bad { color: $text-error; text-style: bold; }
    Reading .reading--good { color: $text-success; }
    Reading .reading--name { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "by(1)", show=False),
        Binding("up,k", "by(-1)", show=False),
        Binding("pagedown,space", "leaf(1)", show=False),
        Binding("pageup", "leaf(-1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]

    keys_told: ClassVar[tuple[str, tuple[tuple[str, str], ...]]] = (
        "In the text to read",
        (("↑ ↓  j k", "A line up or down."), ("pgup pgdn", "A page."), ("g G", "The first and the last line.")),
    )
    """What the help of a dialog says of its keys."""

    class Reached(Message):
        """All of the lines that must be seen have been in sight."""

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines = tuple(lines)
        self._rows: list[_Row] = []
        self._width = 0
        self._must = 0
        self._must_rows = 0

    def show(self, lines: Sequence[Line], must: int = 0) -> None:
        """Show other lines, from their beginning unless they begin as those before did.

        The first `must` of them have to be seen: `Reached` tells when the last one of these was.
        """
        same = self._lines[:1] == tuple(lines[:1])
        self._lines, self._must = tuple(lines), must
        self._lay()
        if not same:
            self.scroll_home(animate=False)

    @property
    def text(self) -> str:
        """All of it, to be copied."""
        return "\n".join(f"{line.name:<{_NAME}}{line.text}" if line.name else line.text for line in self._lines)

    @property
    def below(self) -> int:
        """How many of the rows that must be seen are below what is in sight."""
        return max(0, self._must_rows - round(self.scroll_y) - self.scrollable_content_region.height)

    def _lay(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        self._width = width
        self._rows = []
        for place, line in enumerate(self._lines):
            if place == self._must:
                self._must_rows = len(self._rows)
            self._rows.extend(_rows(line, width))
        if self._must >= len(self._lines):
            self._must_rows = len(self._rows)
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()
        self.call_after_refresh(self._look)

    def _look(self) -> None:
        if self._rows and not self.below:
            self.post_message(self.Reached())

    def on_resize(self) -> None:
        if self._width != self.scrollable_content_region.width:
            self._lay()
        self._look()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        place = self.scroll_offset.y + y
        if place >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[place]
        head = base + self.get_component_rich_style("reading--name")
        style = base + self.get_component_rich_style(f"reading--{row.style}", partial=True) if row.style else base
        strip = Strip([Segment(row.head, head), Segment(row.text, style)])
        return strip.adjust_cell_length(width, base)

    def action_by(self, rows: int) -> None:
        self.scroll_relative(y=rows, animate=False)

    def action_leaf(self, leaves: int) -> None:
        self.action_by(leaves * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, end: int) -> None:
        self.scroll_to(y=len(self._rows) if end else 0, animate=False)


def _rows(line: Line, width: int) -> Iterator[_Row]:
    if line.exact:
        for place, text in enumerate(_chopped(line.text, max(1, width - 2))):
            yield _Row("┊ " if place else "│ ", text, line.style)
    elif line.name:
        room = max(8, width - _NAME)
        yield from _fitting(f"{line.name:<{_NAME}}", line.text, line.style, room)
    else:
        for text in wrap(line.text, width, break_on_hyphens=False) or [""]:
            yield from _fitting("", text, line.style, width)


def _fitting(head: str, text: str, style: Style, room: int) -> Iterator[_Row]:
    """Words were wrapped by characters: those of two cells may need more rows."""
    for part in _chopped(text, room):
        yield _Row(head, part, style)
        head = " " * len(head)


def _chopped(text: str, width: int) -> list[str]:
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)] or [""]
    return [text] if cell_len(text) <= width else chop_cells(text, width)
