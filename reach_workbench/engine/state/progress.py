"""How a frame goes on once one of its children has started, was skipped or has ended."""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.state.bookkeeping import drop_attempt_timers, halt, set_todo
from reach_workbench.engine.state.frame import ROOT, Frame, Todo, is_fork
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.state.places import block_of
from reach_workbench.engine.values import Json


def child_left(state: State, parent: Frame, position: int) -> None:
    """The parent has started or skipped its child at `position`; only a fork goes on at once."""
    parent.position = position
    if is_fork(parent):
        assert parent.task is not None and isinstance(parent.task.body, p.Fork)
        more = position + 1 < len(parent.task.body.branches)
        set_todo(state, parent, ("branch", position + 1) if more else None)
    else:
        set_todo(state, parent, None)


def go_on(state: State, parent: Frame, output: Json, directive: str, branch: int) -> None:
    """A child of `parent` has ended with `output`: what is next?"""
    if directive == "end":
        root = state.frames[ROOT]
        root.value = output
        halt(state, ROOT)
        set_todo(state, root, ("conclude",))
        return
    if is_fork(parent):
        _branch_ended(state, parent, output, branch)
        return
    parent.value = output
    if parent.part == "main" and parent.task is not None and parent.task.kind == "function":
        set_todo(state, parent, ("finish",))
        return
    block = block_of(state, parent)
    if directive == "continue":
        position = parent.position + 1
    elif directive == "exit":
        position = len(block.tasks)
    else:
        position = block.positions[directive]
    if position < len(block.tasks):
        set_todo(state, parent, ("enter", position))
        return
    if parent.part == "main":
        if parent.timers:
            drop_attempt_timers(state, parent)  # the attempt is over, whatever follows it
    elif parent.part == "before" and directive != "exit":
        parent.value = parent.input
    elif parent.part == "after":
        parent.value = parent.result
    set_todo(state, parent, _end_of_block(parent, directive == "exit"))


def _end_of_block(frame: Frame, exited: bool) -> Todo:
    if frame.part == "before":
        # `exit` in a before extension completes the extended task with what it injected.
        return ("finish",) if exited else ("extend", frame.index + 1)
    if frame.part == "foreach":
        return ("delivered",)
    if frame.task is not None and frame.task.kind == "for" and frame.part == "main":
        return ("iterate",)
    return ("finish",)


def _branch_ended(state: State, fork: Frame, output: Json, branch: int) -> None:
    body = fork.task.body if fork.task else None
    assert isinstance(body, p.Fork) and fork.outputs is not None
    fork.outputs[branch] = output
    if body.compete:
        fork.value = output
        halt(state, fork.id)
        set_todo(state, fork, ("won",))
    elif len(fork.outputs) == len(body.branches):
        fork.value = [fork.outputs[place] for place in range(len(body.branches))]
        set_todo(state, fork, ("finish",))


def branch_skipped(state: State, fork: Frame, branch: int) -> None:
    """A skipped branch gives its input; in a race it has not run, so it wins only if no branch has."""
    body = fork.task.body if fork.task else None
    assert isinstance(body, p.Fork) and fork.outputs is not None
    if not body.compete:
        _branch_ended(state, fork, fork.input, branch)
        return
    fork.outputs[branch] = fork.input
    if len(fork.outputs) == len(body.branches):
        fork.value = fork.input
        set_todo(state, fork, ("finish",))
