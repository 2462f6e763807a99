"""What a node shows: records and states as the views of the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reach_workbench.engine.events import Event
from reach_workbench.engine.state import ENDED, ROOT, Frame, State, data_frame
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import Change, EventView, FrameView, PendingView, RunView, StateView
from reach_workbench.runner.debug import next_entry
from reach_workbench.storage.records import RunRecord

_ABSENT: Final = object()

_HELD: Final = {"hold": "held by a rate", "gate": "held for approval"}
"""What a command is at that stands at no open gate, by its verdict."""


def run_view(record: RunRecord, forked_from: str | None = None, children: Sequence[RunView] = ()) -> RunView:
    """`children` are the views of its sub-workflows that have not ended: a run may wait for a person through them."""
    waiting = record.waiting or {}
    return RunView(
        id=record.id,
        namespace=record.namespace,
        name=record.name,
        version=record.version,
        status=record.status,  # type: ignore[arg-type]
        seq=record.seq,
        digest=record.digest.hex(),
        created_at=record.created_at,
        ended_at=record.ended_at,
        output=record.output,
        error=record.error,
        parent=record.parent,
        forked_from=forked_from,
        forked_at=record.forked_at,
        position=record.position,
        waiting=_words(record, waiting, children),
        in_doubt=tuple(waiting.get("in_doubt", ())),
        gates=tuple(gate for _, gate in waiting.get("gates", ())),
        breakpoints=record.breakpoints,
        file=record.file,
    )


def _words(record: RunRecord, waiting: dict[str, Json], children: Sequence[RunView]) -> str | None:
    """What a run waits for, in words; None when it is at work, or has ended."""
    if record.status in ENDED:
        return None
    words = [f"a decision on effect {number}" for number in waiting.get("in_doubt", ())]
    words += [f"a decision at gate {gate}" for _, gate in waiting.get("gates", ())]
    for child in children:
        if child.status == "suspended":
            words.append(f"sub-workflow {child.id}, which is suspended")
        elif child.status == "held":
            words.append(f"sub-workflow {child.id}, which is held")
        elif child.waiting is not None and (child.in_doubt or child.gates or "sub-workflow" in child.waiting):
            words.append(f"sub-workflow {child.id}, which waits for {child.waiting}")
    if "rates" in waiting:
        words.append(f"a free place at a rate gate, at {iso8601(waiting['rates'])} or before")
    if record.status == "suspended" and waiting.get("suspended"):
        words.append(str(waiting["suspended"]))
    if record.status == "waiting":
        words += [f"an event at {reference}" for reference in waiting.get("listening", ())]
        for due, purpose in waiting.get("timers", ())[:1]:
            words.append(f"{'the timeout' if purpose in ('timeout', 'attempt') else 'the time'} at {iso8601(due)}")
        return ", ".join(words) or "something"
    return ", ".join(words) or None


def event_view(event: Event, digest: bytes) -> EventView:
    return EventView(event.seq, event.type, event.at, event.task, event.frame, event.data, digest.hex())


def state_view(state: State, status: str | None = None) -> StateView:
    entry = next_entry(state)
    frames = [frame for frame in state.frames.values() if frame.id != ROOT]
    position = entry[1] if entry is not None else frames[-1].task.reference if frames and frames[-1].task else None
    data = state.output if state.ended else data_frame(state).value if state.frames else state.input
    return StateView(
        run=state.run,
        seq=state.seq,
        status=status or ("suspended" if state.suspended else state.phase),  # type: ignore[arg-type]
        position=position,
        stack=tuple(_frame_view(state, frame) for frame in frames),
        input=state.input,
        context=state.context,
        data=data,
        output=state.output,
        error=state.error,
        pending=tuple(_pending(state)),
    )


def _frame_view(state: State, frame: Frame) -> FrameView:
    assert frame.task is not None
    variables: dict[str, Json] = {}
    for each in state.ancestors(frame):
        for name, value in (each.variables or {}).items():
            variables.setdefault(name, value)
    if frame.command is not None:
        phase = _phase_of(state, frame.command)
    elif frame.id in state.listeners:
        phase = "listening"
    elif any(state.timers[number].purpose in ("wait", "retry") for number in frame.timers):
        phase = "waiting"
    else:
        phase = "running"
    return FrameView(
        frame.id, frame.parent, frame.task.reference, frame.task.kind, phase, frame.input, variables, frame.started_at
    )


def _phase_of(state: State, command: int) -> str:
    if command in state.in_doubt:
        return "in doubt"
    if command in state.gates:
        return "at a gate"
    return _HELD.get(state.verdicts.get(command, ""), "performing")


def _pending(state: State) -> Iterator[PendingView]:
    for number, frame in state.commands.items():
        task = state.frames[frame].task
        kind = "in-doubt" if number in state.in_doubt else "gate" if number in state.gates else "command"
        yield PendingView(kind, task.reference if task else "/", number, None)
    for number, timer in state.timers.items():
        task = state.frames[timer.frame].task
        detail = {"purpose": timer.purpose, "due": iso8601(timer.due)}
        yield PendingView("timer", task.reference if task else "/", number, detail)
    for frame in state.listeners:
        task = state.frames[frame].task
        yield PendingView("event", task.reference if task else "/", frame, task.definition if task else None)


def changes(before: Json, after: Json, pointer: str = "") -> Iterator[Change]:
    """What changed between two JSON values, by JSON pointer, in the order of `before` and then `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            step = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            yield from _member(before.get(key, _ABSENT), after.get(key, _ABSENT), step)
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            left = before[place] if place < len(before) else _ABSENT
            right = after[place] if place < len(after) else _ABSENT
            yield from _member(left, right, f"{pointer}/{place}")
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield Change(pointer, "changed", before, after)


def _member(left: Json, right: Json, pointer: str) -> Iterator[Change]:
    if left is _ABSENT:
        yield Change(pointer, "added", None, right)
    elif right is _ABSENT:
        yield Change(pointer, "removed", left, None)
    else:
        yield from changes(left, right, pointer)


def comparable(state: State) -> dict[str, Json]:
    """The parts of a state that `diff` compares."""
    view = state_view(state)
    return {
        "status": view.status,
        "position": view.position,
        "stack": {
            str(each.frame): {"task": each.task, "phase": each.phase, "input": each.input, "variables": each.variables}
            for each in view.stack
        },
        "context": view.context,
        "data": view.data,
        "output": view.output,
        "error": view.error,
        "pending": {f"{each.kind} {each.number}": each.task for each in view.pending},
    }
