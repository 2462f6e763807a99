"""What the screens say of one run, and of what its verification or comparison gave."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from reach_workbench.protocol.node_views import RunView, Verification
from reach_workbench.ui.words import here, lasting, moment, pretty, pretty_data, status


def run_page(run: RunView) -> Content:
    """All that lists leave out."""
    rows = [Content.assemble((f"{name:<11}", "dim"), text) for name, text in _facts(run)]
    if run.error is not None:
        rows += [Content(""), Content.styled("error", "dim"), Content(pretty(run.error))]
    if run.output is not None:
        rows += [Content(""), Content.styled("output", "dim"), Content(pretty(run.output))]
    return Content("\n").join(rows)


def _facts(run: RunView) -> Iterator[tuple[str, str]]:
    yield "run", run.id
    yield "workflow", run.workflow
    yield "status", status(run)
    if run.forked_from:
        yield "⎇ fork of", f"{run.forked_from} at event {run.forked_at:,}"
    if run.parent:
        yield "↳ part of", run.parent
    if run.waiting:
        yield "waits for", here(run.waiting)
    if run.position and run.ended_at is None:
        yield "stands at", run.position
    yield "events", f"{run.seq:,}"
    yield "started", moment(run.created_at)
    if run.ended_at is not None:
        yield "ended", f"{moment(run.ended_at)}, after {lasting(run.ended_at - run.created_at)}"
    if run.file:
        yield "file", run.file
    yield "digest", run.digest


def verified(found: Verification) -> tuple[str, str]:
    """A title and the words for what a replay gave."""
    took = f"{found.seconds:.2f} s"
    if found.ok:
        return "REPLAY ✓", f"{found.events:,} events replayed in {took}: every digest is the same.\n\n{found.digest}"
    place = f" at event {found.seq:,}" if found.seq is not None else ""
    lines = [found.message or f"The record is {found.problem}.", f"task      {found.task or '–'}"]
    if found.recorded is not None or found.replayed is not None:
        lines += ["", "recorded", pretty_data(found.recorded), "", "replayed", pretty_data(found.replayed)]
    return f"REPLAY ✗{place}", "\n".join(lines)
