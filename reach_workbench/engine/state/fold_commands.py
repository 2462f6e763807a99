"""How the events of commands change a state."""

from __future__ import annotations

import base64

from reach_workbench.engine import program as p
from reach_workbench.engine.events import Event
from reach_workbench.engine.state.bookkeeping import set_todo, wake
from reach_workbench.engine.state.fold_gates import forget_command
from reach_workbench.engine.state.frame import Frame
from reach_workbench.engine.state.moment import State
from reach_workbench.engine.values import Json


def command_issued(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.command = event.seq
    state.commands[event.seq] = frame.id
    data = event.data or {}
    if data["kind"] == "resource.get":
        frame.resume = frame.todo
        frame.result = data["arguments"]["endpoint"]["uri"]
    elif data["kind"] in ("http.call", "openapi.call"):
        frame.authorization = _authorization(data["arguments"])
    elif data["kind"] == "event.emit":
        frame.result = data["arguments"]  # what will have been delivered; an edit replaces it
    set_todo(state, frame, None)


def _authorization(arguments: dict[str, Json]) -> Json:
    """The authorization descriptor (dsl.md) of a call, as far as its arguments tell; secrets stay placeholders."""
    endpoint = arguments.get("endpoint")
    written = arguments.get("authentication") or (
        endpoint.get("authentication") if isinstance(endpoint, dict) else None
    )
    if not isinstance(written, dict):
        return None
    for scheme, name in (("basic", "Basic"), ("bearer", "Bearer"), ("digest", "Digest")):
        if isinstance(written.get(scheme), dict):
            policy = written[scheme]
            if scheme == "bearer":
                return {"scheme": name, "parameter": policy.get("token")}
            user = f"{policy.get('username')}:{policy.get('password')}"
            if scheme == "basic" and "⟦secret:" not in user:
                user = base64.b64encode(user.encode()).decode()
            return {"scheme": name, "parameter": user}
    return {"scheme": "Bearer", "parameter": None}


def _settle(state: State, number: int) -> Frame:
    frame = state.frames[state.commands.pop(number)]
    state.in_doubt -= {number}
    forget_command(state, number)
    frame.command = None
    return frame


def command_completed(state: State, event: Event) -> None:
    data = event.data or {}
    frame = _settle(state, data["command"])
    if frame.resume is not None:
        state.pure = 0
        state.resources[frame.result] = data["output"]
        todo, frame.resume, frame.result = frame.resume, None, None
        wake(state, frame, todo)
        return
    body = frame.task.body if frame.task is not None else None
    if isinstance(body, p.Emit):
        # Emitting waits for nothing, so the count of pure tasks goes on: a loop of it has an end, too.
        frame.value, frame.result = data.get("output", frame.result), None
        wake(state, frame, ("finish",))
        return
    state.pure = 0
    # dsl-reference.md, Run: a process that is not awaited has no result, the task outputs its input.
    frame.value = frame.input if isinstance(body, p.Run) and not body.wait else data["output"]
    wake(state, frame, ("finish",))


def command_faulted(state: State, event: Event) -> None:
    data = event.data or {}
    frame = _settle(state, data["command"])
    if frame.resume is None:
        wake(state, frame, ("raise", data["error"]))
        return
    # A resource could not be had. Where a child needed it to start, the error is one from inside the
    # task; otherwise it is the task's own, which its `catch` has no say in.
    inside = frame.resume[0] in ("enter", "branch", "call", "begin")
    frame.resume = frame.result = None
    wake(state, frame, ("raise" if inside else "fail", data["error"]))


def command_in_doubt(state: State, event: Event) -> None:
    state.in_doubt |= {(event.data or {})["command"]}


def command_resolved(state: State, event: Event) -> None:
    data = event.data or {}
    if data["decision"] == "repeat":
        state.in_doubt -= {data["command"]}
        state.approved.pop(data["command"], None)
        state.verdicts.pop(data["command"], None)  # it may happen a second time: that is to be decided about
    elif data["decision"] == "result":
        command_completed(state, event)
    else:
        command_faulted(state, event)
