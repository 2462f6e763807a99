"""The figures of the node over the last minutes, as sparklines with their number beside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.widgets import Static

from reach_workbench.protocol.system import Vitals

_BARS: Final = "▁▂▃▄▅▆▇█"

KEPT: Final = 240
"""Measures kept; one is taken every two seconds."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure of `Vitals`; `rate` shows how much it grew a second."""

    title: str
    name: str
    unit: str = ""
    rate: bool = False


GAUGES: Final = (
    Gauge("active runs", "active"),
    Gauge("queued", "queued"),
    Gauge("dead letters", "dead"),
    Gauge("events", "steps", "/s", rate=True),
    Gauge("commit", "commit_ms", " ms"),
    Gauge("request", "request_ms", " ms"),
    Gauge("errors", "errors"),
    Gauge("memory", "memory_mb", " MB"),
)


class Gauges(Static):
    """A line each: title, the figure now, and how it went."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("No measure yet.", id=id, classes=classes, markup=False)
        self._taken: deque[Vitals] = deque(maxlen=KEPT)

    def take(self, vitals: Vitals) -> None:
        """One more measure."""
        self._taken.append(vitals)
        self._show()

    def on_resize(self) -> None:
        if self._taken:
            self._show()

    def _show(self) -> None:
        room = max(8, self.content_size.width - 26)
        high = min(3, max(1, self.content_size.height // len(GAUGES)))
        self.update(Content("\n").join(self._lines(gauge, room, high) for gauge in GAUGES))

    def _lines(self, gauge: Gauge, room: int, high: int) -> Content:
        values = [float(getattr(each, gauge.name)) for each in self._taken]
        if gauge.rate:
            times = [each.at / 1000 for each in self._taken]
            values = [
                max(0.0, (values[place] - values[place - 1]) / max(0.001, times[place] - times[place - 1]))
                for place in range(1, len(values))
            ] or [0.0]
        now = values[-1]
        figure = f"{now:,.0f}{gauge.unit}" if now >= 100 or now == int(now) else f"{now:,.1f}{gauge.unit}"
        *above, last = spark(values[-room:], high)
        words = Content.assemble((f"{gauge.title:<13}", "dim"), (f"{figure:>11}", "bold"), "  ", last)
        return Content("\n").join([*(Content(" " * 26 + bars) for bars in above), words])


def spark(values: Sequence[float], high: int = 1) -> list[str]:
    """The values as bars over so many lines, the highest of them full; what is nothing is a low line."""
    highest = max(values, default=0.0) or 1.0
    eighths = [max(1, int(max(0.0, value) / highest * (high * 8 - 0.001)) + 1) for value in values]
    return ["".join(_bar(each - 8 * line) for each in eighths) for line in reversed(range(high))]


def _bar(eighths: int) -> str:
    return _BARS[min(8, eighths) - 1] if eighths > 0 else " "
