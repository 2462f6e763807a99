"""Where a run is held: breakpoints and steps. They belong to the node, and leave no trace in the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reach_workbench.engine import program as p
from reach_workbench.engine.fetched import function_task
from reach_workbench.engine.state import Frame, State, Todo, block_of
from reach_workbench.engine.values import Json

Mode = Literal["into", "over", "out", "until"]


@dataclass(slots=True)
class Debug:
    """Decides before each decision whether to hold.

    `breakpoints` are task references. `mode` is the step being taken, counted from a frame
    `depth` levels deep; `passing` is the task it is held at, which the next decision may start.
    `passed` says which decision that was: it is asked about again when it has to wait for an expression.
    """

    breakpoints: frozenset[str] = frozenset()
    mode: Mode | None = None
    until: str | None = None
    depth: int = 0
    passing: str | None = None
    hold_first: bool = False
    passed: tuple[int, int] | None = None

    @property
    def idle(self) -> bool:
        return not self.breakpoints and self.mode is None and not self.hold_first

    def __call__(self, state: State, frame: Frame, todo: Todo) -> bool:
        entered = entering(state, frame, todo)
        if entered is None:
            return False
        if self.passing == entered:
            self.passing, self.passed = None, (state.seq, frame.id)
            return False  # the very place the run was held at
        if self.passed == (state.seq, frame.id):
            return False
        if self.hold_first or entered in self.breakpoints:
            return True
        if self.mode == "into":
            return True
        if self.mode == "over":
            return depth_of(state, frame) <= self.depth
        if self.mode == "out":
            return depth_of(state, frame) < self.depth
        return self.mode == "until" and entered == self.until


def entering(state: State, frame: Frame, todo: Todo) -> str | None:
    """The reference of the task that the decision would start, if it starts one."""
    entered = entered_task(state, frame, todo)
    return entered[0].reference if entered is not None else None


def entered_task(state: State, frame: Frame, todo: Todo) -> tuple[p.Task, Json] | None:
    """The task that the decision would start with its raw input, if it starts one."""
    if todo[0] == "enter":
        tasks = block_of(state, frame).tasks
        return (tasks[todo[1]], frame.value) if todo[1] < len(tasks) else None
    if todo[0] == "branch":
        assert frame.task is not None and isinstance(frame.task.body, p.Fork)
        return frame.task.body.branches[todo[1]], frame.input
    if todo[0] == "call":
        assert frame.task is not None
        return function_task(frame.task, state.resources, frame.result), frame.value
    return None


def depth_of(state: State, frame: Frame) -> int:
    """How many tasks are around a task started in `frame`."""
    return sum(1 for _ in state.ancestors(frame))


def next_entry(state: State) -> tuple[Frame, str] | None:
    """The frame and task at which a held run stands."""
    for number in state.ready:
        frame = state.frames[number]
        if frame.todo is not None:
            entered = entering(state, frame, frame.todo)
            if entered is not None:
                return frame, entered
        return None
    return None


def continuing(state: State, breakpoints: frozenset[str], mode: Mode | None = None, until: str | None = None) -> Debug:
    """How to go on from where the run is held: the first decision is always let through."""
    at = next_entry(state)
    if at is not None:
        return Debug(breakpoints, mode, until, depth_of(state, at[0]), at[1])
    return Debug(breakpoints, mode, until, _depth(state))


def _depth(state: State) -> int:
    """How deep a run stands that is not about to start a task: where the next one beside its task would start."""
    frames = state.frames
    if not frames:
        return 0
    number = next(iter(state.ready), next(reversed(frames)))
    frame = frames[number]
    return depth_of(state, frame if _has_tasks(frame) else frames[frame.parent])


def _has_tasks(frame: Frame) -> bool:
    return frame.task is None or frame.task.kind in ("do", "for", "fork", "try", "listen", "function")
