"""How decisions of policy and the life of gates change a state.

A command is performed only while its verdict is `allow`: a policy gave it, or a gate was approved.
"""

from __future__ import annotations

from reach_workbench.engine import program as p
from reach_workbench.engine.events import Event
from reach_workbench.engine.state.frame import Gate
from reach_workbench.engine.state.moment import State


def policy_decided(state: State, event: Event) -> None:
    data = event.data or {}
    number = data["command"]
    state.policy = data.get("policy", state.policy)
    state.decided_by = data.get("policies", state.decided_by)
    state.groups = data.get("groups", state.groups)
    if number in state.commands:
        verdict = data.get("decision", "allow")
        # An approval has no time; its gate opens with the very next event.
        state.verdicts[number] = "gate" if verdict == "hold" and "until" not in data else verdict


def gate_opened(state: State, event: Event) -> None:
    data = event.data or {}
    if data["command"] in state.commands:
        state.verdicts[data["command"]] = "hold"
        state.gates[data["command"]] = Gate(data["gate"], event.seq, data.get("expires"))


def gate_closed(state: State, event: Event) -> None:
    data = event.data or {}
    number = data["command"]
    state.gates.pop(number, None)
    if number not in state.commands:
        return
    if "arguments" in data:
        state.edited[number] = event.seq
        frame = state.frames[event.frame]
        if frame.resume is None and frame.task is not None and isinstance(frame.task.body, p.Emit):
            frame.result = data["arguments"]
    if data["outcome"] == "superseded":
        state.verdicts.pop(number, None)
    else:
        state.verdicts[number] = "allow" if data["outcome"] == "approved" else "deny"


def forget_command(state: State, number: int) -> None:
    """The command is no longer pending: nothing about its permission matters any more."""
    state.verdicts.pop(number, None)
    if state.gates:
        state.gates.pop(number, None)
    if state.edited:
        state.edited.pop(number, None)
