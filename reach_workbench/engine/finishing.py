"""How a task ends: its output, its export, the extensions after it; or its fault."""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.machine import Machine, task_scope
from reach_workbench.engine.scope import Scope
from reach_workbench.engine.state import ROOT, Frame, Todo
from reach_workbench.engine.transform import check, put
from reach_workbench.engine.values import Json


def fail(machine: Machine, frame: Frame, fault: Fault) -> None:
    """The task itself fails: its children are cancelled, and the error goes to what is around it."""
    cancel_within(machine, frame)
    fail_with(machine, frame, fault.problem(reference_of(frame)))


def fail_with(machine: Machine, frame: Frame, error: Json) -> None:
    """End the frame with an error that is already a problem object."""
    if frame.id == ROOT:
        machine.emit("workflow.faulted", None, ROOT, {"error": error})
    else:
        machine.emit("task.faulted", reference_of(frame), frame.id, {"error": error})


def reference_of(frame: Frame) -> str:
    return frame.task.reference if frame.task is not None else "/"


def cancel_within(machine: Machine, frame: Frame) -> None:
    """Cancel everything that runs inside `frame`, innermost first."""
    for each in machine.state.within(frame.id):
        machine.emit("task.cancelled", reference_of(each), each.id)


def finish(machine: Machine, frame: Frame, todo: Todo) -> None:
    """The raw output is there (`frame.value`): run extensions after it, then complete the task."""
    if frame.id == ROOT:
        finish_workflow(machine, frame)
        return
    task = frame.task
    assert task is not None
    if task.extensions and frame.part != "before" and _enter_after(machine, frame, task):
        return
    complete(machine, frame, {}, frame.value)


def complete(machine: Machine, frame: Frame, data: dict[str, Json], raw_output: Json) -> None:
    """Complete the task. `data` holds what its event is to say: an `output` that no event has carried yet."""
    task = frame.task
    assert task is not None
    try:
        if task.output_as is not None or task.output_schema is not None or task.export_as is not None:
            loading = _transform(machine, frame, task, data, raw_output)
        else:
            schema, context = task.export_schema, machine.state.context
            loading = check(machine, frame, schema, context, "the exported context", task.reference)
        if not loading:
            machine.emit("task.completed", task.reference, frame.id, data)
    except Fault as fault:
        fail(machine, frame, fault)


def _transform(machine: Machine, frame: Frame, task: p.Task, data: dict[str, Json], raw: Json) -> bool:
    """dsl.md, Data Flow, steps 5 to 8. True if a schema has to be fetched first."""
    state = machine.state
    recorded = "output" not in data  # whether the raw output already stands in an event
    output = raw
    if task.output_as is not None:
        output = machine.evaluate(task.output_as, raw, task_scope(state, frame, raw_output=raw))
        if output is not raw:
            data.pop("output", None)
            put(data, "output", task.output_as, output, "output" if recorded else None)
    if check(machine, frame, task.output_schema, output, "the task's output", task.reference):
        return True
    context = state.context
    if task.export_as is not None:
        context = machine.evaluate(task.export_as, output, task_scope(state, frame, raw_output=raw, output=output))
        if context is output and isinstance(context, (dict, list)):
            data.setdefault("refs", {})["context"] = ["completed"]
        elif context is not state.context:
            data["context"] = context
    return check(machine, frame, task.export_schema, context, "the exported context", task.reference)


def _enter_after(machine: Machine, frame: Frame, task: p.Task) -> bool:
    start = frame.index - 1 if frame.part == "after" else len(task.extensions) - 1
    raw_output = frame.result if frame.part == "after" else frame.value
    for place in range(start, -1, -1):
        extension = task.extensions[place]
        if extension.after is None or not extension.after.tasks:
            continue
        try:
            scope = extension_scope(machine, frame, raw_output=raw_output)
            applies = extension.when is None or machine.holds(extension.when, frame.input, scope)
        except Fault as fault:
            fail(machine, frame, fault)
            return True
        if applies:
            data = {"name": extension.name, "part": "after", "index": place}
            machine.emit("extension.entered", task.reference, frame.id, data)
            return True
    return False


def extension_scope(machine: Machine, frame: Frame, **more: Json) -> Scope:
    """The variables for an extension's `when`."""
    task = frame.task
    assert task is not None
    return _ExtensionScope(
        machine.state,
        frame,
        name=task.name,
        reference=task.reference,
        definition=task.definition,
        raw=frame.raw,
        started=frame.started_at,
        input=frame.input,
        **more,
    )


class _ExtensionScope(Scope):
    """The specification's extension examples read `$task.call` and `$task.with`: the definition's own members."""

    __slots__ = ()

    def _task(self) -> Json:
        descriptor = super()._task()
        return {**descriptor["definition"], **descriptor}


def finish_workflow(machine: Machine, root: Frame) -> None:
    """dsl.md, Data Flow, steps 10 and 11."""
    program = machine.state.program
    data: dict[str, Json] = {}
    try:
        output = root.value
        if program.output_as is not None:
            output = machine.evaluate(program.output_as, root.value, Scope(machine.state, root))
            if output is not root.value:
                put(data, "output", program.output_as, output, "output")
        if not check(machine, root, program.output_schema, output, "the workflow's output", "/output"):
            machine.emit("workflow.completed", None, ROOT, data)
    except Fault as fault:
        machine.emit("workflow.faulted", None, ROOT, {"error": fault.problem("/output")})
