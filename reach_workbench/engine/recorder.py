"""What decisions work with: the state of a run, and the means to record events and evaluate expressions.

Everything that is recorded is at once applied to the state, so that folding the recorded events
gives the very same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.commands import Command, Emission, Timer
from reach_workbench.engine.evaluate import evaluate
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import FACTS, Event, Fact, text_of
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.scope import Scope
from reach_workbench.engine.state import ROOT, Frame, State, apply, overrun_fault
from reach_workbench.engine.templates import ArrayTemplate, Constant, Expression, ObjectTemplate, Template, Text
from reach_workbench.engine.values import Json
from reach_workbench.errors import Bug

_VALUE_BYTES: Final = 16 * 1024 * 1024
"""The limit of a run that recorded none (`limits.value_bytes`)."""

_SMALL: Final = 2048
"""Events up to this size are within any sensible limit, and hold nothing that a snapshot had better point to."""


class Recorder:
    """See the module. It changes the state it is given."""

    def __init__(self, state: State, evaluator: Evaluator, origins: Origins | None = None) -> None:
        self.state = state
        self.origins = origins or Origins()
        self._guarded = _Guarded(state, evaluator)
        self._events: list[Event] = []
        self._digests: list[bytes] = []
        self._commands: list[Command] = []
        self._timers: list[Timer] = []
        self._emissions: list[Emission] = []
        self.recorded = 0
        """Bytes of canonical JSON recorded through this object."""

    def limit(self, name: str, default: int) -> int:
        """A limit the run was started with."""
        value: int = self.state.created.get("limits", {}).get(name, default)
        return value

    # ------------------------------------------------------------ recording

    def record(self, fact: Fact) -> None:
        """Record what the world tells. An outcome that can't be recorded becomes a fault of its command."""
        state = self.state
        if fact.type not in FACTS:
            raise Bug(f"{fact.type!r} is no fact")
        before = state.at
        state.at = max(fact.at, before)  # a clock that was set back must not turn a history around
        data = dict(fact.data)
        frame, task = ROOT, None
        if "command" in data and data["command"] in state.commands:
            frame = state.commands[data["command"]]
        elif "timer" in data:
            frame = state.timers[data["timer"]].frame
        elif "listener" in data:
            frame = data.pop("listener")
        if frame != ROOT:
            owner = state.frames[frame].task
            task = owner.reference if owner is not None else None
        try:
            self._append(fact.type, task, frame, data)
            if fact.type == "command.completed" and "output" not in data:
                # The one outcome that is an effect itself: whoever commits it delivers the event with it.
                self._emissions.append(Emission(state.seq, state.frames[frame].value))
        except Fault as fault:
            failed: dict[str, Json] = {"command": data.get("command"), "error": fault.problem(task)}
            if fact.type in ("command.completed", "command.faulted"):
                self._append("command.faulted", task, frame, failed)
            elif fact.type == "command.resolved":
                self._append(fact.type, task, frame, {**failed, "decision": "fail"})
            else:
                state.at = before  # nothing was told
                raise

    def note_allowed(self, number: int, at: int) -> None:
        """Record that policy allows a pending command, as the decision before did: by far the most frequent fact."""
        state = self.state
        state.at = max(at, state.at)
        frame = state.commands[number]
        owner = state.frames[frame].task
        self._append("policy.decided", owner.reference if owner is not None else None, frame, {"command": number})

    def emit(self, type_: str, task: str | None, frame: int, data: dict[str, Json] | None = None) -> int:
        """Record a derived event and apply it; returns its number. Raises Fault if a value is too large."""
        return self._append(type_, task, frame, data or None)

    def _append(self, type_: str, task: str | None, frame: int, data: dict[str, Json] | None) -> int:
        state = self.state
        seq = state.seq + 1
        event = Event(seq, type_, state.at, task, frame, data)
        try:
            text = text_of(event)
        except (TypeError, ValueError, RecursionError) as wrong:
            raise Fault("runtime", f"JSON can't carry this value: {wrong}", code="not-json") from None
        if len(text) > _SMALL:
            if len(text) > (most := self.limit("value_bytes", _VALUE_BYTES)):
                raise Fault(
                    "runtime",
                    f"a value of {len(text):,} bytes is more than the setting limits.value_bytes ({most:,}) allows",
                    code="limit",
                )
            self.origins.note(event)
        apply(state, event)
        state.digest = sha256(state.digest + text).digest()
        self.recorded += len(text)
        self._events.append(event)
        self._digests.append(state.digest)
        return seq

    def can_record(self, value: Json) -> bool:
        """Whether a fact may hold the value: JSON can carry it, and it is not too large."""
        try:
            return len(canonical(value)) + _SMALL < self.limit("value_bytes", _VALUE_BYTES)
        except (TypeError, ValueError, RecursionError):
            return False

    def issue(self, frame: Frame, reference: str, kind: str, arguments: Json, idempotent: bool | None = None) -> None:
        """Ask something of the world on behalf of `frame`."""
        data: dict[str, Json] = {"kind": kind, "arguments": arguments}
        if idempotent is not None:
            data["idempotent"] = idempotent
        number = self.emit("command.issued", reference, frame.id, data)
        self._commands.append(command_of(self.state, number, reference, frame.id, data))

    def start_timer(self, frame: Frame, purpose: str, due: int) -> None:
        reference = frame.task.reference if frame.task is not None else None
        number = self.emit("timer.started", reference, frame.id, {"purpose": purpose, "due": due})
        self._timers.append(Timer(number, due))

    def announce_timer(self, number: int, due: int) -> None:
        """A `task.retried` event that waits doubles as its timer."""
        self._timers.append(Timer(number, due))

    def emitted(self, number: int, event: dict[str, Json]) -> None:
        self._emissions.append(Emission(number, event))

    # ------------------------------------------------------------ evaluating

    def evaluate(self, template: Template, data: Json, variables: Mapping[str, Json]) -> Json:
        """The template's value. After an overrun was recorded, the next expression that may loop faults."""
        if isinstance(template, Constant):
            return template.value
        if self.state.program.secrets or self.state.resources:  # a fetched function may read some too
            self._demand_secrets(template)
        return evaluate(template, data, variables, self._guarded)

    def _demand_secrets(self, template: Template) -> None:
        given = self.state.created.get("secrets", {})
        for name in secrets_of(template):
            if name not in given:
                # dsl.md, Secret: a missing secret must raise an authorization error with status 403.
                raise Fault(
                    "authorization",
                    f"the run was not given the secret {name!r}",
                    code="secret-missing",
                )

    def holds(self, condition: Expression, data: Json, variables: Mapping[str, Json]) -> bool:
        """jq's truth: everything but null and false."""
        value = self.evaluate(condition, data, variables)
        return value is not None and value is not False


class _Guarded:
    """Turns a recorded overrun into the fault of the expression that caused it."""

    def __init__(self, state: State, evaluator: Evaluator) -> None:
        self._state = state
        self._evaluator = evaluator

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        overran = self._state.overran
        if overran is not None:
            raise overrun_fault(overran)
        return self._evaluator.evaluate(expression, data, variables)


def secrets_of(template: Template) -> frozenset[str]:
    """The names of the secrets that a template reads."""
    if isinstance(template, Expression):
        return template.secrets
    inner: list[Template] = []
    if isinstance(template, ObjectTemplate):
        inner = [member for _, member in template.members]
    elif isinstance(template, ArrayTemplate):
        inner = list(template.items)
    elif isinstance(template, Text):
        inner = [part for part in template.parts if isinstance(part, Expression)]
    return frozenset().union(*(secrets_of(part) for part in inner))


def command_of(state: State, number: int, reference: str, frame: int, data: dict[str, Json]) -> Command:
    """The command that the event `command.issued` with this number and data stands for."""
    return Command(
        number, f"{state.run}:{number}", data["kind"], reference, frame, data["arguments"], data.get("idempotent")
    )


def task_scope(state: State, frame: Frame, **more: Json) -> Scope:
    """The variables for the expressions of the frame's own task."""
    return Scope(
        state,
        frame,
        frame.task,
        raw=frame.raw,
        started=frame.started_at,
        input=frame.input,
        inside=state.frames[frame.parent],
        **more,
    )
