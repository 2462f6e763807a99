"""Which panes of the screen are seen at a width, and the strip of tabs that says so."""

from __future__ import annotations

from typing import Final, Literal

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

View = Literal["files", "editor", "problems", "docs", "graph"]

VIEWS: Final[dict[View, str]] = {
    "files": "Files",
    "editor": "Editor",
    "problems": "Problems",
    "docs": "About",
    "graph": "Graph",
}
SIDE: Final[tuple[View, ...]] = ("problems", "docs", "graph")


def seen(view: View, side: View, size: Literal["narrow", "medium", "wide"]) -> set[View]:
    """The panes that are seen when `view` has the focus and `side` is what was last shown beside the editor."""
    if size == "narrow":
        return {view}
    if size == "medium":
        return {"editor", side if view == "editor" else view}
    return {"files", "editor", side if side in SIDE else "problems"}


class ViewStrip(Static):
    """One line of tabs; a click goes there."""

    DEFAULT_CSS = "ViewStrip { height: 1; width: 1fr; background: $surface; color: $text-muted; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self.places: dict[View, int] = {}  # the column at which each tab begins

    def show(self, views: tuple[View, ...], shown: set[View], here: View, counts: dict[View, str]) -> None:
        parts: list[str | tuple[str, Style]] = []
        self.places = {}
        for view in views:
            self.places[view] = sum(len(part if isinstance(part, str) else part[0]) for part in parts)
            label = f" {VIEWS[view]}{counts.get(view, '')} "
            link = Style.from_meta({"@click": f"screen.view('{view}')"})
            style = link + Style(reverse=True) if view == here else link + Style(bold=view in shown)
            parts += [(label, style), " "]
        self.update(Content.assemble(*parts))
