"""How the events of tasks, and of the parts that tasks are made of, change a state."""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.events import Event
from reach_workbench.engine.state.bookkeeping import add_timer, drop_attempt_timers, halt, remove, set_todo
from reach_workbench.engine.state.frame import Frame, is_fork
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.state.places import after_extensions, child_task, first_todo, name_of
from reach_workbench.engine.state.progress import branch_skipped, child_left, go_on
from reach_workbench.engine.state.refs import value_of


def task_started(state: State, event: Event) -> None:
    parent = state.frames[event.frame]
    task, position = child_task(state, parent, name_of(event.task or ""))
    frame = Frame(event.seq, parent.id, task, parent.input if is_fork(parent) else parent.value, event.at)
    frame.input = frame.value = value_of(state, frame, event.data, "input", frame.raw)
    state.pure += 1
    child_left(state, parent, position)
    state.frames[frame.id] = frame
    if isinstance(task.body, p.Fork):
        frame.outputs = {}
        frame.value = []
    if is_fork(parent):
        frame.branch = position
    fault = (event.data or {}).get("fault")
    if fault is not None:
        set_todo(state, frame, ("fail", fault))
    else:
        set_todo(state, frame, ("arm",) if task.timeout is not None else first_todo(task))


def task_skipped(state: State, event: Event) -> None:
    parent = state.frames[event.frame]
    _, position = child_task(state, parent, name_of(event.task or ""))
    state.pure += 1
    child_left(state, parent, position)
    if is_fork(parent):
        branch_skipped(state, parent, position)
    else:
        go_on(state, parent, parent.value, "continue", position)


def task_evaluated(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data or {}
    frame.value = value_of(state, frame, data, "output", frame.input)
    frame.then = data.get("then")
    set_todo(state, frame, ("finish",))


def task_completed(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data
    output = value_of(state, frame, data, "output", frame.value)
    if data is not None and data.get("refs", {}).get("context") == ["completed"]:
        state.context = output
    else:
        state.context = value_of(state, frame, data, "context", state.context)
    assert frame.task is not None
    directive = (data or {}).get("then") or frame.then or frame.task.then
    parent = state.frames[frame.parent]
    remove(state, frame)
    go_on(state, parent, output, directive, frame.branch)


def task_faulted(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    parent = state.frames[frame.parent]
    remove(state, frame)
    if is_fork(parent):
        halt(state, parent.id)
    set_todo(state, parent, ("raise", (event.data or {})["error"]))


def task_cancelled(state: State, event: Event) -> None:
    remove(state, state.frames[event.frame])


def task_retried(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data or {}
    frame.attempt = data["attempt"]
    frame.value = frame.input
    drop_attempt_timers(state, frame)
    if "due" in data:
        set_todo(state, frame, None)
        add_timer(state, frame, event.seq, "retry", data["due"])
    else:
        assert frame.task is not None
        set_todo(state, frame, after_extensions(frame.task))


def task_caught(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Try)
    drop_attempt_timers(state, frame)
    frame.variables = {**(frame.variables or {}), body.catch.variable: (event.data or {})["error"]}
    frame.value = frame.input
    frame.then = body.catch.then
    if body.catch.block is not None and body.catch.block.tasks:
        frame.part = "catch"
        set_todo(state, frame, ("enter", 0))
    else:
        set_todo(state, frame, ("finish",))


def loop_started(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.items = value_of(state, frame, event.data, "items", None)
    set_todo(state, frame, ("iterate",))


def loop_iterated(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.For) and frame.items is not None
    frame.index = (event.data or {})["index"]
    frame.variables = {body.each: frame.items[frame.index], body.at: frame.index}
    set_todo(state, frame, ("enter", 0) if body.block.tasks else ("iterate",))


def extension_entered(state: State, event: Event) -> None:
    data = event.data or {}
    frame = state.frames[event.frame]
    if data["part"] == "main":
        assert frame.task is not None
        frame.part, frame.index, frame.value = "main", -1, frame.input
        set_todo(state, frame, after_extensions(frame.task))
        return
    if data["part"] == "after" and frame.part != "after":
        frame.result = frame.value  # the task's own output, kept while the extension runs
    frame.part = data["part"]
    frame.index = data["index"]
    frame.value = frame.input if frame.part == "before" else frame.result
    set_todo(state, frame, ("enter", 0))


def function_entered(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.result = (event.data or {}).get("uri")
    frame.value = value_of(state, frame, event.data, "arguments", frame.input)
    set_todo(state, frame, ("call",))
