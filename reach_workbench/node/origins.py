"""Who wrote a value: back from where it stands, through all that only passed it on, to the event that made it.

An event carries a value once, and what passes it on says nothing or refers to it (see
`engine.events`). So a value is followed through the frames it flowed through to the event that
carries it; and where the same part of the same value went into that task already, further back.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from reach_workbench.engine import program as p
from reach_workbench.engine.events import Event
from reach_workbench.engine.state import ROOT, data_frame, name_of
from reach_workbench.engine.values import Json, same
from reach_workbench.errors import BadInput
from reach_workbench.node.aside import Stopped
from reach_workbench.node.history import History
from reach_workbench.protocol.debugging import Origin
from reach_workbench.runner.loading import load_state
from reach_workbench.storage.searching import Needle

Steps = tuple[Any, ...]

_HEADS: Final = ("data", "context", "input", "output")
_EXPORTS: Final = (
    Needle(text='"context"', types=frozenset({"task.completed", "event.accepted"})),
    Needle(types=frozenset({"workflow.started", "workflow.forked"})),
)
"""Where `$context` may change."""


class _Flow(NamedTuple):
    """A part (`steps`) of what flows somewhere: the `value`, `input` or `raw` input of a frame, or the `context`.

    As it was after event `at`, where that matters.
    """

    kind: str
    frame: int
    at: int
    steps: Steps


class _Carried(NamedTuple):
    """A part (`steps`) of the member `part` of an event's data."""

    seq: int
    part: str
    steps: Steps


def origin(history: History, at: int, pointer: str, stopped: Stopped) -> Origin | None:
    """The event that produced the value at the pointer after event `at`; None when there is no such value.

    Raises BadInput for a pointer that leads into none of data, context, input and output.
    """
    head, steps = _read(pointer)
    tracer = _Tracer(history)
    source = tracer.carried(_start(history, at, head, steps))
    while source is not None and not stopped():
        value = tracer.value(source)
        if value is _MISSING:
            return None
        earlier = (tracer.carried(flow) for flow in tracer.before(source))
        passed = next((each for each in earlier if each is not None and same(tracer.value(each), value)), None)
        if passed is None:
            break
        source = passed
    if source is None:
        return None
    event = history.event(source.seq)
    return Origin(event.seq, event.type, event.task, source.part)


def _read(pointer: str) -> tuple[str, Steps]:
    head, *steps = pointer.removeprefix("/").split("/")
    if head not in _HEADS or not pointer.startswith("/"):
        raise BadInput(f"{pointer!r} is not part of a run's state", hint=f"pointers begin with /{', /'.join(_HEADS)}")
    return head, tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _start(history: History, at: int, head: str, steps: Steps) -> _Flow | _Carried | None:
    """Where the value stands after event `at`."""
    if at == 0:
        return None
    if head == "input":
        return _Carried(1, "input", steps)
    state = load_state(history.store, history.record, at)
    if head == "context":
        return _Flow("context", ROOT, at, steps)
    if state.phase == "completed":
        return _member(history.event(at), "output", steps) or _Flow("value", ROOT, at - 1, steps)
    if state.ended or head == "output":
        return None
    return _Flow("value", data_frame(state).id, at, steps)


class _Missing:
    """Stands for a value that is not there."""


_MISSING: Final = _Missing()


class _Tracer:
    """Follows values through a history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def carried(self, flow: _Flow | _Carried | None) -> _Carried | None:
        """The event that carries what flows there; None when nothing does."""
        while isinstance(flow, _Flow):
            if flow.kind == "value":
                flow = self._value(flow)
            elif flow.kind == "input":
                flow = self._input(flow.frame, flow.steps)
            elif flow.kind == "raw":
                flow = self._raw(flow.frame, flow.steps)
            else:
                flow = self._context(flow)
        return flow

    def value(self, source: _Carried) -> Json | _Missing:
        value: Json = (self._history.event(source.seq).data or {}).get(source.part, _MISSING)
        for step in source.steps:
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and str(step).lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
                value = value[int(step)]
            else:
                return _MISSING
        return value

    def before(self, source: _Carried) -> list[_Flow]:
        """The same part of what went into the task that recorded the value; nothing for what came from outside."""
        event, steps = self._history.event(source.seq), source.steps
        if source.part == "context":
            return [_Flow("context", ROOT, event.seq - 1, steps)]
        if event.type in ("task.completed", "task.evaluated", "workflow.completed"):
            # Its output as the task gave it; or what the task had, if `output.as` put that in again.
            return [_Flow(kind, event.frame, event.seq - 1, steps) for kind in ("value", "input")]
        if event.type in ("task.started", "workflow.started"):
            return [_Flow("raw", event.seq if event.type == "task.started" else ROOT, event.seq, steps)]
        if event.type == "function.entered":
            return [_Flow("input", event.frame, event.seq, steps)]
        return []

    # ------------------------------------------------------------ one step back

    def _value(self, flow: _Flow) -> _Flow | _Carried | None:
        """What last set the value that flows in a frame."""
        history, frame = self._history, flow.frame
        task = history.task(frame)
        if task is not None and task.kind == "listen":
            return self._listened(flow)
        for seq in range(flow.at, max(frame, 1), -1):
            event = history.event(seq)
            if event.type == "task.completed" and history.parent(event.frame) == frame != event.frame:
                steps = flow.steps
                if task is not None and isinstance(task.body, p.Fork) and not task.body.compete and steps:
                    place = str(steps[0])
                    branches = task.body.branches
                    if not place.isdigit() or int(place) >= len(branches):
                        return None
                    if branches[int(place)].name != name_of(event.task or ""):
                        continue
                    steps = steps[1:]
                return _member(event, "output", steps) or self._refers(event, "output", steps)
            if event.type == "workflow.forked" and (edited := _edited(event, "data", flow.steps)) is not None:
                return edited
            if event.frame == frame and (found := self._set(event, flow)) is not None:
                return found
        return _Flow("input", frame, flow.at, flow.steps)

    def _set(self, event: Event, flow: _Flow) -> _Flow | _Carried | None:
        """Where the frame's value comes from when this event of its own has set it."""
        history, data, steps = self._history, event.data or {}, flow.steps
        as_it_was = _Flow("input", event.frame, event.seq, steps)
        if event.type in ("command.completed", "command.resolved"):
            issued = history.event(data["command"]).data or {}
            if issued["kind"] == "event.emit" and "output" not in data:
                return _Carried(self._edit(event, data["command"]) or data["command"], "arguments", steps)
            if issued["kind"] == "resource.get" or "output" not in data:
                return None
            task = history.task(event.frame)
            awaited = task is None or not isinstance(task.body, p.Run) or task.body.wait
            return _Carried(event.seq, "output", steps) if awaited else as_it_was
        if event.type == "event.emitted":
            return _Carried(event.seq, "event", steps)
        if event.type == "task.evaluated":
            return _member(event, "output", steps) or self._referred(event, "output", steps) or as_it_was
        if event.type == "function.entered":
            return _member(event, "arguments", steps) or self._referred(event, "arguments", steps) or as_it_was
        if event.type in ("task.retried", "task.caught", "workflow.started"):
            return as_it_was
        if event.type == "extension.entered" and data["part"] != "after":
            return as_it_was
        if event.type == "timer.fired":
            purpose = (history.event(data["timer"]).data or {}).get("purpose")
            return as_it_was if purpose == "wait" else None
        return None

    def _edit(self, ended: Event, number: int) -> int | None:
        """The event that last changed the arguments of a command before it ended."""
        for seq in range(ended.seq - 1, number, -1):
            event = self._history.event(seq)
            data = event.data or {}
            if event.type == "gate.closed" and data["command"] == number and "arguments" in data:
                return seq
        return None

    def _listened(self, flow: _Flow) -> _Carried | None:
        """What a listen task has: a list of events, or of what its `foreach` made of them."""
        history, place = self._history, str(flow.steps[0]) if flow.steps else None
        consumed = []
        accepted: dict[str, Event] = {}
        for seq in range(flow.frame + 1, flow.at + 1):
            event = history.event(seq)
            if event.frame != flow.frame:
                continue
            data = event.data or {}
            if event.type == "event.consumed" and not data.get("until"):
                consumed.append(event)
            elif event.type == "event.accepted" and "output" in data and "index" in data:
                accepted[str(data["index"])] = event
        if place is None or not place.isdigit() or int(place) >= len(consumed):
            return _Carried(consumed[-1].seq, "event", ()) if consumed and place is None else None
        if place in accepted:
            return _Carried(accepted[place].seq, "output", flow.steps[1:])
        task = history.task(flow.frame)
        whole = task is not None and isinstance(task.body, p.Listen) and task.body.read == "envelope"
        steps = flow.steps[1:] if whole else ("data", *flow.steps[1:])
        return _Carried(consumed[int(place)].seq, "event", steps)

    def _input(self, frame: int, steps: Steps) -> _Flow | _Carried | None:
        history = self._history
        seq = frame
        if frame == ROOT:
            seq = next((n for n in range(1, history.last + 1) if history.event(n).type == "workflow.started"), 1)
        event = history.event(seq)
        if frame == ROOT and seq == 1:
            return _Carried(1, "input", steps)
        found = _member(event, "input", steps)
        if found is None and (ref := _ref(event, "input")) is not None:
            return _Flow("raw", frame, seq, (*ref[1:], *steps))
        return found or _Flow("raw", frame, seq, steps)

    def _raw(self, frame: int, steps: Steps) -> _Flow | _Carried | None:
        history = self._history
        if frame == ROOT:
            return _Carried(1, "input", steps)
        around = history.parent(frame)
        task = history.task(around)
        if task is not None and task.kind == "fork":
            return _Flow("input", around, frame, steps)
        if task is not None and task.kind == "listen":  # its foreach: the event that is delivered
            delivered = next(
                (e for e in map(history.event, range(frame - 1, around, -1)) if e.type == "event.delivered"), None
            )
            if delivered is not None:
                return self._listened(_Flow("value", around, frame - 1, ((delivered.data or {})["index"], *steps)))
        return _Flow("value", around, frame - 1, steps)

    def _context(self, flow: _Flow) -> _Flow | _Carried | None:
        history = self._history
        record = history.record
        for searched in history.store.read.search(record.key, _EXPORTS, 0, flow.at + 1, backwards=True):
            for seq in searched.seqs:
                event = history.event(seq)
                if event.type == "workflow.started":
                    return _Flow("input", ROOT, seq, flow.steps)
                if event.type == "workflow.forked":
                    found: _Flow | _Carried | None = _edited(event, "context", flow.steps)
                elif _ref(event, "context") == ["completed"]:
                    found = _member(event, "output", flow.steps) or self._refers(event, "output", flow.steps)
                else:
                    found = _member(event, "context", flow.steps) or self._referred(event, "context", flow.steps)
                if found is not None:
                    return found
        return None

    def _refers(self, event: Event, name: str, steps: Steps) -> _Flow:
        """What an event that does not carry a value stands for: what it refers to, or the value as it was."""
        return self._referred(event, name, steps) or _Flow("value", event.frame, event.seq - 1, steps)

    def _referred(self, event: Event, name: str, steps: Steps) -> _Flow | None:
        ref = _ref(event, name)
        if ref is None:
            return None
        root, *path = ref
        kind = {"output": "value", "raw": "raw", "input": "input", "context": "context"}[root]
        return _Flow(kind, event.frame, event.seq - 1, (*path, *steps))


def _ref(event: Event, name: str) -> list[Json] | None:
    found: list[Json] | None = ((event.data or {}).get("refs") or {}).get(name)
    return found


def _member(event: Event, name: str, steps: Steps) -> _Carried | None:
    return _Carried(event.seq, name, steps) if name in (event.data or {}) else None


def _edited(event: Event, head: str, steps: Steps) -> _Carried | None:
    """The edit of a fork that set the part, or something inside it."""
    for pointer in (event.data or {}).get("edits") or {}:
        found, *path = [step.replace("~1", "/").replace("~0", "~") for step in pointer.removeprefix("/").split("/")]
        shorter = min(len(path), len(steps))
        if found == head and path[:shorter] == [str(step) for step in steps[:shorter]]:
            return _Carried(
                event.seq, "edits", (pointer, *steps[len(path) :]) if len(path) <= len(steps) else (pointer,)
            )
    return None
