"""What a state keeps about its frames: who is ready, who waits, with which timers."""

from __future__ import annotations

from reach_workbench.engine.state.fold_gates import forget_command
from reach_workbench.engine.state.frame import Frame, Timer, Todo
from reach_workbench.engine.state.moment import State


def set_todo(state: State, frame: Frame, todo: Todo | None) -> None:
    frame.todo = todo
    state.ready.pop(frame.id, None)
    if todo is not None:
        state.ready[frame.id] = None


def halt(state: State, frame: int) -> None:
    """Nothing inside `frame` is decided any more: all of it is about to be cancelled."""
    for each in state.within(frame):
        set_todo(state, each, None)


def wake(state: State, frame: Frame, todo: Todo) -> None:
    """What the frame waited for has come. Facts may arrive before anything is decided about those before
    them: a frame that has already timed out, or has got an error, stays so."""
    if frame.todo is None:
        set_todo(state, frame, todo)


def remove(state: State, frame: Frame) -> None:
    del state.frames[frame.id]
    state.ready.pop(frame.id, None)
    state.listeners.pop(frame.id, None)
    if frame.command is not None:
        state.commands.pop(frame.command, None)
        state.in_doubt -= {frame.command}
        forget_command(state, frame.command)
    for timer in frame.timers:
        state.timers.pop(timer, None)


def add_timer(state: State, frame: Frame, number: int, purpose: str, due: int) -> None:
    state.timers[number] = Timer(frame.id, purpose, due)
    frame.timers = (*frame.timers, number)


def drop_attempt_timers(state: State, frame: Frame) -> None:
    for number in frame.timers:
        if state.timers[number].purpose == "attempt":
            del state.timers[number]
    frame.timers = tuple(number for number in frame.timers if number in state.timers)
