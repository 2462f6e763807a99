"""A run on one page, and runs in a table; and both as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reach_workbench.cli.terminal import Painted, Style, Terminal, brief
from reach_workbench.cli.watching import duration
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import RunView
from reach_workbench.ui.words import shortened

STYLES: Final[dict[str, Style]] = {
    "completed": "green",
    "faulted": "red",
    "cancelled": "yellow",
    "held": "cyan",
    "suspended": "cyan",
    "waiting": "cyan",
}


def run_object(view: RunView) -> dict[str, Json]:
    """A run as scripts read it. Times are ISO 8601 in UTC; `events` is the number of events."""
    return {
        "id": view.id,
        "workflow": view.workflow,
        "status": view.status,
        "output": view.output,
        "error": view.error,
        "digest": view.digest,
        "events": view.seq,
        "created_at": iso8601(view.created_at),
        "ended_at": iso8601(view.ended_at) if view.ended_at is not None else None,
        "file": view.file,
        "position": view.position,
        "waiting": view.waiting,
        "in_doubt": list(view.in_doubt),
        "gates": list(view.gates),
        "breakpoints": list(view.breakpoints),
        "parent": view.parent,
        "forked_from": view.forked_from,
        "forked_at": view.forked_at,
    }


def show_table(terminal: Terminal, views: Sequence[RunView], now: int) -> None:
    """A line a run, the newest first."""
    rows = [
        (shortened(view.id), view.workflow, view.status, f"{duration(now - view.created_at)} ago", f"{view.seq:,}")
        for view in views
    ]
    heads = ("RUN", "WORKFLOW", "STATUS", "STARTED", "EVENTS")
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]
    terminal.show(Painted("  ".join(f"{head:<{width}}" for head, width in zip(heads, widths, strict=True)), "dim"))
    for row, view in zip(rows, views, strict=True):
        run, workflow, status, age, events = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        style = STYLES.get(view.status)
        terminal.show(
            f"{run}  {workflow}  ", Painted(status, style) if style else status, f"  {age}  {events}".rstrip()
        )


def show_page(terminal: Terminal, view: RunView, line: str | None, waits: Sequence[str]) -> None:
    """All about a run; `line` is where its position stands in the document, `waits` what it waits for."""
    terminal.show(Painted(view.workflow, "bold"))

    def row(name: str, text: str, style: Style | None = None) -> None:
        terminal.show(Painted(f"  {name:<10}", "dim"), Painted(text, style) if style else text)

    row("run", view.id)
    row("status", view.status, STYLES.get(view.status))
    took = f", after {duration(view.ended_at - view.created_at)}" if view.ended_at is not None else ""
    row("started", iso8601(view.created_at))
    if view.ended_at is not None:
        row("ended", iso8601(view.ended_at) + took)
    row("events", f"{view.seq:,}")
    row("digest", view.digest)
    if view.file:
        row("file", view.file)
    if view.forked_from:
        row("forked", f"from {view.forked_from} at event {view.forked_at}")
    if view.parent:
        row("called by", f"run {view.parent}")
    if view.position:
        row("position", view.position + (f"  ({line})" if line else ""))
    if view.breakpoints:
        row("breaks at", ", ".join(view.breakpoints))
    for place, each in enumerate(waits):
        row("pending" if place == 0 else "", each)
    if view.error is not None:
        row("error", brief(view.error, 2000))
    if view.status == "completed":
        terminal.show(Painted("  output", "dim"))
        terminal.print_json(view.output, indent=True)
