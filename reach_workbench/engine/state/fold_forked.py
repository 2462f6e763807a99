"""How forking changes a state: the run gets another name, later timers and edited data."""

from __future__ import annotations

from reach_workbench.engine.events import Event
from reach_workbench.engine.state.moment import State, data_frame
from reach_workbench.engine.values import Json, same


def workflow_forked(state: State, event: Event) -> None:
    data = event.data or {}
    state.run = data["run"]
    state.created = {**state.created, "program": data["program"], **data.get("created", {})}
    state.pure = 0
    # Another run: its policy, its gates. What was decided for the one before does not count.
    state.policy = state.decided_by = None
    state.groups = []
    state.verdicts.clear()
    state.gates.clear()
    if later := data.get("later"):
        state.timers = {number: timer._replace(due=timer.due + later) for number, timer in state.timers.items()}
    for pointer, value in (data.get("edits") or {}).items():
        _edit(state, pointer, value)


def _edit(state: State, pointer: str, value: Json) -> None:
    head, *steps = pointer.removeprefix("/").split("/")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in steps]
    if head == "context":
        state.context = replaced(state.context, steps, value)
    elif head == "data":
        frame = data_frame(state)
        changed = replaced(frame.value, steps, value)
        if same(frame.input, frame.value):
            frame.input = changed
        if same(frame.raw, frame.value):
            frame.raw = changed
        frame.value = changed
    else:
        raise KeyError(pointer)


def replaced(value: Json, steps: list[str], new: Json) -> Json:
    """`value` with the part at the JSON pointer tokens `steps` replaced; raises KeyError where it does not exist."""
    if not steps:
        return new
    step, *rest = steps
    if isinstance(value, dict):
        if rest and step not in value:
            raise KeyError(step)
        return {**value, step: replaced(value.get(step), rest, new)}
    if isinstance(value, list):
        place = int(step) if step != "-" else len(value)
        if not 0 <= place <= len(value) or (rest and place == len(value)):
            raise KeyError(step)
        inner = value[place] if place < len(value) else None
        return [*value[:place], replaced(inner, rest, new), *value[place + 1 :]]
    raise KeyError(step)
