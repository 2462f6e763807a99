"""The values that events carry, or refer to (`refs`) where the state has them already."""

from __future__ import annotations

from reach_workbench.engine.state.frame import Frame
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.values import Json


def value_of(state: State, frame: Frame, data: dict[str, Json] | None, name: str, default: Json) -> Json:
    if data is None:
        return default
    if name in data:
        return data[name]
    refs = data.get("refs")
    if refs is not None and name in refs:
        return resolve(state, frame, refs[name])
    return default


def resolve(state: State, frame: Frame, ref: list[Json]) -> Json:
    """The value that `refs` of an event stands for."""
    root, *steps = ref
    value: Json
    if root == "raw":
        value = frame.raw
    elif root == "input":
        value = frame.input
    elif root == "output":
        value = frame.value
    else:
        value = state.context
    for step in steps:
        value = value[step]
    return value
