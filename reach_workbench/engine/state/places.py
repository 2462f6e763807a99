"""Where in the program a frame is: its block, its children, what a task does first."""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.fetched import function_task
from reach_workbench.engine.state.frame import Frame, Todo
from reach_workbench.engine.state.moment import State
from reach_workbench.errors import Bug


def name_of(reference: str) -> str:
    """The task's name: the last token of its JSON pointer (RFC 6901)."""
    return reference.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def block_of(state: State, frame: Frame) -> p.Block:
    """The block whose tasks the frame is running."""
    task = frame.task
    if task is None:
        return state.program.block
    body = task.body
    block: p.Block | None = None
    if frame.part == "main":
        block = getattr(body, "block", None)
    elif frame.part == "catch" and isinstance(body, p.Try):
        block = body.catch.block
    elif frame.part == "foreach" and isinstance(body, p.Listen) and body.foreach:
        block = body.foreach.block
    elif frame.part == "before":
        block = task.extensions[frame.index].before
    elif frame.part == "after":
        block = task.extensions[frame.index].after
    if block is None:
        raise Bug(f"{task.reference} has no block for its part {frame.part!r}")
    return block


def child_task(state: State, parent: Frame, name: str) -> tuple[p.Task, int]:
    """The task called `name` that runs directly inside `parent`, and its position there."""
    task = parent.task
    if task is not None and parent.part == "main":
        if isinstance(task.body, p.Fork):
            for place, branch in enumerate(task.body.branches):
                if branch.name == name:
                    return branch, place
            raise KeyError(name)
        if isinstance(task.body, p.CallFunction):
            return function_task(task, state.resources, parent.result), 0
    block = block_of(state, parent)
    position = block.positions[name]
    return block.tasks[position], position


def first_todo(task: p.Task) -> Todo:
    if task.extensions:
        return ("extend", 0)
    return after_extensions(task)


def after_extensions(task: p.Task) -> Todo:
    """What a task does first once its `before` extensions are through."""
    body = task.body
    if isinstance(body, p.Try) and body.catch.retry is not None and body.catch.retry.attempt_duration is not None:
        return ("attempt",)
    if isinstance(body, (p.Do, p.Try)):
        return ("enter", 0) if body.block.tasks else ("finish",)
    if isinstance(body, p.Fork):
        return ("branch", 0) if body.branches else ("finish",)
    return ("execute",)
