"""The past that runs share with those they were forked from, and what a fork may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import State, data_frame, replaced
from reach_workbench.engine.values import Json
from reach_workbench.errors import ForkRefused, UsageError
from reach_workbench.node.proof import Recorded, prove
from reach_workbench.node.views import changes
from reach_workbench.protocol.debugging import Outcome
from reach_workbench.protocol.node_views import Progress, Verification
from reach_workbench.runner.loading import program_of
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

_WHOLE = 1 << 62
_SHOWN: Final = 80
"""Characters of a value in a message."""

_KINDS: Final = {str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def verify(
    store: Store, record: RunRecord, evaluator: Evaluator, clock: Clock, progress: Progress | None
) -> Verification:
    """Prove a stored run with the programs along its lineage."""
    programs = _programs(store, record)
    return prove(record.id, programs, _recorded(store, record, record.seq), record.seq, evaluator, clock, progress)


def refuse_other_past(
    store: Store, record: RunRecord, at: int, program: Program, evaluator: Evaluator, clock: Clock
) -> None:
    """Raises ForkRefused unless the changed workflow gives the very same events up to event `at`."""
    past = prove(record.id, [(_WHOLE, program)], _recorded(store, record, at), at, evaluator, clock)
    if not past.ok:
        difference = _difference(past.recorded, past.replayed)
        raise ForkRefused(
            f"the past of run {record.id} does not fit the changed workflow: {past.message}{difference}",
            where=f"event {past.seq}" + (f" at {past.task}" if past.task else ""),
            hint="fork at an earlier event, or change only what comes after this one",
        )


def _difference(recorded: Json, replayed: Json) -> str:
    """The first member in which two events of one type differ, with both values; empty when there is none to name."""
    if not isinstance(recorded, dict) or not isinstance(replayed, dict) or recorded["type"] != replayed["type"]:
        return ""
    for change in changes(recorded, replayed):
        if change.kind == "added":
            return f" with {change.pointer} = {_brief(change.after)}, which was not recorded"
        if change.kind == "removed":
            return f" without {change.pointer}, which was recorded as {_brief(change.before)}"
        return f" with {change.pointer} = {_brief(change.after)} instead of {_brief(change.before)}"
    return ""


def _brief(value: Json) -> str:
    text = canonical(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def check_edits(state: State, edits: Mapping[str, Json]) -> None:
    """Raises UsageError or ForkRefused for a pointer that leads nowhere in the data or the context."""
    for pointer, value in edits.items():
        head, *steps = pointer.removeprefix("/").split("/")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in steps]
        if not pointer.startswith("/") or head not in ("data", "context"):
            raise UsageError(
                f"{pointer!r} is nothing that can be edited",
                hint="JSON pointers start with /data (what flows into the next task) or /context",
            )
        whole = state.context if head == "context" else data_frame(state).value
        try:
            replaced(whole, steps, value)
        except (KeyError, ValueError):
            raise ForkRefused(
                f"{pointer} leads nowhere at this event: {_dead_end(whole, head, steps)}",
                hint="`reach state RUN --at SEQ` shows the data there",
            ) from None


def _dead_end(value: Json, head: str, steps: list[str]) -> str:
    """Where a JSON pointer breaks off, and why."""
    path = f"/{head}"
    for step in steps:
        if isinstance(value, dict):
            if step not in value:
                return f"{path} has no member {step!r} to go into"
            value = value[step]
        elif isinstance(value, list):
            place = int(step) if step.isdecimal() else -1
            if not 0 <= place < len(value):
                return f"{path} is an array of {len(value)}, without a place {step}"
            value = value[place]
        else:
            return f"{path} is {_KINDS[type(value)]}, which has no parts; `--set {path}=…` replaces it whole"
        path += "/" + step.replace("~", "~0").replace("/", "~1")
    return f"{path} can't be replaced"


def other_outcome(state: State, event: Event, outcome: Outcome, clock: Clock) -> Fact:
    """What to tell a fork in the place of the recorded outcome `event`; `state` is the one before it.

    Raises ForkRefused for an event that is no outcome of a command.
    """
    if event.type not in ("command.completed", "command.faulted", "command.resolved"):
        raise ForkRefused(
            f"event {event.seq} is a {event.type}: only a command's outcome can be replaced",
            where=f"event {event.seq}",
            hint="outcomes are command.completed, command.faulted and command.resolved",
        )
    number = (event.data or {})["command"]
    data: dict[str, Json] = {"command": number}
    if outcome.error is None:
        kind, decision = "command.completed", "result"
        data["output"] = outcome.output
    else:
        kind, decision = "command.faulted", "fail"
        task = state.frames[state.commands[number]].task
        fault = Fault("runtime", outcome.error, code="given-as-failed")
        data["error"] = fault.problem(task.reference if task is not None else None)
    if number in state.in_doubt:
        kind = "command.resolved"
        data["decision"] = decision
    return Fact(kind, clock.now(), data)


def _recorded(store: Store, record: RunRecord, until: int) -> Iterator[Recorded]:
    for chunk in store.read.chunks(record.key, 0, until):
        for event, mark in zip(chunk.events, chunk.digests, strict=True):
            yield Recorded(event, mark)


def _programs(store: Store, record: RunRecord) -> list[tuple[int, Program]]:
    """The programs along the run's lineage, with the last event each holds for.

    A fork at an event before its ancestor's own fork hides what that one changed.
    """
    found = [(record.seq, program_of(store, record.program))]
    while record.forked_from is not None and record.forked_at is not None:
        at = record.forked_at
        record = store.read.run_by_key(record.forked_from)
        if at < found[0][0]:
            found.insert(0, (at, program_of(store, record.program)))
        else:
            found[0] = (found[0][0], program_of(store, record.program))
    return found
