"""The events of a run as rows, however many there are: only those that are seen are held."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain
from typing import ClassVar, Final

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from reach_workbench.protocol.debugging import EventPage
from reach_workbench.protocol.node_views import EventView
from reach_workbench.ui.debug.kept import KeptView
from reach_workbench.ui.debug.newest import Newest
from reach_workbench.ui.debug.wording import BREAKPOINT, CURRENT, Row, clock_time, lasting, row_of, task_name

Read = Callable[[int, int], Awaitable[EventPage | None]]
"""Reads events of the open run: the first, and how many. None when that failed, which was reported."""

_PAGE: Final = 200
"""Events read at once."""

_HELD: Final = 6000
"""Rows held at most; beyond, those far from what is seen are let go."""

_PAGES: Final = 3
"""Pages whose events are held whole: where the cursor steps on, its event is here already."""

_REST: Final = 0.03
"""Seconds that the timeline stands before the screens next to it are drawn: a held key never waits for them."""

_WAIT: Final = 1000
"""Milliseconds from which a row says how long nothing happened before it."""

_STYLES: Final = {
    "✗": "timeline--bad", "?": "timeline--bad", "↻": "timeline--warn", "⊘": "timeline--warn", "✓": "timeline--good",
    "◆": "timeline--gate", "⎇": "timeline--gate", "●": "timeline--bad", "↩": "timeline--warn",
}  # fmt: skip


class Timeline(KeptView, can_focus=True):
    """Rows are addressed by the number of their event. With `only`, just those events are shown.

    The cursor is set by the screen; a key or a click here asks for a move with `Moved`.
    """

    BORDER_TITLE = "Timeline"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "timeline--cursor", "timeline--blurred", "timeline--dim", "timeline--bad", "timeline--good",
        "timeline--warn", "timeline--gate", "timeline--found", "timeline--task",
    }  # fmt: skip
    DEFAULT_CSS = """
    Timeline { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    Timeline .timeline--cursor { background: $primary; color: $background; text-style: bold; }
    Timeline .timeline--blurred { background: $panel-lighten-2; text-style: bold; }
    Timeline .timeline--dim { color: $text-muted; }
    Timeline .timeline--bad { color: $text-error; text-style: bold; }
    Timeline .timeline--good { color: $text-success; }
    Timeline .timeline--warn { color: $text-warning; }
    Timeline .timeline--gate { color: $text-accent; text-style: bold; }
    Timeline .timeline--found { text-style: underline; }
    Timeline .timeline--task { color: $text-primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "by(-1)", show=False),
        Binding("down", "by(1)", show=False),
        Binding("pageup", "leaf(-1)", show=False),
        Binding("pagedown", "leaf(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(1)", show=False),
    ]

    class Moved(Message):
        """The person asks for the cursor to stand on event `seq`."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.cursor = 0
        self.total = 0
        self.stops: frozenset[str] = frozenset()
        self.found: Sequence[int] = ()
        self._only: array[int] | None = None
        self._rows: dict[int, Row] = {}
        self._pages: deque[EventPage] = deque(maxlen=_PAGES)
        self._read: Read | None = None
        self._fetching: Newest[None] = Newest(self, self._fetch)
        self._drawing: Newest[None] = Newest(self, self._draw_ahead)

    # ------------------------------------------------------------ what is shown

    def open(self, read: Read | None, total: int) -> None:
        """Show another run, of `total` events."""
        self._read = read
        self._rows.clear()
        self._pages.clear()
        self._only = None
        self.found = ()
        self.cursor = 0
        self.total = -1
        self.grow(total)

    def grow(self, total: int) -> None:
        """The run has `total` events by now."""
        if total != self.total:
            self.total = total
            self._resize()

    def show_only(self, seqs: array[int] | None) -> None:
        """Show just these events, in their order; all of them with None."""
        self._only = seqs
        self._resize()
        self.put(self.cursor)

    @property
    def filtered(self) -> bool:
        return self._only is not None

    def put(self, seq: int) -> None:
        """Show the cursor at that event, and bring it into sight."""
        before, self.cursor = self.cursor, seq
        row = self._row_at(seq)
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if row < top:
            self.scroll_to(y=row, animate=False, immediate=True, force=True)
        elif row >= top + height:
            self.scroll_to(y=row - height + 1, animate=False, immediate=True, force=True)
        if self.scroll_offset.y != top:
            self.refresh()
        else:  # only two rows look different
            self.refresh_line(self._row_at(before))
            self.refresh_line(row)
        if any(each not in self._rows for each in self._seen(1)):
            self._fetching.ask(None)

    def neighbour(self, seq: int, by: int) -> int:
        """The event that many rows away, or at the edge."""
        row = self._row_at(seq)
        if self._only is not None and by > 0 and (row >= len(self._only) or self._only[row] != seq):
            row -= 1  # it stands between two rows
        return self._seq_at(max(0, min(row + by, self._count() - 1)))

    def event(self, seq: int) -> EventView | None:
        """That event, when it happens to be held."""
        for page in self._pages:
            if page.first <= seq < page.first + len(page.events):
                return page.events[seq - page.first]
        return None

    def row(self, seq: int) -> Row | None:
        """What is held of that event."""
        return self._rows.get(seq)

    def copy_text(self) -> str:
        row = self._rows.get(self.cursor)
        return f"{row.seq} {clock_time(row.at)} {row.type} {row.task or ''} {row.brief}".rstrip() if row else ""

    def _resize(self) -> None:
        self.virtual_size = Size(max(1, self.size.width), self._count())
        self.refresh()
        self._fetching.ask(None)

    def _count(self) -> int:
        return len(self._only) if self._only is not None else max(0, self.total)

    def _seq_at(self, row: int) -> int:
        if self._only is None:
            return row + 1
        return self._only[row] if 0 <= row < len(self._only) else 0

    def _row_at(self, seq: int) -> int:
        return seq - 1 if self._only is None else bisect_left(self._only, seq)

    # ------------------------------------------------------------ reading

    def _seen(self, around: int = 0) -> list[int]:
        """The events in sight, with `around` screens before and after."""
        height = max(1, self.size.height)
        top = self.scroll_offset.y
        first, last = max(0, top - around * height), min(self._count(), top + (1 + around) * height)
        return [self._seq_at(row) for row in range(first, last)]

    def _spans(self, seqs: list[int]) -> Iterator[tuple[int, int]]:
        """Ranges to read so that all of these are held: (first, last)."""
        missing = [seq for seq in seqs if seq not in self._rows]
        while missing:
            first = missing[0]
            if self._only is None:
                first = (first - 1) // _PAGE * _PAGE + 1
                last = first + _PAGE - 1
            else:
                last = max(seq for seq in missing if seq < first + _PAGE)
            yield first, last
            missing = [seq for seq in missing if seq > last]

    async def _fetch(self, _: None) -> None:
        """Read what is in sight, then what is next to it; stop when the person has gone on meanwhile."""
        read = self._read
        for around in (0, 2):
            for first, last in self._spans(self._seen(around)):
                start = max(1, first - 1)
                page = await read(start, last - start + 1) if read is not None else None
                if page is None or read is not self._read:
                    return
                self._keep(page.events, first)
                self._pages.append(page)
                if around == 0:
                    self.refresh()
                if self._fetching.overtaken:
                    return
        self._drawing.ask(None)

    async def _draw_ahead(self, _: None) -> None:
        """Draw the screens next to what is in sight, so that the next page only has to be put there."""
        await asyncio.sleep(_REST)
        height = max(1, self.scrollable_content_region.height)
        top, count = self.scroll_offset.y, self._count()
        after, before = range(height, min(2 * height, count - top)), range(-1, -min(height, top) - 1, -1)
        await self.draw_ahead(chain(after, before), lambda: not (self._fetching.busy or self._drawing.overtaken))

    def _keep(self, page: Sequence[EventView], first: int) -> None:
        if len(self._rows) + len(page) > _HELD:
            near = self._seen(8)
            self._rows = {seq: self._rows[seq] for seq in near if seq in self._rows}
        before = None
        for event in page:
            if event.seq >= first:
                self._rows[event.seq] = row_of(event, before)
            before = event.at

    # ------------------------------------------------------------ painting

    def render_line(self, y: int) -> Strip:
        width = self.room.width
        place = self.room.y + y
        if place >= self._count():
            return Strip.blank(width, self.base)
        seq = self._seq_at(place)
        row = self._rows.get(seq)
        stop = row is not None and row.type == "task.started" and row.task in self.stops
        looks = (seq, row, stop, self._was_found(seq), seq == self.cursor, self.has_focus)
        return self.kept((looks, width, self._digits), lambda: self._strip(seq, width))

    def _strip(self, seq: int, width: int) -> Strip:
        base = self.base
        here = seq == self.cursor
        over = Style.null()
        if here:
            over = self.get_component_rich_style("timeline--cursor" if self.has_focus else "timeline--blurred")
        segments = [
            Segment(text, over if here and self.has_focus else style) for text, style in self._cells(seq, width)
        ]
        strip = Strip(segments).adjust_cell_length(width, base + over)
        return strip.apply_style(over) if here and not self.has_focus else strip

    def _cells(self, seq: int, width: int) -> Iterator[tuple[str, Style]]:
        base = self.base
        dim = self.get_component_rich_style("timeline--dim")
        digits = self._digits
        yield CURRENT if seq == self.cursor else " ", base
        row = self._rows.get(seq)
        if row is None:
            yield f"  {seq:>{digits},}  …", dim
            return
        mark = BREAKPOINT if row.type == "task.started" and row.task in self.stops else row.mark
        style = self.get_component_rich_style(_STYLES[mark]) if mark in _STYLES else base
        yield mark + " ", style
        number = base + self.get_component_rich_style("timeline--found") if self._was_found(seq) else dim
        yield f"{seq:>{digits},}", number
        left = width - digits - 4
        time = clock_time(row.at)
        time = time if left >= 76 else time[:8]
        yield f" {time} ", dim
        left -= len(time) + 2
        kind = 20 if left >= 70 else 17
        waited = f"┄{lasting(row.gap)}" if row.gap >= _WAIT else ""
        if left >= 46:
            yield f"{waited:>6} ", self.get_component_rich_style("timeline--warn")
            left -= 7
        elif waited:
            kind -= len(waited) + 1
            yield waited + " ", self.get_component_rich_style("timeline--warn")
            left -= len(waited) + 1
        left -= kind + 1
        room = min(left, max(12, left * 2 // 5)) if left > 30 else left
        if not row.task:  # its column is free for the rest of a long word
            more = max(0, min(len(row.type) - kind, room))
            kind, left, room = kind + more, left - more, room - more
        text = row.type if len(row.type) <= kind else row.type[: kind - 1] + "…"
        yield f"{text:<{kind}} ", style
        yield set_cell_size(task_name(row.task, room), room), self.get_component_rich_style("timeline--task")
        if left - room > 4:
            yield " " + row.brief, dim

    @property
    def _digits(self) -> int:
        return max(4, len(f"{self.total:,}"))

    def _was_found(self, seq: int) -> bool:
        place = bisect_left(self.found, seq)
        return place < len(self.found) and self.found[place] == seq

    # ------------------------------------------------------------ moving

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._fetching.ask(None)

    def on_resize(self, _: events.Resize) -> None:
        self._resize()
        self.put(self.cursor)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and (row := self.scroll_offset.y + offset.y) < self._count():
            self.post_message(self.Moved(self._seq_at(row)))

    def action_by(self, rows: int) -> None:
        if self._count():
            self.post_message(self.Moved(self.neighbour(self.cursor, rows)))

    def action_leaf(self, leaves: int) -> None:
        self.action_by(leaves * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, end: int) -> None:
        if self._count():
            self.post_message(self.Moved(self._seq_at(self._count() - 1 if end else 0)))
