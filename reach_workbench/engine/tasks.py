"""What a task of each kind does once it has started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reach_workbench.engine import approving, emitting
from reach_workbench.engine import program as p
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.fetched import compile_fetched
from reach_workbench.engine.finishing import complete, fail, fail_with, finish, reference_of
from reach_workbench.engine.recorder import Recorder, task_scope
from reach_workbench.engine.state import Frame, Todo
from reach_workbench.engine.transform import duration_of, load, passes_on, put
from reach_workbench.engine.values import Json

_TASK_DEPTH: Final = 500
"""The limit of a run that recorded none (`limits.task_depth`)."""


def execute(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """Do what the task is there for; a fault on the way is the task's own."""
    assert frame.task is not None
    try:
        _EXECUTE[type(frame.task.body)](recorder, frame, frame.task, frame.task.body)
    except Fault as fault:
        fail(recorder, frame, fault)


def _set(recorder: Recorder, frame: Frame, task: p.Task, body: p.Set) -> None:
    value = recorder.evaluate(body.value, frame.input, task_scope(recorder.state, frame))
    if task.extensions:
        # The extensions after the task need its output on record.
        recorder.emit("task.evaluated", task.reference, frame.id, {"output": value})
        return
    data: dict[str, Json] = {}
    if not passes_on(body.value, "input"):
        if task.output_as is None:
            put(data, "output", body.value, value, "input")
        else:
            data["output"] = value
    complete(recorder, frame, data, value)


def _for(recorder: Recorder, frame: Frame, task: p.Task, body: p.For) -> None:
    items = recorder.evaluate(body.items, frame.input, task_scope(recorder.state, frame))
    if not isinstance(items, list):
        raise Fault("expression", f"for.in must give an array, not {_kind(items)}")
    data: dict[str, Json] = {}
    put(data, "items", body.items, items, "input")
    recorder.emit("loop.started", task.reference, frame.id, data)


def _kind(value: Json) -> str:
    names = {type(None): "null", bool: "a boolean", str: "a string", dict: "an object", list: "an array"}
    return names.get(type(value), "a number")


def _switch(recorder: Recorder, frame: Frame, task: p.Task, body: p.Switch) -> None:
    scope = task_scope(recorder.state, frame)
    default: p.Case | None = None
    for case in body.cases:
        if case.when is None:
            default = default or case
        elif recorder.holds(case.when, frame.input, scope):
            _take(recorder, frame, task, case)
            return
    if default is not None:
        _take(recorder, frame, task, default)
    else:
        finish(recorder, frame, ("finish",))


def _take(recorder: Recorder, frame: Frame, task: p.Task, case: p.Case) -> None:
    taken: dict[str, Json] = {"case": case.name, "then": case.then}
    if task.extensions:
        # The extensions after the task run before the flow goes on where the case leads.
        recorder.emit("task.evaluated", task.reference, frame.id, taken)
    else:
        complete(recorder, frame, taken, frame.input)


def _raise(recorder: Recorder, frame: Frame, task: p.Task, body: p.Raise) -> None:
    error = recorder.evaluate(body.error, frame.input, task_scope(recorder.state, frame))
    if not isinstance(error, dict) or not isinstance(error.get("type"), str):
        raise Fault("expression", "an error needs a type that is a string")
    if not isinstance(error.get("status"), int) or isinstance(error["status"], bool):
        raise Fault("expression", "an error needs a status that is an integer")
    fail_with(recorder, frame, {**error, "instance": error.get("instance") or task.reference})


def _wait(recorder: Recorder, frame: Frame, task: p.Task, body: p.Wait) -> None:
    delay = duration_of(recorder, body.duration, frame.input, task_scope(recorder.state, frame))
    recorder.start_timer(frame, "wait", recorder.state.at + delay)


def _emit(recorder: Recorder, frame: Frame, task: p.Task, body: p.Emit) -> None:
    event = emitting.event_of(
        recorder.state, recorder.evaluate(body.event, frame.input, task_scope(recorder.state, frame))
    )
    if recorder.state.created.get("behaviour", 0) >= emitting.GOVERNED:
        recorder.issue(frame, task.reference, emitting.COMMAND, event)
        return
    number = recorder.emit("event.emitted", task.reference, frame.id, {"event": event})
    recorder.emitted(number, event)


def _listen(recorder: Recorder, frame: Frame, task: p.Task, body: p.Listen) -> None:
    recorder.emit("event.awaited", task.reference, frame.id)


def _call(recorder: Recorder, frame: Frame, task: p.Task, body: p.Call) -> None:
    arguments = recorder.evaluate(body.arguments, frame.input, task_scope(recorder.state, frame))
    if body.command == approving.COMMAND:
        approving.asked(arguments)  # what makes no sense is the task's own error
    recorder.issue(frame, task.reference, body.command, arguments, task.idempotent)


def _run(recorder: Recorder, frame: Frame, task: p.Task, body: p.Run) -> None:
    process = recorder.evaluate(body.arguments, frame.input, task_scope(recorder.state, frame))
    arguments = {"process": process, "await": body.wait, "return": body.result}
    if body.command == "container.run":  # for the name that the reference recommends
        program = recorder.state.program
        arguments["workflow"] = {"namespace": program.namespace, "name": program.name}
    recorder.issue(frame, task.reference, body.command, arguments, task.idempotent)


def _function(recorder: Recorder, frame: Frame, task: p.Task, body: p.CallFunction) -> None:
    scope = task_scope(recorder.state, frame)
    data: dict[str, Json] = {}
    if body.resource is not None:
        # Only what is fetched can call itself; the compiler bounds all else.
        most = recorder.limit("task_depth", _TASK_DEPTH)
        if sum(1 for _ in recorder.state.ancestors(frame)) > most:
            detail = f"more than {most:,} tasks run inside each other; the limit is the setting limits.task_depth"
            raise Fault("runtime", detail, code="limit", title="Limit reached")
        fetched = load(recorder, frame, body.resource, frame.input, scope, task.reference)
        if fetched is None:
            return
        compile_fetched(fetched.text, body.name, task.reference)
        data["uri"] = fetched.uri
    if body.arguments is not None:
        put(data, "arguments", body.arguments, recorder.evaluate(body.arguments, frame.input, scope), "input")
    recorder.emit("function.entered", task.reference, frame.id, data)


def _unsupported(recorder: Recorder, frame: Frame, task: p.Task, body: p.Unsupported) -> None:
    raise Fault(
        "configuration",
        f"{body.feature} can't be run yet; docs/conformance.md lists what can",
        status=501,
        title="Not Supported",
        instance=reference_of(frame),
        code="unsupported",
    )


_EXECUTE: Final[dict[type, Callable[..., None]]] = {
    p.Set: _set,
    p.For: _for,
    p.Switch: _switch,
    p.Raise: _raise,
    p.Wait: _wait,
    p.Emit: _emit,
    p.Listen: _listen,
    p.Call: _call,
    p.Run: _run,
    p.CallFunction: _function,
    p.Unsupported: _unsupported,
}
