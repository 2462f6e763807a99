"""How the panes of the debugger share the screen, at any size."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final, Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.geometry import NULL_OFFSET, NULL_SPACING, Offset, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from reach_workbench.ui.panes import Spot

Shape = Literal["wide", "medium", "narrow"]

WIDE: Final = 140
"""Columns from which three panes stand beside each other."""

MEDIUM: Final = 90
"""Columns from which two do; below, one pane is seen at a time."""

PANES: Final = ("source", "timeline", "event", "state", "watch", "breaks")
"""All panes, by their ids, in the order that Tab goes."""

TABBED: Final[dict[Shape, tuple[str, ...]]] = {
    "wide": ("state", "watch", "breaks"),
    "medium": ("state", "source", "watch", "breaks"),
    "narrow": ("timeline", "source", "state", "watch", "breaks", "event"),
}
"""Those that take turns in one place; the others are always there."""

_DRESSES: Final = ("past", "replay", "fork")
"""Modes in which the panes have another border."""

_TITLES: Final = {
    "source": "Source", "timeline": "Timeline", "event": "Event", "state": "State", "watch": "Watch",
    "breaks": "Breakpoints",
}  # fmt: skip


def shape_of(width: int) -> Shape:
    return "wide" if width >= WIDE else "medium" if width >= MEDIUM else "narrow"


def regions(size: Size, chosen: str, larger: str | None = None) -> dict[str, Region]:
    """Where the panes and the strip of tabs stand; a pane that is not named is not seen.

    `chosen` is the tab in front, `larger` the pane that takes most of its column and row.
    """
    width, height = size
    shape = shape_of(width)
    if shape == "narrow":
        return {"strip": Region(0, 0, width, 1), chosen: Region(0, 1, width, height - 1)}
    low = height * 7 // 10 if larger == "event" else height // 5 if larger == "timeline" else height * 2 // 5
    low = max(3, low)
    if shape == "medium":
        right = width * 7 // 10 if larger == chosen else width * 45 // 100
        if larger in ("timeline", "event"):
            right = width * 3 // 10
        middle, left = width - right, 0
    else:
        left = width * (50 if larger == "source" else 20 if larger else 29) // 100
        right = width * (50 if larger == chosen else 20 if larger else 29) // 100
        middle = width - left - right
    found = {
        "timeline": Region(left, 0, middle, height - low),
        "event": Region(left, height - low, middle, low),
        "strip": Region(left + middle, 0, right, 1),
        chosen: Region(left + middle, 1, right, height - 1),
    }
    if shape == "wide":
        found["source"] = Region(0, 0, left, height)
    return found


def dress_of(mode: str) -> str:
    """The name of the border that goes with a mode, as the header words it; empty for the panes' own."""
    name = mode.partition(" ")[0].lower()
    return name if name in _DRESSES else ""


class Strip(Static):
    """The tabs that take turns; a click chooses one."""

    DEFAULT_CSS = "Strip { height: 1; width: 1fr; color: $text-muted; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.places: dict[str, int] = {}  # the column at which each tab begins

    def show(self, names: tuple[str, ...], chosen: str) -> None:
        width = self.size.width or 200
        titles = [_TITLES[name] for name in names]
        if sum(len(title) + 3 for title in titles) > width:
            titles = [title[:5] for title in titles]
        parts: list[tuple[str, Style]] = []
        self.places = {}
        for name, title in zip(names, titles, strict=True):
            self.places[name] = sum(len(part) for part, _ in parts)
            link = Style.from_meta({"@click": f"screen.pane('{name}')"})
            bold = Style(bold=True, reverse=True) if name == chosen else Style.null()
            parts.append((f" {title} ", link + bold))
        self.update(Content.assemble(*parts))


class _Arranged(Layout):
    name = "desk"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> list[WidgetPlacement]:
        assert isinstance(parent, Desk)
        places = regions(size, parent.chosen, parent.larger)
        return [
            WidgetPlacement(places[child.id], NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if child.id in places
        ]


class Desk(Container):
    """Holds the panes by their ids (`PANES`). Three columns, two, or one, by its width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"desk--{name}" for name in _DRESSES}
    DEFAULT_CSS = """
    Desk { height: 1fr; width: 1fr; }
    Desk .pane.-half { min-height: 1; }
    Desk .desk--past { border: double $warning; }
    Desk .desk--replay { border: heavy $success; }
    Desk .desk--fork { border: heavy $secondary; }
    """
    dressed = ""
    """The mode whose border the panes have, empty for their own."""

    def __init__(self, *panes: Widget, id: str) -> None:
        super().__init__(id=id)
        self._arranged = _Arranged()
        self._given = panes
        self._shape: Shape = "wide"
        self._sized = False
        self._chosen: dict[Shape, str] = {"wide": "state", "medium": "state", "narrow": "timeline"}

    def compose(self) -> ComposeResult:
        yield Strip(id="strip")
        yield from self._given

    @property
    def layout(self) -> Layout:
        return self._arranged

    @property
    def chosen(self) -> str:
        """The tab in front."""
        return self._chosen[self._shape]

    @property
    def larger(self) -> str | None:
        """The pane that was made larger."""
        return next((pane.id for pane in self._given if pane.has_class("-half")), None)

    @property
    def shape(self) -> Shape:
        return self._shape

    def on_resize(self, event: events.Resize) -> None:
        before, self._shape = self._shape, shape_of(event.size.width)
        focused = self.screen.focused
        # At the first size of all the focus is where it happened to fall: no pane was chosen yet.
        if self._sized and before != self._shape and focused is not None and focused.id in TABBED[self._shape]:
            self._chosen[self._shape] = focused.id or self.chosen
        self._sized = True
        self._show()

    def dress(self, dress: str) -> None:
        """Give the panes the border of that name (see `dress_of`), or their own.

        It is set on each of them: a class of the screen would have every style of every widget worked out anew.
        """
        if dress != self.dressed:
            self.dressed = dress
            self._put_on()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.dressed:
            self.call_later(self._put_on)  # the theme's colours are others

    def _put_on(self) -> None:
        border = self.get_component_styles(f"desk--{self.dressed}").border_top if self.dressed else None
        for pane in self._given:
            pane.styles.border = border

    def choose(self, name: str) -> None:
        """Bring that pane into sight and put the focus on it."""
        if name in TABBED[self._shape] and name != self.chosen:
            self._chosen[self._shape] = name
            self._show()
        self.query_one(f"#{name}").focus()

    def reveal(self, name: str) -> None:
        """Bring that pane into sight where this hides none that has the focus."""
        if self._shape != "narrow" and name in TABBED[self._shape]:
            self._chosen[self._shape] = name
            self._show()

    def beside(self, step: int) -> None:
        """Put the focus on the next pane (1) or the one before (-1), hidden ones included."""
        order = TABBED["narrow"] if self._shape == "narrow" else PANES
        focused = self.screen.focused
        here = order.index(focused.id) if focused is not None and focused.id in order else -1
        self.choose(order[(here + step) % len(order)])

    def tabs(self) -> list[Spot]:
        """The panes that can't be seen, on their tabs."""
        strip = self.query_one(Strip)
        return [
            Spot(strip.region.offset + Offset(column, 0), partial(self.choose, name), tab=True)
            for name, column in strip.places.items()
            if name != self.chosen and strip.is_on_screen
        ]

    def _show(self) -> None:
        hidden = {name for name in TABBED[self._shape] if name != self.chosen}
        for pane in self._given:
            pane.display = pane.id not in hidden
        self.query_one(Strip).show(TABBED[self._shape], self.chosen)
        focused = self.screen.focused
        if focused is not None and focused.id in hidden:
            self.query_one(f"#{self.chosen}").focus()
        self.refresh(layout=True)
