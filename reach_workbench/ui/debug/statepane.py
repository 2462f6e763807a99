"""The state at the cursor, with what the event there changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reach_workbench.protocol.node_views import Change, StateView
from reach_workbench.ui.debug.jsontext import Line, Part, json_lines
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.wording import CURRENT, brief, clean, clock_time
from reach_workbench.ui.words import here

_SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}


class StatePane(LinesView):
    """Stack, pending, data, output, context and input. + was added by this event, ~ changed, - removed."""

    BORDER_TITLE = "State"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.state: StateView | None = None
        self._changes: Sequence[Change] = ()

    def show(self, state: StateView | None, changes: Sequence[Change] | None = None) -> None:
        """`changes` are the differences to the event before; None when they are not known yet."""
        self.state = state
        self._changes = changes or ()
        self.subtitle(f"after {state.seq:,}" if state is not None else None)
        self._lay_out()

    def _lay_out(self) -> None:
        if self.state is None:
            self.set_lines(())
            return
        width = max(24, self.scrollable_content_region.width - 2)
        self.set_lines(list(state_lines(self.state, self._changes, width)))

    def on_resize(self) -> None:
        self._lay_out()


def state_lines(state: StateView, changes: Sequence[Change], width: int) -> Iterator[Line]:
    """The lines of a state; pointers lead into {data, context, input, output}, and /stack, /pending beside them."""
    known = {change.pointer: change for change in changes}
    position: tuple[Part, ...] = (("  at ", "dim"), (clean(state.position), "key")) if state.position else ()
    yield _marked(Line((("status ", "dim"), (state.status, "head"), *position), "/status"), known)
    if state.error is not None:
        yield Line((("Error", "head"),))
        yield from _marked_all(json_lines(state.error, "/error", width, indent=1), known)
    if state.stack:
        yield Line((("Stack", "head"),))
    for frame in reversed(state.stack):
        inner = frame is state.stack[-1]
        yield _marked(
            Line(
                (
                    (f" {CURRENT if inner else ' '} ", "good"),
                    (clean(frame.task), "key"),
                    (f"  {frame.kind}, {frame.phase} since {clock_time(frame.started_at)[:8]}", "dim"),
                ),
                f"/stack/{frame.frame}",
            ),
            known,
        )
    variables = {name: value for frame in state.stack for name, value in frame.variables.items()}
    if variables:
        yield Line((("Variables", "head"),))
        frame = state.stack[-1]
        for name, value in variables.items():
            pointer = f"/stack/{frame.frame}/variables/{name}"
            shown = f"${name.removeprefix('$')}"
            yield from _marked_all(json_lines(value, pointer, width, indent=1, name=shown), known)
    if state.pending:
        yield Line((("Pending", "head"),))
    for each in state.pending:
        sign = "?" if each.kind == "in-doubt" else " "
        detail = brief(each.detail, 60)
        detail = here(detail) if each.kind == "timer" else detail
        line = Line(
            ((f" {sign} {each.kind} {each.number} ", "bad" if sign == "?" else ""), (clean(each.task), "key"),
             (f"  {detail}", "dim")),
            f"/pending/{each.kind} {each.number}",
        )  # fmt: skip
        yield _marked(line, known)
    ended = state.status in ("completed", "faulted", "cancelled")
    sections = [("Output", "output", state.output)] if ended else [("Data", "data", state.data)]
    sections += [("$context", "context", state.context), ("Input", "input", state.input)]
    for title, name, value in sections:
        yield Line(((title, "head"),), f"/{name}")
        yield from _marked_all(json_lines(value, f"/{name}", width, indent=1), known)
    gone = [change for change in changes if change.kind == "removed" and not change.pointer.startswith("/stack/")]
    if gone:
        yield Line((("Removed by this event", "head"),))
    for change in gone:
        yield Line(((f" {clean(change.pointer)} ", "key"), (brief(change.before, 200), "dim")), change.pointer, "-")


def _marked_all(lines: Iterator[Line], known: dict[str, Change]) -> Iterator[Line]:
    seen: set[str] = set()
    for line in lines:
        if line.pointer in seen:
            yield line
        else:
            seen.add(line.pointer or "")
            yield _marked(line, known)


def _marked(line: Line, known: dict[str, Change]) -> Line:
    """With its sign, and what a changed value was before."""
    pointer = line.pointer or ""
    change = known.get(pointer)
    if change is None:
        above = pointer
        while above.count("/") > 1:  # a member of what was added was added with it
            above = above.rpartition("/")[0]
            parent = known.get(above)
            if parent is not None:
                return line._replace(mark="+" if parent.kind == "added" else "~")
        inside = pointer and any(each.startswith(pointer + "/") for each in known)
        return line._replace(mark="~") if inside and pointer.startswith("/stack/") else line
    was: tuple[Part, ...] = ()
    if change.kind == "changed" and not any(isinstance(each, dict | list) for each in (change.before, change.after)):
        was = ((f"  was {brief(change.before, 40) or 'null'}", "dim"),)
    return line._replace(mark=_SIGNS[change.kind], parts=(*line.parts, *was))
