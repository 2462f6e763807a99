"""A table of text with a cursor: it paints only the lines that can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `key` names it while rows come and go; `mood` is `ok`, `bad`, `busy` or `quiet`, or nothing."""

    key: str
    cells: tuple[str, ...]
    mood: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in cells; 0 shares what is left. Columns of a higher `rank` go first when there is no room."""

    title: str
    width: int
    rank: int = 0
    right: bool = False


class Table(ScrollView, can_focus=True):
    """See the module. The cursor stays on its row's key when the rows change."""

    DEFAULT_CSS = """
    Table { height: 1fr; overflow-x: hidden; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--title", "table--cursor", "table--ok", "table--bad", "table--busy", "table--quiet",
    }  # fmt: skip
    DEFAULT_CSS += """
    Table > .table--title { color: $text-muted; text-style: bold; }
    Table > .table--cursor { background: $primary 30%; text-style: bold; }
    Table:focus > .table--cursor { background: $primary; color: $text; }
    Table:ansi > .table--cursor { text-style: reverse; }
    Table > .table--ok { color: $text-success; }
    Table > .table--bad { color: $text-error; }
    Table > .table--busy { color: $text-accent; }
    Table > .table--quiet { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("home,g", "cursor(-1000000000)", "First", show=False),
        Binding("end,G", "cursor(1000000000)", "Last", show=False),
    ]

    place: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor stands on another row, or on a row that changed; `key` is None when there are none."""

        def __init__(self, table: Table, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            return self.table

    class Wanted(Message):
        """The cursor came near the end: more rows, if there are any, are wanted."""

    def __init__(self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._rows: tuple[Row, ...] = ()
        self._shared: tuple[int, dict[int, int]] | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        return self._rows

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self.place].key if self._rows else None

    def show(self, rows: Sequence[Row]) -> None:
        """Put these rows in the place of those before."""
        before = self.key
        changed = self._rows[self.place] if self._rows else None
        self._rows = tuple(rows)
        self._shared = None
        where = next((place for place, row in enumerate(self._rows) if row.key == before), None)
        self.set_reactive(Table.place, where if where is not None else min(self.place, max(0, len(self._rows) - 1)))
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self.refresh()
        if (self._rows and self._rows[self.place] != changed) or (not self._rows and changed is not None):
            self.post_message(self.Moved(self, self.key))

    def go_to(self, key: str) -> None:
        """Put the cursor on a row, if it is there."""
        self.place = next((place for place, row in enumerate(self._rows) if row.key == key), self.place)

    def action_cursor(self, step: int) -> None:
        if self._rows:
            self.place = min(len(self._rows) - 1, max(0, self.place + step))

    def action_page(self, step: int) -> None:
        self.action_cursor(step * max(1, self.size.height - 2))

    def watch_place(self) -> None:
        self.scroll_to_region(Region(0, self.place if self.place == 0 else self.place + 1, 1, 1), animate=False)
        self.refresh()
        self.post_message(self.Moved(self, self.key))
        if self._rows and self.place >= len(self._rows) - 2:
            self.post_message(self.Wanted())

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)

    def on_click(self, event: Click) -> None:
        line = event.get_content_offset(self)
        if line is not None and 0 <= line.y + self.scroll_offset.y - 1 < len(self._rows) and line.y:
            self.place = line.y + self.scroll_offset.y - 1

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width  # the scrollbar is not lain upon the last column
        if y == 0:
            title = self._line(tuple(column.title for column in self._columns), width)
            return Strip([Segment(title, self.get_component_rich_style("table--title"))], width)
        place = y + self.scroll_offset.y - 1
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[place]
        if place == self.place:
            style = self.get_component_rich_style("table--cursor")
        elif row.mood:
            style = self.get_component_rich_style(f"table--{row.mood}")
        else:
            style = self.rich_style
        return Strip([Segment(self._line(row.cells, width), style)], width).apply_style(Style(meta={"row": place}))

    def _line(self, cells: tuple[str, ...], width: int) -> str:
        rooms = self._rooms(width)
        parts = []
        for place, (column, cell) in enumerate(zip(self._columns, cells, strict=True)):
            if place not in rooms:
                continue
            room = rooms[place]
            text = _one_line(cell)
            if cell_len(text) > room:
                text = set_cell_size(text, room - 1) + "…"
            gap = " " * (room - cell_len(text))
            parts.append(gap + text if column.right else text + gap)
        return set_cell_size(" " + "  ".join(parts), width)

    def _rooms(self, width: int) -> dict[int, int]:
        """The cells of each column that is shown, by its place.

        Columns that share what is left take from the others what these leave empty, the least
        important first, when they would be cut.
        """
        if self._shared is not None and self._shared[0] == width:
            return self._shared[1]
        shown = self._fitting(width)
        needs = [self._need(place) for place in range(len(self._columns))]
        rooms = {place: column.width for place, column in enumerate(self._columns) if column in shown}
        flexible = [place for place in rooms if self._columns[place].width == 0]
        fixed = sorted(rooms.keys() - set(flexible), key=lambda place: -self._columns[place].rank)
        free = width - sum(rooms.values()) - (len(rooms) - 1) * 2 - 2
        for place in fixed:
            spare = min(rooms[place] - needs[place], sum(needs[each] for each in flexible) - free)
            if spare > 0:
                rooms[place] -= spare
                free += spare
        for left, place in zip(range(len(flexible), 0, -1), sorted(flexible, key=needs.__getitem__), strict=True):
            rooms[place] = free // left if left == 1 else max(4, min(needs[place], free // left))
            free -= rooms[place]
        self._shared = (width, {place: max(room, 1) for place, room in rooms.items()})
        return self._shared[1]

    def _need(self, place: int) -> int:
        """The cells of the longest text of a column, its title included."""
        cells = (cell_len(_one_line(row.cells[place])) for row in self._rows)
        return max(cell_len(self._columns[place].title), max(cells, default=0))

    def _fitting(self, width: int) -> list[Column]:
        shown = list(self._columns)
        while len(shown) > 1 and sum(column.width or 12 for column in shown) + 2 * len(shown) > width:
            shown.remove(max(shown, key=lambda column: column.rank))
        return shown


def _one_line(cell: str) -> str:
    return " ".join(cell.split("\n"))
