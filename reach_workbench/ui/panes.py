"""Panes: what carries the class `pane`. Going from one to the next, jumping by a letter, growing and shrinking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Key
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Label

LETTERS: Final = "asdfghjklqwertyuiop"

_LABEL: Final = 5
"""Cells that a letter on a pane takes."""

SIZES: Final = ("", "-half", "-full")


def panes(screen: Screen[Any]) -> list[Widget]:
    """The panes that can be seen, in the order of the screen; without any, what can take the focus."""
    found = [pane for pane in screen.query(".pane") if pane.is_on_screen and _inside(pane) is not None]
    return found or [widget for widget in screen.focus_chain if widget.is_on_screen]


def _inside(pane: Widget) -> Widget | None:
    """What takes the focus of a pane: itself, or the first in it that can."""
    if pane.focusable:
        return pane
    return next((widget for widget in pane.query("*").results(Widget) if widget.focusable and widget.display), None)


def current(screen: Screen[Any]) -> Widget | None:
    """The pane that has the focus."""
    focused = screen.focused
    if focused is None:
        return None
    return next((pane for pane in panes(screen) if pane in (focused, *focused.ancestors)), focused)


def focus_pane(screen: Screen[Any], pane: Widget) -> None:
    screen.set_focus(_inside(pane))


def focus_beside(screen: Screen[Any], step: int) -> None:
    """Put the focus on the pane after (1) or before (-1); a screen with panes behind tabs knows better (`beside`)."""
    if (beside := getattr(screen, "beside", None)) is not None:
        beside(step)
        return
    there = panes(screen)
    if not there:
        return
    here = current(screen)
    place = there.index(here) + step if here in there else 0
    focus_pane(screen, there[place % len(there)])


def resize(screen: Screen[Any], step: int) -> None:
    """Show the pane with the focus one size larger (1) or smaller (-1): as laid out, at half, alone."""
    pane = screen.maximized or current(screen)
    if pane is None:
        return
    size = 2 if screen.maximized is not None else 1 if pane.has_class("-half") else 0
    size = min(2, max(0, size + step))
    if screen.maximized is not None and size < 2:
        screen.minimize()
    pane.set_class(size > 0, "-half")
    if size == 2:
        screen.maximized = pane  # `Screen.maximize` would refuse a pane that only scrolls


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a letter stands on the screen, and what puts the focus there. On a tab there is room for one cell."""

    at: Offset
    go: Callable[[], object]
    tab: bool = False


def spots(screen: Screen[Any]) -> list[Spot]:
    """The panes that can be seen, beside their titles; then those behind tabs, when the screen has some (`tabs`)."""
    seen = [Spot(_beside_title(pane), partial(focus_pane, screen, pane)) for pane in panes(screen)]
    tabs: Callable[[], list[Spot]] | None = getattr(screen, "tabs", None)
    return [*seen, *(tabs() if tabs is not None else ())]


def _beside_title(pane: Widget) -> Offset:
    title = Content.from_markup(pane.border_title or "").cell_length
    room = pane.region.width - _LABEL
    return pane.region.offset + Offset(title + 4 if title and title + 4 <= room else 2, 0)


class Jump(ModalScreen[None]):
    """A letter on each pane and each tab; pressing it puts the focus there."""

    DEFAULT_CSS = """
    Jump { background: $background 30%; layers: letters; }
    Jump Label { layer: letters; position: absolute; width: auto; height: 1;
                 background: $warning; color: $background; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape,ctrl+o", "dismiss", "Leave")]

    def __init__(self, spots: Sequence[Spot]) -> None:
        super().__init__()
        self._spots = dict(zip(LETTERS, spots, strict=False))

    def compose(self) -> ComposeResult:
        for letter, spot in self._spots.items():
            label = Label(letter if spot.tab else f" [{letter}] ", markup=False)
            label.styles.offset = spot.at
            yield label

    def on_key(self, event: Key) -> None:
        spot = self._spots.get(event.character or "")
        if spot is not None:
            event.stop()
            self.dismiss()
            spot.go()
