"""Proving a run: its events against their digests, and against what its facts give when replayed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reach_workbench.clock import Clock
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import FACTS, GENESIS, Event, digest
from reach_workbench.engine.program import Program
from reach_workbench.engine.step import replay
from reach_workbench.errors import Bug, HistoryDamaged, HistoryError
from reach_workbench.protocol.node_views import Progress, Verification

_STRIDE = 5000
"""Events between two reports of progress."""


class Recorded(NamedTuple):
    """An event with what the record says of its digest: all of it, or its first bytes."""

    event: Event
    mark: bytes


def prove(
    run: str,
    programs: Iterable[tuple[int, Program]],
    recorded: Iterable[Recorded],
    total: int,
    evaluator: Evaluator,
    clock: Clock,
    progress: Progress | None = None,
) -> Verification:
    """Check every event; the first that was altered, or that replaying does not give, is named.

    Altered means that it does not match its digest; diverged, that it does, but the facts before
    it lead to another event: other code, or a history that was rewritten with its digests.
    """
    began = clock.elapsed()
    marks: list[bytes] = []
    altered: list[Event] = []
    count = 0
    before = GENESIS

    def events() -> Iterator[Event]:
        for event, mark in recorded:
            if event.type in FACTS and digest(before, event)[: len(mark)] != mark:
                altered.append(event)  # replaying what the world never said would only mislead
                return
            marks.append(mark)
            yield event

    def verdict(problem: str, event: Event | None, derived: Event | None, message: str) -> Verification:
        shown = event or derived
        return Verification(
            run=run,
            ok=False,
            events=count,
            digest=before.hex(),
            seconds=clock.elapsed() - began,
            problem=problem,  # type: ignore[arg-type]
            seq=shown.seq if shown else count + 1,
            task=shown.task if shown else None,
            recorded=_shown(event),
            replayed=_shown(derived),
            message=message,
        )

    try:
        for each in replay(programs, events(), evaluator):
            mark = marks.pop()
            event, derived = each.recorded, each.derived
            if event is not None and digest(before, event)[: len(mark)] != mark:
                message = f"event {event.seq} ({event.type}) does not match its recorded digest: it was altered"
                return verdict("damaged", event, derived, message)
            if event != derived or event is None:
                where = f"event {event.seq} ({event.type})" if event else f"event {count + 1}"
                what = f"gives {derived.type}" if derived else "gives nothing more"
                return verdict("diverged", event, derived, f"{where}: replaying the recorded facts {what}")
            before = each.digest
            count += 1
            if progress is not None and count % _STRIDE == 0:
                progress(count, total)
    except (HistoryError, Bug) as wrong:
        problem = "damaged" if isinstance(wrong, HistoryDamaged) else "diverged"
        return verdict(problem, None, None, wrong.message)
    if altered:
        fact = altered[0]
        message = f"fact {fact.seq} ({fact.type}) does not match its recorded digest: it was altered"
        return verdict("damaged", fact, None, message)
    if count < total:
        return verdict("damaged", None, None, f"{total - count} events are missing after event {count}")
    if progress is not None:
        progress(count, total)
    return Verification(run=run, ok=True, events=count, digest=before.hex(), seconds=clock.elapsed() - began)


def _shown(event: Event | None) -> dict[str, object] | None:
    if event is None:
        return None
    return {"type": event.type, "at": event.at, "task": event.task, "frame": event.frame, "data": event.data}
