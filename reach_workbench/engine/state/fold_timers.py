"""How the events of timers change a state."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.events import Event
from reach_workbench.engine.state.bookkeeping import add_timer, halt, set_todo, wake
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.state.places import after_extensions, first_todo

_DECIDED: Final = frozenset({"raise", "fail", "timeout", "attempt-timeout", "conclude", "won", "cancel"})
"""Ends of a frame that no timeout changes any more."""


def timer_started(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data or {}
    add_timer(state, frame, event.seq, data["purpose"], data["due"])
    if data["purpose"] == "wait":
        set_todo(state, frame, None)
    elif data["purpose"] == "attempt" or frame.task is None:
        set_todo(state, frame, ("enter", 0))
    else:
        set_todo(state, frame, first_todo(frame.task))


def timer_fired(state: State, event: Event) -> None:
    number = (event.data or {})["timer"]
    timer = state.timers.pop(number)
    frame = state.frames[timer.frame]
    frame.timers = tuple(each for each in frame.timers if each != number)
    if timer.purpose == "wait":
        frame.value = frame.input
        wake(state, frame, ("finish",))
    elif timer.purpose == "retry":
        assert frame.task is not None
        wake(state, frame, after_extensions(frame.task))
    elif frame.todo is None or frame.todo[0] not in _DECIDED:
        halt(state, frame.id)
        set_todo(state, frame, ("attempt-timeout",) if timer.purpose == "attempt" else ("timeout",))
