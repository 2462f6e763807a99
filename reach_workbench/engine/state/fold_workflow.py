"""How the events of the workflow itself change a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reach_workbench.engine.events import Event
from reach_workbench.engine.state.bookkeeping import halt, remove, set_todo
from reach_workbench.engine.state.frame import ROOT, Frame
from reach_workbench.engine.state.moment import Phase, State
from reach_workbench.engine.state.refs import value_of
from reach_workbench.errors import HistoryUnknown

BEHAVIOUR: Final = 1
"""What the engine does now where it once did otherwise; a run keeps to the one it was created with, 0 if none.

1: an `emit` task issues a command, `event.emit`, and its event is delivered when that is completed. Before, the event
was recorded as `event.emitted` and delivered with it.
"""


def workflow_created(state: State, event: Event) -> None:
    data = event.data or {}
    if data.get("behaviour", 0) > BEHAVIOUR:
        raise HistoryUnknown(
            f"the run was recorded by an engine of behaviour {data['behaviour']}; this one knows up to {BEHAVIOUR}",
            hint="the run was recorded by a newer version; update the program",
        )
    state.created = {name: part for name, part in data.items() if name != "input"}
    state.run = data["run"]
    state.input = data["input"]
    state.phase = "pending"
    root = Frame(ROOT, ROOT, None, data["input"], event.at)
    state.frames[ROOT] = root
    set_todo(state, root, ("begin",))


def workflow_started(state: State, event: Event) -> None:
    root = state.frames[ROOT]
    root.input = root.value = value_of(state, root, event.data, "input", root.raw)
    root.started_at = root.first_at = event.at
    # dsl.md, Data Flow: the transformed workflow input is the initial $context.
    state.context = root.input
    state.phase = "running"
    set_todo(state, root, ("arm",) if state.program.timeout is not None else ("enter", 0))


def workflow_ended(phase: Phase) -> Callable[[State, Event], None]:
    def change(state: State, event: Event) -> None:
        root = state.frames[ROOT]
        state.phase = phase
        if phase == "completed":
            state.output = value_of(state, root, event.data, "output", root.value)
        elif phase == "faulted":
            state.error = (event.data or {})["error"]
        for frame in list(state.frames.values()):
            remove(state, frame)

    return change


def workflow_cancel_requested(state: State, event: Event) -> None:
    state.suspended = False
    halt(state, ROOT)
    set_todo(state, state.frames[ROOT], ("cancel",))


def workflow_suspended(state: State, event: Event) -> None:
    state.suspended = True


def workflow_resumed(state: State, event: Event) -> None:
    state.suspended = False
    state.pure = 0


def limit_reached(state: State, event: Event) -> None:
    data = event.data or {}
    halt(state, ROOT)
    set_todo(state, state.frames[ROOT], ("raise", data["error"]))
