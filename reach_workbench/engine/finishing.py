"""How a task ends: its output, its export, the extensions after it; or its fault."""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.recorder import Recorder, task_scope
from reach_workbench.engine.scope import ExtensionScope, Scope
from reach_workbench.engine.state import ROOT, Frame, Todo
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.transform import Checked, check, passes_on, put
from reach_workbench.engine.values import Json


def fail(recorder: Recorder, frame: Frame, fault: Fault) -> None:
    """The task itself fails: its children are cancelled, and the error goes to what is around it."""
    cancel_within(recorder, frame)
    fail_with(recorder, frame, fault.problem(reference_of(frame)))


def fail_with(recorder: Recorder, frame: Frame, error: Json) -> None:
    """End the frame with an error that is already a problem object."""
    if frame.id == ROOT:
        recorder.emit("workflow.faulted", None, ROOT, {"error": error})
    else:
        recorder.emit("task.faulted", reference_of(frame), frame.id, {"error": error})


def reference_of(frame: Frame) -> str:
    return frame.task.reference if frame.task is not None else "/"


def cancel_within(recorder: Recorder, frame: Frame) -> bool:
    """Cancel everything that runs inside `frame`, innermost first; whether there was anything.

    A decision that has cancelled something evaluates no expression after it: one that overran
    there would put its fact between two events that replaying derives in one go.
    """
    inside = recorder.state.within(frame.id)
    for each in inside:
        recorder.emit("task.cancelled", reference_of(each), each.id)
    return bool(inside)


def finish(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """The raw output is there (`frame.value`): run extensions after it, then complete the task."""
    if frame.id == ROOT:
        finish_workflow(recorder, frame)
        return
    task = frame.task
    assert task is not None
    if task.extensions and frame.part != "before" and _enter_after(recorder, frame, task):
        return
    complete(recorder, frame, {}, frame.value)


def complete(recorder: Recorder, frame: Frame, data: dict[str, Json], raw_output: Json) -> None:
    """Complete the task. `data` holds what its event is to say: an `output` that no event has carried yet."""
    task = frame.task
    assert task is not None
    try:
        untouched = (task.output_as or task.output_schema or task.export_as or task.export_schema) is None
        if untouched or _transform(recorder, frame, task, data, raw_output):
            recorder.emit("task.completed", task.reference, frame.id, data)
    except Fault as fault:
        fail(recorder, frame, fault)


def _transform(recorder: Recorder, frame: Frame, task: p.Task, data: dict[str, Json], raw: Json) -> bool:
    """dsl.md, Data Flow, steps 5 to 8. False if a schema has to be fetched first."""
    state = recorder.state
    recorded = "output" not in data  # whether the raw output already stands in an event
    output = raw
    if task.output_as is not None:
        output = recorder.evaluate(task.output_as, raw, task_scope(state, frame, raw_output=raw))
        if not passes_on(task.output_as):
            data.pop("output", None)
            put(data, "output", task.output_as, output, "output" if recorded else None)
    scope = task_scope(state, frame)
    given = Checked(output, "the task's output", task.reference, frame.input, scope)
    if check(recorder, frame, task.output_schema, given):
        return False
    context = state.context
    if task.export_as is not None:
        context = recorder.evaluate(task.export_as, output, task_scope(state, frame, raw_output=raw, output=output))
        if passes_on(task.export_as, "output") and isinstance(context, (dict, list)):
            data.setdefault("refs", {})["context"] = ["completed"]
        elif not (isinstance(task.export_as, Expression) and task.export_as.path == ("context", ())):
            put(data, "context", task.export_as, context, None)
    exported = Checked(context, "the exported context", task.reference, frame.input, scope)
    return not check(recorder, frame, task.export_schema, exported)


def _enter_after(recorder: Recorder, frame: Frame, task: p.Task) -> bool:
    start = frame.index - 1 if frame.part == "after" else len(task.extensions) - 1
    raw_output = frame.result if frame.part == "after" else frame.value
    for place in range(start, -1, -1):
        extension = task.extensions[place]
        if extension.after is None or not extension.after.tasks:
            continue
        try:
            scope = ExtensionScope(recorder.state, frame, input=frame.input, raw_output=raw_output)
            applies = extension.when is None or recorder.holds(extension.when, frame.input, scope)
        except Fault as fault:
            fail(recorder, frame, fault)
            return True
        if applies:
            data = {"name": extension.name, "part": "after", "index": place}
            recorder.emit("extension.entered", task.reference, frame.id, data)
            return True
    return False


def finish_workflow(recorder: Recorder, root: Frame) -> None:
    """dsl.md, Data Flow, steps 10 and 11."""
    program = recorder.state.program
    data: dict[str, Json] = {}
    try:
        output = root.value
        scope = Scope(recorder.state, root)
        if program.output_as is not None:
            output = recorder.evaluate(program.output_as, root.value, scope)
            if not passes_on(program.output_as):
                put(data, "output", program.output_as, output, "output")
        given = Checked(output, "the workflow's output", "/output", root.value, scope)
        if not check(recorder, root, program.output_schema, given):
            recorder.emit("workflow.completed", None, ROOT, data)
    except Fault as fault:
        recorder.emit("workflow.faulted", None, ROOT, {"error": fault.problem("/output")})
