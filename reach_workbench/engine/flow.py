"""Decisions about the order of things: starting tasks, loops, forks, and the ends of a workflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reach_workbench.engine import program as p
from reach_workbench.engine.catching import attempt, attempt_timeout, raised, timed_out
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.fetched import function_task
from reach_workbench.engine.finishing import cancel_within, fail, fail_with, finish, finish_workflow
from reach_workbench.engine.listening import consumed, delivered
from reach_workbench.engine.recorder import Recorder, task_scope
from reach_workbench.engine.scope import ExtensionScope, Looking, Scope
from reach_workbench.engine.state import ROOT, Frame, Todo, after_extensions, block_of
from reach_workbench.engine.tasks import execute
from reach_workbench.engine.transform import Checked, check, duration_of, passes_on, put
from reach_workbench.engine.values import Json


def _begin(recorder: Recorder, root: Frame, todo: Todo) -> None:
    state, program = recorder.state, recorder.state.program
    data: dict[str, Json] = {}
    try:
        scope = Scope(state, root)
        given = Checked(root.raw, "the workflow's input", "/input", root.raw, scope)
        if check(recorder, root, program.input_schema, given):
            return
        if program.input_from is not None:
            value = recorder.evaluate(program.input_from, root.raw, scope)
            if not passes_on(program.input_from):
                put(data, "input", program.input_from, value, "raw")
        recorder.emit("workflow.started", None, ROOT, data)
    except Fault as fault:
        recorder.emit("workflow.faulted", None, ROOT, {"error": fault.problem("/input")})


def _enter(recorder: Recorder, parent: Frame, todo: Todo) -> None:
    tasks = block_of(recorder.state, parent).tasks
    if todo[1] < len(tasks):
        _enter_task(recorder, parent, tasks[todo[1]], parent.value)
    else:  # an empty `do`
        finish(recorder, parent, todo)


def _call(recorder: Recorder, caller: Frame, todo: Todo) -> None:
    assert caller.task is not None
    task = function_task(caller.task, recorder.state.resources, caller.result)
    _enter_task(recorder, caller, task, caller.value)


def _branch(recorder: Recorder, fork: Frame, todo: Todo) -> None:
    assert fork.task is not None and isinstance(fork.task.body, p.Fork)
    _enter_task(recorder, fork, fork.task.body.branches[todo[1]], fork.input)


def _enter_task(recorder: Recorder, parent: Frame, task: p.Task, raw: Json) -> None:
    """Start the task inside `parent`, or skip it (dsl.md, Data Flow: `if`, input schema, `input.from`)."""
    state = recorder.state
    data: dict[str, Json] = {}
    try:
        if task.condition is not None or task.input_from is not None or task.input_schema is not None:
            scope = Scope(state, parent, task, raw=raw, started=state.at, inside=parent)
            if task.condition is not None and not recorder.holds(task.condition, raw, scope):
                recorder.emit("task.skipped", task.reference, parent.id)
                return
            given = Checked(raw, "the task's input", task.reference, raw, scope)
            if check(recorder, parent, task.input_schema, given):
                return
            if task.input_from is not None:
                value = recorder.evaluate(task.input_from, raw, scope)
                if not passes_on(task.input_from):
                    put(data, "input", task.input_from, value, "raw")
        recorder.emit("task.started", task.reference, parent.id, data)
    except Fault as fault:
        recorder.emit("task.started", task.reference, parent.id, {"fault": fault.problem(task.reference)})


def _arm(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """Start the clock of a timeout before anything else happens in the task or the workflow."""
    state, task = recorder.state, frame.task
    timeout = state.program.timeout if task is None else task.timeout
    assert timeout is not None
    try:
        scope = Scope(state, frame) if task is None else task_scope(state, frame)
        due = state.at + duration_of(recorder, timeout, frame.input, scope)
    except Fault as fault:
        fail(recorder, frame, fault)
        return
    recorder.start_timer(frame, "timeout", due)


def _fail(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    fail_with(recorder, frame, todo[1])


def _extend(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    task = frame.task
    assert task is not None
    for place in range(todo[1], len(task.extensions)):
        extension = task.extensions[place]
        if extension.before is None or not extension.before.tasks:
            continue
        try:
            scope = ExtensionScope(recorder.state, frame, input=frame.input)
            applies = extension.when is None or recorder.holds(extension.when, frame.input, scope)
        except Fault as fault:
            fail(recorder, frame, fault)
            return
        if applies:
            data = {"name": extension.name, "part": "before", "index": place}
            recorder.emit("extension.entered", task.reference, frame.id, data)
            return
    if frame.part == "before":
        recorder.emit("extension.entered", task.reference, frame.id, {"name": "", "part": "main", "index": -1})
        return
    first = after_extensions(task)
    DECISIONS[first[0]](recorder, frame, first)


def _iterate(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    task = frame.task
    assert task is not None and isinstance(task.body, p.For) and frame.items is not None
    place = frame.index + 1
    if place < len(frame.items):
        goes_on = True
        if task.body.condition is not None:
            upcoming = {task.body.each: frame.items[place], task.body.at: place}
            try:
                scope = Looking(task_scope(recorder.state, frame), upcoming)
                goes_on = recorder.holds(task.body.condition, frame.value, scope)
            except Fault as fault:
                fail(recorder, frame, fault)
                return
        if goes_on:
            recorder.emit("loop.iterated", task.reference, frame.id, {"index": place})
            return
    finish(recorder, frame, todo)


def _won(recorder: Recorder, fork: Frame, todo: Todo) -> None:
    if not cancel_within(recorder, fork):
        finish(recorder, fork, todo)


def _conclude(recorder: Recorder, root: Frame, todo: Todo) -> None:
    """`then: end`: what still runs is cancelled, and the workflow completes with that task's output."""
    if not cancel_within(recorder, root):
        finish_workflow(recorder, root)


def _cancel(recorder: Recorder, root: Frame, todo: Todo) -> None:
    cancel_within(recorder, root)
    recorder.emit("workflow.cancelled", None, ROOT)


DECISIONS: Final[dict[str, Callable[[Recorder, Frame, Todo], None]]] = {
    "begin": _begin,
    "arm": _arm,
    "fail": _fail,
    "enter": _enter,
    "call": _call,
    "branch": _branch,
    "extend": _extend,
    "execute": execute,
    "attempt": attempt,
    "iterate": _iterate,
    "won": _won,
    "consumed": consumed,
    "delivered": delivered,
    "finish": finish,
    "raise": raised,
    "timeout": timed_out,
    "attempt-timeout": attempt_timeout,
    "conclude": _conclude,
    "cancel": _cancel,
}
"""What to do for each todo of `engine.state`."""
