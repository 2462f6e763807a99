"""The tour: a strip above the footer that says what to press next, and goes on when that was done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from textual.widgets import Static

BUILT_IN: Final = """\
document: { dsl: '1.0.3', namespace: samples, name: three-parcels, version: '1.0.0' }
do:
  - pack:
      set:
        parcels: [ { to: Rome, kilos: 2 }, { to: Oslo, kilos: 5 }, { to: Lima, kilos: 3 } ]
  - weigh:
      for: { each: parcel, in: '${ .parcels }' }
      do:
        - price:
            set: '${ $input + { total: ((.total // 0) + $parcel.kilos * 4) } }'
  - send:
      set: { sent: '${ .parcels | length }', total: '${ .total }' }
"""
"""A workflow that needs nothing of the world, for where there are no samples."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing to learn; the tour goes on when the action `does` was carried out, or with F3."""

    does: str
    words: str


STOPS: Final = (
    Stop("debug.over", "The run is held before its first task (PAUSED, above right). Press n: it takes one step."),
    Stop("debug.back", "Press [ to go back by one event. The header says PAST; nothing is executed."),
    Stop("debug.live", "You may look at any moment of a run. Press space to come back to the live end."),
    Stop("debug.continue", "Press c: the run goes on, to the next breakpoint or its end."),
    Stop("debug.verify", "Press V: the run is replayed from its facts alone, and every digest compared."),
    Stop("app.runs", "Press 3: all runs of this node. c compares two, l shows what was forked from what."),
    Stop("app.help", "Press ? on any screen for its keys, or : to find an action by name."),
    Stop("app.flows", "Press 1 and write your own: the mistakes are marked as you type. That was the tour."),
)
"""In the order in which they are walked."""


class TourStrip(Static):
    """Shows the stop that one is at."""

    DEFAULT_CSS = """
    TourStrip {
        dock: bottom; margin: 0 0 1 0; height: auto; padding: 0 1;
        background: $warning-muted; color: $foreground; border-top: solid $warning;
    }
    """

    def __init__(self, place: int) -> None:
        stop = STOPS[place]
        after = "next" if place + 1 < len(STOPS) else "ends the tour"
        super().__init__(f"Tour {place + 1}/{len(STOPS)}  {stop.words}  (F3 {after})", markup=False)


def samples(workspace: Path) -> list[tuple[str, str]]:
    """(file, label) of the workspace's sample workflows, and the one that is built in."""
    files = sorted([*workspace.glob("workflows/*.yaml"), *workspace.glob("*.yaml")])[:8]
    return [("", "three parcels: small, and needs nothing"), *((str(file), file.stem) for file in files)]


def source_of(chosen: str, workspace: Path) -> tuple[str, Path]:
    """The text and the file of a chosen sample. Raises OSError when it can't be read."""
    if not chosen:
        return BUILT_IN, workspace / "three-parcels.yaml"
    return Path(chosen).read_text("utf-8"), Path(chosen)
