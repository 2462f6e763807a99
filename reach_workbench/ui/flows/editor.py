"""The editor: YAML with colours, and a gutter for breakpoints, diagnostics and line numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Selection, TextAreaTheme

Mark = Literal["error", "warning"]

COLOURED: Final = 1500
"""Lines above which a text has no colours: they are found again at each key, 20 ms for a thousand lines."""

MARKS: Final[dict[Mark, str]] = {"error": "✗", "warning": "!"}
BREAKPOINT: Final = "●"

_TAKEN: Final = frozenset({"f6", "f7"})
"""Keys of the plain text area that are actions of this screen."""

_ANSI: Final = {
    "yaml.field": Style(color="cyan"),
    "string": Style(),
    "number": Style(color="magenta"),
    "boolean": Style(color="magenta"),
    "constant.builtin": Style(color="magenta"),
    "comment": Style(dim=True),
    "punctuation.delimiter": Style(dim=True),
}


class Editor(TextArea, inherit_bindings=False):
    """A text area for workflows. Columns and lines of its own methods count from 1, as diagnostics do.

    `intercept` sees each key first, by its name, and says whether it has dealt with it (the completion popup).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        binding
        for binding in TextArea.BINDINGS
        if not isinstance(binding, tuple) and not _TAKEN & set(binding.key.split(","))
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"editor--error", "editor--warning", "editor--breakpoint", "editor--block"}
    DEFAULT_CSS = """
    Editor { padding: 0; scrollbar-size: 1 1; background: $background; }
    Editor:focus { background: $background; }
    Editor .editor--error { color: $text-error; }
    Editor .editor--warning { color: $text-warning; }
    Editor .editor--breakpoint { color: $text-error; text-style: bold; }
    Editor .editor--block { color: $text-primary; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, soft_wrap=False, tab_behavior="focus", max_checkpoints=200)
        self.intercept: Callable[[str], bool] = lambda _key: False
        self.cursor_blink = False  # an idle screen repaints nothing
        self.indent_width = 2
        self.match_cursor_bracket = True
        self._marks: dict[int, Mark] = {}
        self._spots: dict[int, list[tuple[int, Mark]]] = {}
        self._breaks: frozenset[int] = frozenset()
        self._block: range = range(0)
        self._kind: str | None = None

    def on_mount(self) -> None:
        self.watch(self.app, "theme", self._recolour)

    def _recolour(self) -> None:
        """Colours that suit the theme: a light one, a dark one, or the terminal's own."""
        now = self.app.current_theme
        if "ansi" in now.name:
            styles = dict(_ANSI)
        else:
            like = TextAreaTheme.get_builtin_theme("vscode_dark" if now.dark else "github_light")
            styles = dict(like.syntax_styles) if like is not None else {}
        self.register_theme(TextAreaTheme(name="reach", syntax_styles=styles))
        self.theme = "reach"

    # ------------------------------------------------------------ the text

    def show_text(self, text: str, kind: str | None) -> None:
        """Show another text from its beginning; `kind` is yaml, json or None (no colours)."""
        self._kind = kind
        self._marks, self._spots, self._breaks, self._block = {}, {}, frozenset(), range(0)
        self.set_reactive(TextArea.language, kind if text.count("\n") < COLOURED else None)
        self.load_text(text)

    def change_text(self, text: str) -> None:
        """Replace the text as one edit that can be undone; the cursor stays on its line."""
        if text == self.text:
            return
        row, column = self.cursor_location
        top = self.scroll_offset.y
        self.history.checkpoint()
        self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()
        row = min(row, self.document.line_count - 1)
        self.move_cursor((row, min(column, len(self.document.get_line(row)))))
        self.scroll_to(y=top, animate=False)

    def colour_again(self) -> None:
        """Switch colours off when the text has grown too long, and on again."""
        wanted = self._kind if self.document.line_count <= COLOURED else None
        if wanted != self.language:
            place = self.selection
            self.language = wanted
            self.selection = Selection(*place)

    @property
    def line(self) -> int:
        return self.cursor_location[0] + 1

    @property
    def column(self) -> int:
        return self.cursor_location[1] + 1

    @property
    def before_cursor(self) -> str:
        """What stands on the line before the cursor."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor there, in view; a place after the end is the end."""
        row = min(max(line, 1), self.document.line_count) - 1
        column = min(max(column, 1) - 1, len(self.document.get_line(row)))
        self.move_cursor((row, column), center=True)

    # ------------------------------------------------------------ the gutter

    def show_marks(self, marks: Mapping[tuple[int, int], Mark]) -> None:
        """Diagnostics by (line, column): a sign in the gutter, the word underlined."""
        self._marks, self._spots = {}, {}
        for (line, column), mark in sorted(marks.items()):
            if self._marks.get(line) != "error":
                self._marks[line] = mark
            self._spots.setdefault(line, []).append((column, mark))
        self._repaint()

    def show_breakpoints(self, lines: frozenset[int]) -> None:
        if lines != self._breaks:
            self._breaks = lines
            self._repaint()

    def show_block(self, lines: range) -> None:
        """The lines of the task under the cursor; their numbers are coloured."""
        if lines != self._block:
            self._block = lines
            self._repaint()

    def _repaint(self) -> None:
        self._line_cache.clear()
        self.refresh()

    @property
    def gutter_width(self) -> int:
        """Breakpoint, diagnostic, number, a space."""
        return len(str(self.document.line_count)) + 3

    def get_line(self, line_index: int) -> Text:
        text = super().get_line(line_index)
        for column, mark in self._spots.get(line_index + 1, ()):
            start = min(column - 1, max(len(text) - 1, 0))
            word = re.match(r"[\w$./-]+", text.plain[start:])
            style = self.get_component_rich_style(f"editor--{mark}", partial=True) + Style(underline=True)
            text.stylize(style, start, start + (len(word.group()) if word else 1))
        return text

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        width = self.gutter_width
        place = self.scroll_offset.y + y
        if place >= self.document.line_count:
            return strip
        number = place + 1
        base = self.rich_style
        current = number == self.line
        mark = self._marks.get(number)
        if number in self._block:
            shade = base + self.get_component_rich_style("editor--block", partial=True)
        else:
            shade = base + Style(dim=not current)
        gutter = [
            Segment(BREAKPOINT if number in self._breaks else " ", base + self._styled("breakpoint")),
            Segment(MARKS[mark] if mark else " ", base + self._styled(mark or "error")),
            Segment(f"{number:>{width - 3}} ", shade + Style(bold=current)),
        ]
        room = self.scrollable_content_region.width - width
        return Strip([*gutter, *strip.crop(0, room)], width + min(room, strip.cell_length))

    def _styled(self, name: str) -> Style:
        return self.get_component_rich_style(f"editor--{name}", partial=True)

    # ------------------------------------------------------------ keys

    async def on_key(self, event: events.Key) -> None:
        """The popup first; then enter, which goes on at the line's indentation."""
        if self.intercept(event.key):
            event.stop()
            event.prevent_default()
        elif event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            self._replace_via_keyboard("\n" + self._indentation(), *self.selection)

    def _indentation(self) -> str:
        """That of the line, two more after what opens a block, and under the name of a list's item."""
        before = self.before_cursor
        body = before.lstrip(" ")
        deep = len(before) - len(body)
        if body.startswith("- ") and body.rstrip().endswith((":", "|", ">")):
            deep += 4
        elif body.startswith("- ") or body.rstrip().endswith((":", "|", ">")):
            deep += 2
        return " " * deep

    def take(self, insert: str, column: int) -> None:
        """Write a completion in the place of what stands from `column` (from 1) to the cursor."""
        row, end = self.cursor_location
        self.history.checkpoint()
        result = self.replace(insert, (row, min(column - 1, end)), (row, end), maintain_selection_offset=False)
        self.move_cursor(result.end_location)
