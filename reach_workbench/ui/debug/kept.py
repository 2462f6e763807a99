"""A scrolled view that works out its styles and its lines once, for as long as they look the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from itertools import islice
from typing import Any, Final

from rich.style import Style
from textual.content import Content
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

_LINES: Final = 400
"""Lines kept at most; then the older half is let go."""

_STEP: Final = 4
"""Lines drawn ahead before whatever else waits has its turn: well under a millisecond of work."""


class KeptView(ScrollView):
    """Whoever draws asks `kept` for a line by everything that it depends on but the styles.

    The toolkit keeps a painted line by its place on the screen, so that a scrolled view is put together anew, line by
    line, with border and filters: most of what a repaint costs. Here it is kept by what the line shows.
    """

    room = Region()
    """What of the content is in sight, in cells: asked once a repaint, for asking costs as much as a line does."""

    _base: Style | None = None
    _strips: dict[Hashable, Strip] | None = None
    _frame: Hashable = None
    _whole: dict[int, tuple[Strip, Strip]]
    _edges: dict[int, tuple[Strip, Strip]]
    _rims: dict[int, tuple[Content | None, Strip]]

    def notify_style_update(self) -> None:
        self._base = self._strips = self._frame = None
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
        if strips is None:
            strips = self._strips = {}
        strip = strips.get(key)
        if strip is None:
            strip = strips[key] = draw()
            _shed(strips)
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        self._look()
        if self.opacity != 1 or self.styles.tint.a:
            return super().render_lines(crop)
        width, height = self.outer_size
        frame = (width, height, self.styles.border, self.background_colors)
        if frame != self._frame:  # a border may be set on the view itself, of which no style tells
            self._frame, self._whole, self._edges, self._rims = frame, {}, {}, {}
        top, bottom = self.gutter.top, height - self.gutter.bottom
        strips: list[Strip] = []
        for y in crop.line_range:
            if top <= y < bottom:
                strips.append(self._framed(y - top))
            else:
                strips.append(self._rim(y))
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _look(self) -> None:
        self.room = Region.from_offset(self.scroll_offset, self.scrollable_content_region.size)

    def _framed(self, y: int) -> Strip:
        """The line at `y` of the content, between the left and the right of the border."""
        content = self.render_line(y)
        known = self._whole.get(id(content))
        if known is not None:
            return known[1]
        inner = content
        for each in self.get_line_filters():
            inner = inner.apply_filter(each, self.background_colors[1])
        left, right = self._sides(content.cell_length)
        whole = Strip([*left, *inner, *right])
        self._whole[id(content)] = (content, whole)  # the content is held so that its id stays its own
        _shed(self._whole)
        return whole

    def _rim(self, y: int) -> Strip:
        """The upper or the lower border, with the words on it."""
        words = self._border_subtitle if y else self._border_title
        known = self._rims.get(y)
        if known is not None and known[0] is words:
            return known[1]
        (strip,) = super().render_lines(Region(0, y, self.outer_size.width, 1))
        self._rims[y] = (words, strip)
        return strip

    def _sides(self, within: int) -> tuple[Strip, Strip]:
        """What the toolkit paints to the left and the right of so many cells of content."""
        if within not in self._edges:
            width, left = self.outer_size.width, self.gutter.left
            line = super().render_lines(Region(0, self.gutter.top, width, 1))[0]
            self._edges[within] = line.crop(0, left), line.crop(left + within, width)
        return self._edges[within]

    async def draw_ahead(self, lines: Iterable[int], going: Callable[[], bool]) -> None:
        """Draw lines that are out of sight (counted from the first in sight), for as long as it is `going`."""
        for count, y in enumerate(lines):
            if count % _STEP == 0:
                await asyncio.sleep(0)
                self._look()
            if not (going() and self.size and self._frame):
                return
            self._framed(y)

    def subtitle(self, words: str | None) -> None:
        """Other words for the lower border. The toolkit's own way paints all of the view for them."""
        content = Content(words) if words is not None else None
        before = self._border_subtitle
        if (content.plain if content else None) == (before.plain if before else None):
            return
        self._border_subtitle = content
        width, height = self.outer_size
        self.refresh(Region(-1, height - 2, width, 1))


def _shed(kept: dict[Any, Any]) -> None:
    """Let the older half go when there is too much."""
    if len(kept) > _LINES:
        for key in list(islice(kept, _LINES // 2)):
            del kept[key]
