"""The event at the cursor, whole."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reach_workbench.protocol.node_views import EventView, Verification
from reach_workbench.ui.debug.jsontext import Line, at_pointer, json_lines
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.wording import Json, clean, clock_time
from reach_workbench.ui.words import beside, with_readings


class EventPane(LinesView):
    """The event's JSON; after a replay that went astray, what was recorded and what was replayed side by side."""

    BORDER_TITLE = "Event"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.event: EventView | None = None
        self._differs: Verification | None = None

    def show(self, event: EventView | None, differs: Verification | None = None) -> None:
        """`differs` is a verification that failed at this very event."""
        self.event = event
        self._differs = differs
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def data_at(self, pointer: str) -> Json:
        """The part of the event's data at a pointer. Raises LookupError."""
        return at_pointer(self.event.data if self.event is not None else None, pointer)

    def _lay_out(self) -> None:
        width = max(24, self.scrollable_content_region.width - 2)
        if self._differs is not None:
            self.border_title = "Event, recorded and replayed"
            self.subtitle(None)
            self.set_lines(side_by_side(self._differs, width))
            return
        if self.border_title != "Event":  # each new title paints the whole pane
            self.border_title = "Event"
        event = self.event
        if event is None:
            self.subtitle(None)
            self.set_lines(())
            return
        self.subtitle(f"{event.seq:,}")
        lines = [
            Line(((clean(event.type), "head"), (f"  {clock_time(event.at)}  frame {event.frame}", "dim")), key="type"),
            Line((("task ", "dim"), (clean(event.task or "(the workflow)"), "key")), key="task"),
            *_readings(event.data),
            *json_lines(event.data, "", width, name="data"),
            Line((("digest ", "dim"), (event.digest[:16] + "…", "dim")), key="digest"),
        ]
        self.set_lines(lines)


def _readings(data: Json) -> Iterator[Line]:
    """The moments that the data holds in milliseconds, as a person reads them."""
    for name, value in (data or {}).items():
        if reading := beside(name, value):
            yield Line(((f"{name} ", "dim"), (reading, "")), key=f"moment {name}")


def side_by_side(found: Verification, width: int) -> list[Line]:
    """Both values of the first event that differs, in two columns; ≠ marks the lines that are not the same."""
    half = max(10, (width - 3) // 2)
    left = _pretty(found.recorded, half)
    right = _pretty(found.replayed, half)
    lines = [
        Line(((clean(found.message), "bad"),), key="message"),
        Line(((f"{'recorded':<{half}} │ replayed", "head"),), key="head"),
    ]
    for place in range(max(len(left), len(right))):
        one = left[place] if place < len(left) else ""
        other = right[place] if place < len(right) else ""
        style = "" if one == other else "changed"
        lines.append(
            Line(
                ((f"{one:<{half}}", style), (" │ ", "dim"), (other, style)),
                mark=" " if one == other else "≠",
                key=f"row {place}",
            )
        )
    return lines


def _pretty(value: Json, width: int) -> list[str]:
    """Indented JSON, cut into pieces that fit a column."""
    texts = with_readings(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)).split("\n")[:400]
    return [text[at : at + width] for text in map(clean, texts) for at in range(0, max(1, len(text)), width)]
