"""How an expression that overran its limit changes a state."""

from __future__ import annotations

from reach_workbench.engine.events import Event
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.state.bookkeeping import set_todo
from reach_workbench.engine.state.frame import ROOT
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.values import Json


def expression_overran(state: State, event: Event) -> None:
    if event.frame == ROOT:
        state.overran = event.data
    else:
        frame = state.frames[event.frame]
        state.listeners.pop(frame.id, None)
        set_todo(state, frame, ("raise", overrun_fault(event.data).problem(event.task)))


def overrun_fault(data: Json) -> Fault:
    """The fault of the expression that a recorded `expression.overran` tells of."""
    return Fault("expression", f"{data['detail']}; the limit is the setting {data['limit']}", code="limit")
