"""A state as JSON and back, so that seeking and recovery need not start at the first event.

A value that occurs several times (most do: a task's input is often the output before it) is
written once, and a large one that an event carries not at all (see `origins`). Snapshots are
derived data: when `FORMAT` changes, older ones are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from reach_workbench.engine.events import Event
from reach_workbench.engine.origins import Origin, Origins, walk
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ROOT, Frame, Gate, State, Timer, child_task
from reach_workbench.engine.values import Json

FORMAT: Final = 2

Fetch = Callable[[int], Event]
"""Gives a recorded event of the run by its number."""

_VALUES: Final = ("raw", "input", "value", "result", "items", "variables", "consumed", "correlations", "authorization")
_PLAIN: Final = ("position", "index", "branch", "attempt", "first_at", "started_at", "part", "command", "then")


def to_json(state: State, origins: Origins | None = None) -> Json:
    """The state as a JSON value; `from_json` makes an equal state of it.

    What `origins` knows is left to the events; it then forgets what the state no longer holds.
    """
    values: list[Json] = []
    recorded: list[Json] = []
    seen: dict[int, int] = {}

    def place(value: Json) -> int:
        if isinstance(value, (dict, list, str)):
            known = seen.get(id(value))
            if known is not None:
                return known
            seen[id(value)] = len(values)
            origin = origins.find(value) if origins is not None else None
            if origin is not None:
                recorded.append([len(values), origin.seq, origin.path])
                value = None
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
    written_state = {
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
        "recorded": recorded,
    }
    if state.policy is not None:
        written_state |= {"policy": state.policy, "decided_by": state.decided_by}
    if state.groups:
        written_state["groups"] = state.groups
    for name in ("verdicts", "gates", "edited"):  # few runs have any: left out when empty
        if kept := getattr(state, name):
            written_state[name] = list(kept.items())
    if origins is not None:
        origins.keep(set(seen))
    return written_state


def to_text(state: State, origins: Origins | None = None) -> bytes:
    """The state as JSON text; one with an integer beyond 64 bits begins with a space."""
    written = to_json(state, origins)
    try:
        return orjson.dumps(written)
    except TypeError:
        return b" " + json.dumps(written, separators=(",", ":")).encode()


def from_text(
    program: Program, text: bytes, fetch: Fetch | None = None, origins: Origins | None = None
) -> State | None:
    """The state that `to_text` wrote for a run of `program`; None if it is of another format."""
    return from_json(program, json.loads(text) if text[:1] == b" " else orjson.loads(text), fetch, origins)


class Standing(NamedTuple):
    """What a snapshot says of a frame at a glance: the one around it, and whether something is to be decided in it."""

    parent: int
    deciding: bool


def frames_in(text: bytes) -> dict[int, Standing] | None:
    """The frames that were there when the snapshot was taken; None if it is of another format."""
    written = json.loads(text) if text[:1] == b" " else orjson.loads(text)
    if written.get("format") != FORMAT:
        return None
    return {each["id"]: Standing(each["parent"], each["todo"] is not None) for each in written["frames"]}


def from_json(
    program: Program, written: Json, fetch: Fetch | None = None, origins: Origins | None = None
) -> State | None:
    """The state that `to_json` wrote for a run of `program`; None if it is of another format.

    `fetch` finds the values that were left to the events, and is needed if there are any;
    `origins` learns where they are.
    """
    if written.get("format") != FORMAT:
        return None
    values = written["values"]
    for number, seq, path in written["recorded"]:
        assert fetch is not None
        values[number] = walk(fetch(seq).data, path)
        if origins is not None:
            origins.add(Origin(values[number], seq, tuple(path)))
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
    state.policy, state.decided_by = written.get("policy"), written.get("decided_by")
    state.groups = written.get("groups", [])
    state.verdicts = dict(written.get("verdicts", ()))
    state.gates = {number: Gate(*gate) for number, gate in written.get("gates", ())}
    state.edited = dict(written.get("edited", ()))
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
