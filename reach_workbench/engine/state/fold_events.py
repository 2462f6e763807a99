"""How the events of CloudEvents, emitted and listened for, change a state."""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.events import Event
from reach_workbench.engine.state.bookkeeping import set_todo
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.state.refs import value_of
from reach_workbench.engine.values import Json


def event_emitted(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.value = (event.data or {})["event"]
    set_todo(state, frame, ("finish",))


def event_awaited(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.consumed = []
    frame.outputs = {}
    frame.index = -1
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Listen)
    if body.strategy.mode == "all" and not body.strategy.filters:
        frame.value = []  # all of no events have come
        set_todo(state, frame, ("finish",))
    else:
        state.listeners[frame.id] = None
        set_todo(state, frame, None)


def _read_event(read: str, event: Json) -> Json:
    """How a listen task sees a CloudEvent (dsl-reference.md, Listen)."""
    return event if read == "envelope" else event.get("data", event.get("data_base64"))


def event_consumed(state: State, event: Event) -> None:
    data = event.data or {}
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Listen) and frame.consumed is not None
    if data.get("correlations"):
        frame.correlations = {**(frame.correlations or {}), **data["correlations"]}
    busy = frame.todo is not None or frame.part == "foreach" or frame.command is not None
    if data.get("until"):
        frame.until_matched |= {data["filter"]}
    else:
        frame.matched |= {data["filter"]}
        frame.consumed.append(_read_event(body.read, data["event"]))
    if not busy:
        set_todo(state, frame, ("consumed",))


def event_delivered(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Listen) and body.foreach and body.foreach.block and frame.consumed is not None
    frame.index = (event.data or {})["index"]
    frame.part = "foreach"
    frame.variables = {body.foreach.item: frame.consumed[frame.index], body.foreach.at: frame.index}
    frame.value = frame.consumed[frame.index]
    set_todo(state, frame, ("enter", 0) if body.foreach.block.tasks else ("delivered",))


def event_accepted(state: State, event: Event) -> None:
    data = event.data or {}
    frame = state.frames[event.frame]
    assert frame.consumed is not None and frame.outputs is not None
    state.context = value_of(state, frame, data, "context", state.context)
    if "index" in data:
        frame.index = data["index"]
        default = frame.value if frame.part == "foreach" else frame.consumed[frame.index]
        frame.outputs[frame.index] = value_of(state, frame, data, "output", default)
    frame.part = "main"
    frame.variables = None
    if data["done"]:
        state.listeners.pop(frame.id, None)
        frame.value = [frame.outputs[place] for place in sorted(frame.outputs)]
        set_todo(state, frame, ("finish",))
    elif len(frame.outputs) < len(frame.consumed):
        set_todo(state, frame, ("consumed",))
    else:
        set_todo(state, frame, None)
