"""The workflow of the open run, with what the debugger knows in its gutter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip

from reach_workbench.protocol.authoring import ProgramView, TaskPlace
from reach_workbench.ui.debug.jsontext import Line, Part
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.wording import BREAKPOINT, CURRENT, GATE, clean

_COLOURED: Final = 3000
"""Lines from which a text is shown without colours."""


_MARGIN: Final = 2
"""Cells of a task's indentation that stay in sight when the text is scrolled sideways."""


class SourceView(LinesView):
    """Gutter: ▶ the task the run stands at, ● a breakpoint (○ one that is off), a gate, and the line's number.

    The gate is ◇, and ◆ while it holds the task. Where the pane is too narrow for a task that is deep inside
    others, the text is scrolled to its indentation, which ‹ in the gutter shows.
    """

    BORDER_TITLE = "Source"
    COMPONENT_CLASSES: ClassVar[set[str]] = {*LinesView.COMPONENT_CLASSES, "source--block"}
    DEFAULT_CSS = "SourceView .source--block { background: $primary 18%; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.program: ProgramView | None = None
        self.stops: Mapping[str, bool] = {}
        self.held: frozenset[str] = frozenset()
        self.current: str | None = None
        self._places: dict[str, TaskPlace] = {}
        self._heads: dict[int, TaskPlace] = {}
        self._block: range = range(0)

    def show_program(self, program: ProgramView | None) -> None:
        """Show the text of another run."""
        self.program = program
        self.current = None
        self._block = range(0)
        tasks = program.compilation.tasks if program is not None else ()
        self._places = {task.reference: task for task in tasks}
        self._heads = {task.line: task for task in tasks}
        self.cursor_line = 0
        self.set_lines(_coloured(program.source) if program is not None else ())
        self.virtual_size = Size(self.virtual_size.width + self._gutter, len(self.lines))
        self.border_subtitle = clean(program.file.rpartition("/")[2]) if program is not None and program.file else None

    def show_current(self, reference: str | None, *, follow: bool = True) -> None:
        """Highlight the block of that task; with `follow` the cursor goes there too."""
        if reference == self.current:
            return
        before, block, cursor = self._nearest(self.current), self._block, self.cursor_line
        self.current = reference
        place = self._nearest(reference)
        self._block = range(place.line, place.end_line + 1) if place is not None else range(0)
        if place is not None and follow:
            self.cursor_line = place.line - 1
            self.reveal(place.line - 1, margin=3)
            self._reveal_across(place)
        numbers = set(block).symmetric_difference(self._block) | {cursor + 1, self.cursor_line + 1}
        for number in numbers.union(task.line for task in (before, place) if task is not None):
            self.refresh_line(number - 1)

    def show_stops(self, stops: Mapping[str, bool], held: frozenset[str] = frozenset()) -> None:
        """The tasks that have a breakpoint, and whether each is on; those `held` at a gate."""
        self.stops, self.held = stops, held
        self.refresh()

    def point(self, line: int) -> None:
        super().point(line)
        self._reveal_across(self._around(self.cursor_line + 1))

    def on_resize(self) -> None:
        self._reveal_across(self._around(self.cursor_line + 1))

    def _reveal_across(self, place: TaskPlace | None) -> None:
        """Scroll sideways as little as a task's own lines need, and no further than its indentation."""
        room = self.scrollable_content_region.width - self._gutter + 1
        if place is None or room < 1:
            return
        texts = [self.lines[line - 1].text for line in self._own_lines(place)]
        beyond = max((cell_len(text) for text in texts), default=0) - room
        indent = min((len(text) - len(text.lstrip()) for text in texts if text.strip()), default=0)
        across = max(0, min(beyond, indent - _MARGIN))
        if across != self.scroll_offset.x:
            self.scroll_to(x=across, animate=False, immediate=True, force=True)
            self.refresh()

    @property
    def task_here(self) -> str | None:
        """The innermost task whose text is under the cursor."""
        around = self._around(self.cursor_line + 1)
        return around.reference if around is not None else None

    def _own_lines(self, place: TaskPlace) -> Iterator[int]:
        """The lines of a task that are of no task inside it."""
        inside = sorted((each.line, each.end_line) for each in self._places.values() if each.line > place.line)
        line = place.line
        for begin, end in inside:
            if begin > place.end_line:
                break
            yield from range(line, begin)
            line = max(line, end + 1)
        yield from range(line, place.end_line + 1)

    def _around(self, line: int) -> TaskPlace | None:
        """The innermost task that a line belongs to."""
        around = [each for each in self._places.values() if each.line <= line <= each.end_line]
        return max(around, key=lambda each: (each.line, -each.end_line), default=None)

    def go_to(self, reference: str) -> None:
        """Put the cursor on that task."""
        if (place := self._nearest(reference)) is not None:
            self.point(place.line - 1)

    def _nearest(self, reference: str | None) -> TaskPlace | None:
        """The place of a task, or of the nearest one around it that stands in this text."""
        while reference:
            if reference in self._places:
                return self._places[reference]
            reference = reference.rpartition("/")[0]
        return None

    @property
    def _gutter(self) -> int:
        return len(str(len(self.lines))) + 5

    def render_line(self, y: int) -> Strip:
        place = self.room.y + y
        if place >= len(self.lines):
            return Strip.blank(self.room.width, self.base)
        number = place + 1
        task = self._heads.get(number)
        here = task is not None and self._nearest(self.current) is task
        stop = self.stops.get(task.reference) if task is not None else None
        held = task is not None and task.reference in self.held
        pointed = place == self.cursor_line
        looks = (self.lines[place], number, here, stop, held, number in self._block, pointed, self.has_focus)
        room = (self.room.x, self.room.width, self._gutter)
        return self.kept((looks, room, task), lambda: self._numbered(number, task, here, stop, held))

    def _numbered(self, number: int, task: TaskPlace | None, here: bool, stop: bool | None, held: bool) -> Strip:
        width, base, x = self.room.width, self.base, self.room.x
        place = number - 1
        gate = GATE if held else "◇" if task is not None and is_gate(task) else " "
        gutter = [
            Segment(CURRENT if here else " ", base + self._style("good")),
            Segment(" " if stop is None else BREAKPOINT if stop else "○", base + self._style("bad")),
            Segment(gate, base + self._style("bad" if held else "number")),
            Segment(f"{number:>{self._gutter - 5}}{'‹' if x else ' '}", base + self._style("dim")),
        ]
        text = Strip([Segment(text, base + self._style(name)) for text, name in self.lines[place].parts])
        room = width - self._gutter + 1
        text = text.crop(x, x + room).extend_cell_length(room, base)
        if number in self._block:
            text = text.apply_style(self.get_component_rich_style("source--block", partial=True))
        if place == self.cursor_line:
            name = "lines--cursor" if self.has_focus else "lines--blurred"
            style = self.get_component_rich_style(name)
            text = Strip([Segment(text.text, style)]) if self.has_focus else text.apply_style(style)
        return Strip([*gutter, *text]).adjust_cell_length(width, base)


def is_gate(task: TaskPlace) -> bool:
    """Whether a person has to decide before that task goes on."""
    return task.kind == "call" and task.summary.startswith(("approve", "call approve"))


def _coloured(source: str) -> list[Line]:
    """The text line by line; keys, comments, strings and expressions can be told apart."""
    texts = source.split("\n")
    if texts and not texts[-1]:
        texts.pop()
    plain = len(texts) > _COLOURED
    return [Line(((clean(text), ""),) if plain else tuple(_parts(clean(text.expandtabs(4))))) for text in texts]


def _parts(text: str) -> list[Part]:
    """One line of YAML or JSON in coloured parts. It only looks at the line: a colour may be wrong, a text never."""
    body = text.lstrip(" ")
    indent = text[: len(text) - len(body)]
    if body.startswith("#"):
        return [(text, "dim")]
    parts: list[Part] = [(indent, "")]
    while body.startswith("- "):
        parts.append(("- ", "dim"))
        body = body[2:]
    key, colon, rest = body.partition(": ")
    if not colon and body.endswith(":"):
        key, colon, rest = body[:-1], ":", ""
    if colon and not any(sign in key for sign in "{[${#|> "):
        parts += [(key, "key"), (colon, "dim")]
        body = rest
    if body.startswith("#"):
        parts.append((body, "dim"))
    elif "${" in body or body.startswith("."):
        parts.append((body, "number"))
    elif body[:1] in ("'", '"'):
        parts.append((body, "string"))
    elif body in ("true", "false", "null", "|", ">", ">-", "|-"):
        parts.append((body, "word"))
    else:
        parts.append((body, ""))
    return parts
