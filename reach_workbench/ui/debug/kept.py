"""A scrolled view that works out its styles and its lines once, for as long as they look the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from rich.style import Style
from textual.content import Content
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

_LINES: Final = 1000
"""Lines kept at most; then all are let go: what is in sight is soon there again."""


class KeptView(ScrollView):
    """Whoever draws asks `kept` for a line by everything that it depends on but the styles."""

    _base: Style | None = None
    _strips: dict[Hashable, Strip] | None = None

    def notify_style_update(self) -> None:
        self._base = self._strips = None
        super().notify_style_update()

    @property
    def base(self) -> Style:
        """The style of the view itself. The toolkit's `rich_style` asks all that is around it, for every line."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def kept(self, key: Hashable, draw: Callable[[], Strip]) -> Strip:
        """The line of that key, drawn when it is not known."""
        strips = self._strips
        if strips is None or len(strips) > _LINES:
            strips = self._strips = {}
        strip = strips.get(key)
        if strip is None:
            strip = strips[key] = draw()
        return strip

    def subtitle(self, words: str | None) -> None:
        """Other words for the lower border. The toolkit's own way paints all of the view for them."""
        content = Content(words) if words is not None else None
        before = self._border_subtitle
        if (content.plain if content else None) == (before.plain if before else None):
            return
        self._border_subtitle = content
        width, height = self.outer_size
        self.refresh(Region(-1, height - 2, width, 1))
