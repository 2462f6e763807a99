"""A state as JSON and back, so that seeking and recovery need not start at the first event.

A value that occurs several times (most do: a task's input is often the output before it) is
written once. Snapshots are derived data: when `FORMAT` changes, older ones are ignored.
"""

from __future__ import annotations

import json
from typing import Final

import orjson

from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ROOT, Frame, State, Timer, child_task
from reach_workbench.engine.values import Json

FORMAT: Final = 1

_VALUES: Final = ("raw", "input", "value", "result", "items", "variables", "consumed", "correlations", "authorization")
_PLAIN: Final = ("position", "index", "branch", "attempt", "first_at", "started_at", "part", "command", "then")


def to_json(state: State) -> Json:
    """The state as a JSON value; `from_json` makes an equal state of it."""
    values: list[Json] = []
    seen: dict[int, int] = {}

    def place(value: Json) -> int:
        if isinstance(value, (dict, list)):
            known = seen.get(id(value))
            if known is not None:
                return known
            seen[id(value)] = len(values)
        values.append(value)
        return len(values) - 1

    frames = []
    for frame in state.frames.values():
        written: dict[str, Json] = {name: getattr(frame, name) for name in _PLAIN}
        for name in _VALUES:
            value = getattr(frame, name)
            if value is not None:
                written[name] = place(value)
        if frame.outputs is not None:
            written["outputs"] = [[branch, place(output)] for branch, output in frame.outputs.items()]
        written |= {
            "id": frame.id,
            "parent": frame.parent,
            "name": frame.task.name if frame.task is not None else None,
            "todo": frame.todo,
            "resume": frame.resume,
            "timers": frame.timers,
            "matched": sorted(frame.matched),
            "until_matched": sorted(frame.until_matched),
        }
        frames.append(written)
    return {
        "format": FORMAT,
        "run": state.run,
        "seq": state.seq,
        "digest": state.digest.hex(),
        "at": state.at,
        "phase": state.phase,
        "created": state.created,
        "input": place(state.input),
        "context": place(state.context),
        "output": place(state.output),
        "error": state.error,
        "ready": list(state.ready),
        "commands": list(state.commands.items()),
        "in_doubt": sorted(state.in_doubt),
        "timers": [[number, *timer] for number, timer in state.timers.items()],
        "listeners": list(state.listeners),
        "resources": state.resources,
        "overran": state.overran,
        "suspended": state.suspended,
        "pure": state.pure,
        "frames": frames,
        "values": values,
    }


def to_text(state: State) -> bytes:
    """The state as JSON text; one with an integer beyond 64 bits begins with a space."""
    written = to_json(state)
    try:
        return orjson.dumps(written)
    except TypeError:
        return b" " + json.dumps(written, separators=(",", ":")).encode()


def from_text(program: Program, text: bytes) -> State | None:
    """The state that `to_text` wrote for a run of `program`; None if it is of another format."""
    return from_json(program, json.loads(text) if text[:1] == b" " else orjson.loads(text))


def from_json(program: Program, written: Json) -> State | None:
    """The state that `to_json` wrote for a run of `program`; None if it is of another format."""
    if written.get("format") != FORMAT:
        return None
    values = written["values"]
    state = State(program)
    state.run, state.seq, state.at = written["run"], written["seq"], written["at"]
    state.digest = bytes.fromhex(written["digest"])
    state.phase, state.created, state.error = written["phase"], written["created"], written["error"]
    state.input, state.context, state.output = (values[written[name]] for name in ("input", "context", "output"))
    state.commands = dict(written["commands"])
    state.in_doubt = frozenset(written["in_doubt"])
    state.timers = {number: Timer(*timer) for number, *timer in written["timers"]}
    state.listeners = dict.fromkeys(written["listeners"])
    state.resources, state.overran = written["resources"], written["overran"]
    state.suspended, state.pure = written["suspended"], written["pure"]
    for each in written["frames"]:
        frame = _frame(state, each, values)
        state.frames[frame.id] = frame
    state.ready = dict.fromkeys(written["ready"])
    return state


def _frame(state: State, written: Json, values: list[Json]) -> Frame:
    parent = written["parent"]
    task = None
    if written["id"] != ROOT:
        task, _ = child_task(state, state.frames[parent], written["name"])
    frame = Frame(written["id"], parent, task, None, written["started_at"])
    for name in _PLAIN:
        setattr(frame, name, written[name])
    for name in _VALUES:
        setattr(frame, name, values[written[name]] if name in written else None)
    if "outputs" in written:
        frame.outputs = {branch: values[output] for branch, output in written["outputs"]}
    frame.todo = tuple(written["todo"]) if written["todo"] is not None else None
    frame.resume = tuple(written["resume"]) if written["resume"] is not None else None
    frame.timers = tuple(written["timers"])
    frame.matched = frozenset(written["matched"])
    frame.until_matched = frozenset(written["until_matched"])
    return frame
