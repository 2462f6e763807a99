"""Which facts a run still takes."""

from __future__ import annotations

from reach_workbench.engine.events import Fact
from reach_workbench.engine.state import State


def fits(state: State, fact: Fact) -> bool:
    """Whether the run still waits for what the fact tells: it may have been cancelled meanwhile."""
    if state.ended:
        return False
    if fact.type in ("command.completed", "command.faulted", "command.in-doubt"):
        return fact.data["command"] in state.commands
    if fact.type == "gate.closed":
        gate = state.gates.get(fact.data["command"])
        return gate is not None and gate.id == fact.data["gate"]
    if fact.type == "command.resolved":
        return fact.data["command"] in state.in_doubt
    if fact.type == "timer.fired":
        return fact.data["timer"] in state.timers
    if fact.type in ("event.consumed", "expression.overran") and "listener" in fact.data:
        return fact.data["listener"] in state.listeners
    if fact.type == "workflow.suspended":
        return not state.suspended
    return True
