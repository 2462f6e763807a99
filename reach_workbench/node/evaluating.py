"""jq over a run at one of its events: with the arguments that the task there has, changing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from reach_workbench.engine.evaluate import evaluate as evaluate_template
from reach_workbench.engine.evaluator import Evaluator, Overrun
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.recorder import task_scope
from reach_workbench.engine.rehearsal import own_data
from reach_workbench.engine.scope import Looking, Scope
from reach_workbench.engine.state import ROOT, Frame, State, data_frame
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json
from reach_workbench.errors import EngineLost
from reach_workbench.protocol.debugging import Evaluation
from reach_workbench.runner.debug import entered_task, next_entry


def evaluate(state: State, text: str, evaluator: Evaluator, data: Json = None) -> Evaluation:
    """The value of the expression, or what is wrong with it. `${ }` around it may stand or not.

    `state` is one with frames: of an ended run, take the state before its end and hand in the output as `data`.
    """
    try:
        expression = compile_expression(bare(text))
    except ExpressionSyntaxError as wrong:
        return Evaluation(error=wrong.message + (f" ({wrong.hint})" if wrong.hint else ""))
    if not state.frames:
        return Evaluation(error="nothing is recorded yet at this event")
    variables, around, _ = arguments(state, evaluator)
    unknown = _unknown(expression, variables, state, around)
    if unknown is not None:
        return Evaluation(error=unknown)
    try:
        given = data_frame(state).value if data is None else data
        return Evaluation(evaluate_template(expression, given, variables, evaluator))
    except Fault as fault:
        return Evaluation(error=fault.detail)
    except Overrun as hit:
        return Evaluation(error=f"{hit.detail}; the limit is the setting {hit.limit}")
    except EngineLost as wrong:
        return Evaluation(error=wrong.message)


def holds(state: State, condition: str, evaluator: Evaluator, error: Json = None) -> bool:
    """Whether a breakpoint's condition holds at this state, with `$error` at a fault; one that fails does."""
    if not state.frames:
        return False
    variables, _, given = arguments(state, evaluator)
    if error is not None:
        variables = Looking(variables, {"error": error})
    try:
        value = evaluate_template(compile_expression(bare(condition)), given, variables, evaluator)
    except (ExpressionSyntaxError, Fault, Overrun):
        return True
    return value is not None and value is not False


def bare(text: str) -> str:
    """The expression without the `${ }` it has in a workflow."""
    trimmed = text.strip()
    return trimmed[2:-1] if trimmed.startswith("${") and trimmed.endswith("}") else text


def arguments(state: State, evaluator: Evaluator) -> tuple[Mapping[str, Json], Frame, Json]:
    """The variables of the task that is about to start, else of the innermost one; the frame it is in; its input."""
    entry = next_entry(state)
    todo = entry[0].todo if entry is not None else None
    if entry is not None and todo is not None and (entered := entered_task(state, entry[0], todo)) is not None:
        frame, (task, raw) = entry[0], entered
        given = raw
        if task.input_from is not None:
            before = Scope(state, frame, task, raw=raw, started=state.at, inside=frame)
            with suppress(Fault, Overrun):  # the task itself will fail of it
                given = evaluate_template(task.input_from, raw, before, evaluator)
        return Scope(state, frame, task, raw=raw, started=state.at, input=given, inside=frame), frame, given
    frame = data_frame(state)
    if frame.id == ROOT:
        return Scope(state, frame, input=frame.input), frame, own_data(frame)
    if frame.todo is not None and frame.todo[0] == "finish":
        return task_scope(state, frame, raw_output=frame.value, output=frame.value), frame, frame.input
    return task_scope(state, frame), frame, frame.input


def _unknown(expression: Expression, variables: Mapping[str, Json], state: State, frame: Frame) -> str | None:
    known = [*variables]
    for each in state.ancestors(frame):
        known += each.variables or ()
    for name in sorted(expression.variables):
        if name not in known:
            return f"${name} is not defined here; there are {', '.join(f'${each}' for each in known)}"
    return None
