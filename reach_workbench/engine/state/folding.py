"""`fold(state, event)`: the only way a state changes, by one function an event type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reach_workbench.engine.events import Event
from reach_workbench.engine.state.fold_commands import (
    command_completed,
    command_faulted,
    command_in_doubt,
    command_issued,
    command_resolved,
)
from reach_workbench.engine.state.fold_events import (
    event_accepted,
    event_awaited,
    event_consumed,
    event_delivered,
    event_emitted,
)
from reach_workbench.engine.state.fold_forked import workflow_forked
from reach_workbench.engine.state.fold_gates import gate_closed, gate_opened, policy_decided
from reach_workbench.engine.state.fold_overrun import expression_overran
from reach_workbench.engine.state.fold_tasks import (
    extension_entered,
    function_entered,
    loop_iterated,
    loop_started,
    task_cancelled,
    task_caught,
    task_completed,
    task_evaluated,
    task_faulted,
    task_retried,
    task_skipped,
    task_started,
)
from reach_workbench.engine.state.fold_timers import timer_fired, timer_started
from reach_workbench.engine.state.fold_workflow import (
    limit_reached,
    workflow_cancel_requested,
    workflow_created,
    workflow_ended,
    workflow_resumed,
    workflow_started,
    workflow_suspended,
)
from reach_workbench.engine.state.moment import State
from reach_workbench.errors import Bug, HistoryUnknown


def fold(state: State, event: Event) -> State:
    """The state after `event`. The one given stays as it was."""
    twin = state.copy()
    apply(twin, event)
    return twin


def fold_all(state: State, events: Iterable[Event]) -> State:
    """The state after all of `events`, copying only once."""
    twin = state.copy()
    for event in events:
        apply(twin, event)
    return twin


def apply(state: State, event: Event) -> None:
    """Change `state` in place by `event`: for those who own the state (`fold`, `engine.step`)."""
    change = _CHANGES.get(event.type)
    if change is None:
        raise HistoryUnknown(
            f"event {event.seq} has the unknown type {event.type!r}",
            hint="the run was recorded by a newer version; update the program",
        )
    state.seq = event.seq
    state.at = event.at
    if state.overran is not None and event.type in _ANSWERS:
        state.overran = None
    try:
        change(state, event)
    except (KeyError, IndexError, AttributeError, TypeError) as wrong:
        raise Bug(f"event {event.seq} ({event.type}) does not fit the state before it: {wrong!r}") from wrong


def _waking(change: Callable[[State, Event], None]) -> Callable[[State, Event], None]:
    """A fact: the world has answered, so the count of pure tasks in a row starts again."""

    def wake(state: State, event: Event) -> None:
        state.pure = 0
        change(state, event)

    return wake


_ANSWERS: Final = frozenset(
    {
        "task.completed",
        "task.faulted",
        "task.retried",
        "task.caught",
        "loop.started",
        "command.issued",
        "event.emitted",
        "event.accepted",
        "extension.entered",
        "function.entered",
        "task.evaluated",
    }
)
"""Derived events that use up the overrun which was recorded for the expression they come of."""

_CHANGES: Final[dict[str, Callable[[State, Event], None]]] = {
    "workflow.created": workflow_created,
    "workflow.started": workflow_started,
    "workflow.completed": workflow_ended("completed"),
    "workflow.faulted": workflow_ended("faulted"),
    "workflow.cancelled": workflow_ended("cancelled"),
    "workflow.cancel-requested": workflow_cancel_requested,
    "workflow.suspended": workflow_suspended,
    "workflow.resumed": workflow_resumed,
    "workflow.forked": workflow_forked,
    "task.started": task_started,
    "task.skipped": task_skipped,
    "task.completed": task_completed,
    "task.faulted": task_faulted,
    "task.cancelled": task_cancelled,
    "task.retried": task_retried,
    "task.caught": task_caught,
    "loop.started": loop_started,
    "loop.iterated": loop_iterated,
    "timer.started": timer_started,
    "timer.fired": _waking(timer_fired),
    "command.issued": command_issued,
    "command.completed": command_completed,
    "command.faulted": _waking(command_faulted),
    "command.in-doubt": command_in_doubt,
    "command.resolved": _waking(command_resolved),
    "event.emitted": event_emitted,
    "event.awaited": event_awaited,
    "event.consumed": _waking(event_consumed),
    "event.delivered": event_delivered,
    "event.accepted": event_accepted,
    "extension.entered": extension_entered,
    "function.entered": function_entered,
    "task.evaluated": task_evaluated,
    "expression.overran": expression_overran,
    "limit.reached": limit_reached,
    "policy.decided": policy_decided,
    "gate.opened": gate_opened,
    "gate.closed": _waking(gate_closed),
}
