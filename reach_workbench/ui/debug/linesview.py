"""A pane of lines with a cursor: state, watches, breakpoints and events are all shown by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from reach_workbench.ui.debug.jsontext import Line
from reach_workbench.ui.debug.kept import KeptView

_STYLES: Final = ("key", "string", "number", "word", "dim", "head", "added", "changed", "removed", "bad", "good")

_STRIDE: Final = 40
"""Columns by which the width of a pane's text grows."""


class LinesView(KeptView, can_focus=True):
    """Shows `lines`; `Line.mark` stands in a gutter of two cells. The cursor stays on its pointer where it can."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in (*_STYLES, "cursor", "blurred")}
    DEFAULT_CSS = """
    LinesView { overflow-x: auto; overflow-y: auto; scrollbar-size: 0 1; }
    LinesView .lines--cursor { background: $primary; color: $background; }
    LinesView .lines--blurred { background: $panel-lighten-1; }
    LinesView .lines--key { color: $text-primary; }
    LinesView .lines--string { color: $text-success; }
    LinesView .lines--number { color: $text-accent; }
    LinesView .lines--word { color: $text-warning; }
    LinesView .lines--dim { color: $text-muted; }
    LinesView .lines--head { text-style: bold; }
    LinesView .lines--added { color: $text-success; text-style: bold; }
    LinesView .lines--changed { color: $text-warning; text-style: bold; }
    LinesView .lines--removed { color: $text-error; text-style: bold; }
    LinesView .lines--bad { color: $text-error; }
    LinesView .lines--good { color: $text-success; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "by(-1)", show=False),
        Binding("down", "by(1)", show=False),
        Binding("pageup", "leaf(-1)", show=False),
        Binding("pagedown", "leaf(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(1)", show=False),
    ]

    class Pointed(Message):
        """The cursor of this pane moved to another line."""

        def __init__(self, pane: LinesView) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.lines: Sequence[Line] = ()
        self.cursor_line = 0

    @property
    def line(self) -> Line | None:
        """The line under the cursor."""
        return self.lines[self.cursor_line] if self.cursor_line < len(self.lines) else None

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show other lines; the cursor goes to the line of the same value or key, else stays where it was."""
        before, shown, cursor = self.line, self.lines, self.cursor_line
        self.lines = lines
        if before is not None and (before.pointer or before.key):
            for place, line in enumerate(lines):
                if (line.pointer, line.key) == (before.pointer, before.key):
                    self.cursor_line = place
                    break
        self.cursor_line = max(0, min(self.cursor_line, len(lines) - 1))
        width = 2 + max((sum(len(text) for text, _ in line.parts) for line in lines), default=0)
        # Another size lays out the whole screen: what fits has one size, however much of the pane it fills.
        pane = self.container_size
        wide = pane.width if width <= pane.width else -(-width // _STRIDE) * _STRIDE
        size = Size(wide, max(len(lines), pane.height))
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
            return
        for place in range(max(len(shown), len(lines))):
            old = shown[place] if place < len(shown) else None
            new = lines[place] if place < len(lines) else None
            if old != new or (cursor != self.cursor_line and place in (cursor, self.cursor_line)):
                self.refresh_line(place)

    def point(self, line: int) -> None:
        """Put the cursor on that line and bring it into sight."""
        self.cursor_line = max(0, min(line, len(self.lines) - 1))
        self.reveal(self.cursor_line)
        self.refresh()
        self.post_message(self.Pointed(self))

    def reveal(self, line: int, *, margin: int = 0) -> None:
        """Scroll as little as needed for that line to be seen, with `margin` lines around it."""
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        margin = min(margin, (height - 1) // 2)
        if line - margin < top:
            self.scroll_to(y=max(0, line - margin), animate=False, immediate=True, force=True)
        elif line + margin >= top + height:
            self.scroll_to(y=line + margin - height + 1, animate=False, immediate=True, force=True)

    def copy_text(self) -> str:
        return self.line.text.strip() if self.line is not None else ""

    def render_line(self, y: int) -> Strip:
        x, top, width, _ = self.room
        place = top + y
        if place >= len(self.lines):
            return Strip.blank(width, self.base)
        line = self.lines[place]
        here, focused = place == self.cursor_line, self.has_focus
        return self.kept((line, x, width, here, focused), lambda: self._strip(line, x, width, here, focused))

    def _strip(self, line: Line, x: int, width: int, here: bool, focused: bool) -> Strip:
        base = self.base
        segments = [Segment(f"{line.mark} ", base + self._style_of_mark(line.mark))]
        segments += [Segment(text, base + self._style(name)) for text, name in line.parts]
        strip = Strip(segments)
        strip = strip.crop(x, x + width).extend_cell_length(width, base)
        if not here:
            return strip
        if not focused:
            return strip.apply_style(self.get_component_rich_style("lines--blurred"))
        return Strip([Segment(strip.text, self.get_component_rich_style("lines--cursor"))], width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"lines--{name}") if name else Style.null()

    def _style_of_mark(self, mark: str) -> Style:
        return self._style({"+": "added", "~": "changed", "-": "removed", "✗": "bad", "●": "bad"}.get(mark, "dim"))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            self.point(self.scroll_offset.y + offset.y)

    def action_by(self, lines: int) -> None:
        self.point(self.cursor_line + lines)

    def action_leaf(self, leaves: int) -> None:
        self.point(self.cursor_line + leaves * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, end: int) -> None:
        self.point(len(self.lines) - 1 if end else 0)
