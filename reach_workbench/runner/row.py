"""What the run's row in the store says about a run, besides its history: for lists, for recovery, for publishing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.runner.alarm import due_times
from reach_workbench.runner.debug import next_entry

GOING_ON: Final = ("pending", "running", "waiting")
"""The status of a run that nobody has stopped and that has not ended."""


def status_of(state: State, *, held: bool, busy: bool) -> str:
    """The status phase. `held`: a breakpoint or a step holds the run; `busy`: facts are there to be taken."""
    if state.ended:
        return state.phase
    if state.suspended:
        return "suspended"
    if held:
        return "held"
    if state.phase == "pending" and state.seq < 2:
        return "pending"
    if state.ready or busy:
        return "running"
    for number in state.commands:
        if number not in state.in_doubt and state.verdicts.get(number) not in ("hold", "gate"):
            return "running"
    return "waiting" if state.frames else "running"


def columns_of(
    state: State, status: str, *, unbegun: Iterable[int], reason: str | None, pausing: bool, rates: int | None = None
) -> dict[str, Json]:
    """The columns of `Unit.update_run` for that state. `rates`: when a rate gate lets the next command go."""
    columns: dict[str, Json] = {"status": status, "position": None, "waiting": None, "next_due": None}
    if state.ended:
        return columns | {"ended_at": state.at, "output": state.output, "error": state.error}
    entry = next_entry(state)
    columns["position"] = entry[1] if entry is not None else position(state)
    if dues := due_times(state):
        columns["next_due"] = min(dues.values())
    columns["waiting"] = _waiting(state, status, sorted(unbegun), reason, pausing)
    if rates is not None:
        columns["waiting"] = {**(columns["waiting"] or {}), "rates": rates}
    return columns


def _waiting(state: State, status: str, unbegun: list[int], reason: str | None, pausing: bool) -> Json:
    """What the run waits for: read by `node.views` (words), `node.publishing` and `Runner.go_on`.

    `unbegun` are commands whose intent is recorded and which nobody has begun to perform: they can be
    performed later without any doubt. `pausing`: the run is to be held before the next task it starts.
    """
    found: dict[str, Json] = {}
    if state.listeners:
        tasks = [state.frames[number].task for number in state.listeners]
        found["listening"] = [task.reference for task in tasks if task is not None]
    if state.in_doubt:
        found["in_doubt"] = sorted(state.in_doubt)
    if state.gates:
        found["gates"] = [[number, gate.id] for number, gate in state.gates.items()]
    if unbegun:
        found["unbegun"] = unbegun
    if status == "waiting" and state.timers:
        found["timers"] = sorted([timer.due, timer.purpose] for timer in state.timers.values())
    if status == "suspended" and reason:
        found["suspended"] = reason
    if pausing and status != "held":
        found["pausing"] = True
    return found or None


def position(state: State) -> str | None:
    """The innermost task that was entered last."""
    for frame in reversed(state.frames.values()):
        if frame.task is not None:
            return frame.task.reference
    return None
