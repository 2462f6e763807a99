"""The pane that shows the drawing of the flow, in step with the cursor of the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from reach_workbench.protocol.authoring import TaskPlace
from reach_workbench.ui.flows.graph import Row, draw


class GraphView(ScrollView, can_focus=True):
    """Up and down go from task to task, enter goes to the source. `current` is the task of the cursor or the run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "beside(-1)", "Before"),
        ("down", "beside(1)", "After"),
        ("enter", "choose", "To the source"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"graph--lines", "graph--aside", "graph--current"}
    DEFAULT_CSS = """
    GraphView { scrollbar-size: 1 1; padding: 0; }
    GraphView .graph--lines { color: $text-primary; }
    GraphView .graph--aside { color: $text-muted; }
    GraphView .graph--current { background: $primary; color: $background; text-style: bold; }
    """

    class Chosen(Message):
        """A task whose source is wanted."""

        def __init__(self, reference: str) -> None:
            super().__init__()
            self.reference = reference

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: tuple[Row, ...] = ()
        self.current: str | None = None
        self.stops: frozenset[str] = frozenset()
        self._empty = "The flow is drawn here once the text has tasks."

    def show_tasks(self, tasks: Sequence[TaskPlace]) -> None:
        self.rows = draw(tasks)
        width = max((len(row.lines) + len(row.text) + len(row.aside) + 4 for row in self.rows), default=0)
        self.virtual_size = Size(width, len(self.rows))
        self.refresh()

    def show_current(self, reference: str | None) -> None:
        """Highlight that task, and bring it into view."""
        if reference == self.current:
            return
        self.current = reference
        place = self._place()
        if place is not None:
            self.scroll_to_region(Region(0, place, 1, 1), animate=False, force=True)
        self.refresh()

    def show_stops(self, references: frozenset[str]) -> None:
        """Tasks that have a breakpoint."""
        self.stops = references
        self.refresh()

    def copied(self) -> str:
        """The whole drawing as text."""
        return "\n".join(f"{row.lines}{row.text}  {row.aside}".rstrip() for row in self.rows)

    def _place(self) -> int | None:
        return next((at for at, row in enumerate(self.rows) if row.head and row.reference == self.current), None)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        x, top = self.scroll_offset
        place = top + y
        if not self.rows and place == 0:
            return Strip([Segment(self._empty[:width], base)]).adjust_cell_length(width, base)
        if place >= len(self.rows):
            return Strip.blank(width, base)
        row = self.rows[place]
        lines = base + self.get_component_rich_style("graph--lines", partial=True)
        aside = base + self.get_component_rich_style("graph--aside", partial=True)
        here = row.head and row.reference == self.current
        name = base + self.get_component_rich_style("graph--current", partial=True) if here else base
        bare = row.text.strip("│ ") == ""
        parts = [
            Segment(row.lines, lines),
            Segment(row.text, lines if bare else name + Style(bold=row.head)),
            Segment(" ●" if row.head and row.reference in self.stops else "", base),
            Segment(f"  {row.aside}" if row.aside else "", aside),
        ]
        return Strip(parts).crop(x, x + width).adjust_cell_length(width, base)

    def action_beside(self, step: int) -> None:
        heads = [row.reference for row in self.rows if row.head and row.reference is not None]
        if heads:
            place = heads.index(self.current) + step if self.current in heads else 0
            self.show_current(heads[min(max(place, 0), len(heads) - 1)])

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self.current))

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset_capture(self).y + self.scroll_offset.y
        if place < len(self.rows) and (reference := self.rows[place].reference) is not None:
            self.show_current(reference)
            self.post_message(self.Chosen(reference))
