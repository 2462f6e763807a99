"""Setting, clearing and listing the node's breakpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.expressions import ExpressionSyntaxError
from reach_workbench.engine.program import Task
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, NotFound
from reach_workbench.protocol.debugging import Breakpoint, LogLine
from reach_workbench.runner.breakpoints import Breakpoints, Point, breakpoint_of, record_of
from reach_workbench.runner.loading import program_of
from reach_workbench.storage.store import Store

_KINDS: Final = ("task", "fault", "retry", "command")
_COMMANDS: Final = (
    "http.call",
    "openapi.call",
    "shell.run",
    "script.run",
    "container.run",
    "workflow.run",
    "function.call",
    "event.emit",
    "resource.get",
)
_REFERENCE: Final = re.compile(r"(/([^/~]|~[01])*)+")
_TERMS: Final = ("on", "task", "command", "workflow", "run", "condition", "hits")
"""What it is met by: another of these and it counts from the start again."""


async def set_breakpoint(breakpoint: Breakpoint, breakpoints: Breakpoints, store: Store, clock: Clock) -> Breakpoint:
    """Store it and tell the runs that are driven. Raises BadInput or NotFound for one that could never hold."""
    terms = _checked(breakpoint, store)
    before = breakpoints.points.get(terms.id) if terms.id else None
    if terms.id and before is None:
        raise NotFound(f"there is no breakpoint {terms.id!r}", hint="give no id to set a new one")
    if before is not None and all(getattr(terms, name) == getattr(before.breakpoint, name) for name in _TERMS):
        terms = replace(terms, count=before.count, problem=before.problem)
    else:
        terms = replace(terms, id=terms.id or clock.entropy(4).hex(), count=0, problem=None)
    _compile(terms)
    unit = store.unit()
    unit.put_breakpoint(record_of(terms, clock.now()))
    await store.commit(unit)
    return breakpoints.put(terms).view


async def clear_breakpoint(id: str, breakpoints: Breakpoints, store: Store) -> None:
    """Raises NotFound when there is none with that id."""
    if id not in breakpoints.points:
        raise NotFound(f"there is no breakpoint {id!r}")
    unit = store.unit()
    unit.drop_breakpoint(id)
    await store.commit(unit)
    breakpoints.drop(id)


def listed(breakpoints: Breakpoints, store: Store) -> Sequence[Breakpoint]:
    """All of them, the oldest first. A process that only reads the home sees what is stored."""
    if store.writable:
        return tuple(point.view for point in breakpoints.points.values())
    return tuple(breakpoint_of(record) for record in store.read.breakpoints())


def log_lines(store: Store, run: str) -> Sequence[LogLine]:
    """What breakpoints with a message wrote about a run, the oldest first."""
    found = store.read.log_lines(store.read.run(run).id)
    return tuple(LogLine(line.breakpoint, line.run, line.seq, line.at, line.message) for line in found)


def written(breakpoint: Breakpoint) -> dict[str, Json]:
    """As JSON, for another process."""
    return {field.name: getattr(breakpoint, field.name) for field in fields(breakpoint)}


def _checked(breakpoint: Breakpoint, store: Store) -> Breakpoint:
    """With the full id of its run. Raises BadInput or NotFound."""
    if breakpoint.on not in _KINDS:
        raise BadInput(f"a breakpoint can't be on {breakpoint.on!r}", hint="it is on " + ", ".join(_KINDS))
    if breakpoint.hits < 0:
        raise BadInput("a breakpoint's hits count from 0", hint="0 and 1 hold at the first time")
    if breakpoint.command is not None and (breakpoint.on != "command" or breakpoint.command not in _COMMANDS):
        raise BadInput(
            f"no breakpoint on a {breakpoint.on} knows the command {breakpoint.command!r}",
            hint="a breakpoint on a command takes " + ", ".join(_COMMANDS),
        )
    if breakpoint.run is not None:
        breakpoint = replace(breakpoint, run=store.read.run(breakpoint.run).id)
    if breakpoint.on == "task" and breakpoint.task is None:
        raise BadInput("a breakpoint on a task needs its reference", hint="such as /do/0/first")
    if breakpoint.task is not None:
        _check_task(breakpoint, breakpoint.task, store)
    return breakpoint


def _check_task(breakpoint: Breakpoint, task: str, store: Store) -> None:
    if _REFERENCE.fullmatch(task) is None:
        raise BadInput(f"{task!r} is no reference of a task", hint="references are JSON pointers such as /do/0/first")
    if breakpoint.run is not None:
        digests: Sequence[str] = (store.read.run(breakpoint.run).program,)
    elif breakpoint.workflow is not None:
        digests = store.read.programs_of(*_split(breakpoint.workflow))
    else:
        return
    programs = [program_of(store, digest) for digest in digests]
    inside = any(task in program.tasks or _fetched(task, program.tasks) for program in programs)
    if programs and not inside:
        raise NotFound(
            f"{breakpoint.workflow or 'the workflow of that run'} has no task {task}",
            hint="tasks: " + ", ".join(list(programs[0].tasks)[:20]),
        )


def _fetched(task: str, tasks: Mapping[str, Task]) -> bool:
    """Whether it may be a task of a function that is only fetched while the workflow runs."""
    return any(task.startswith(reference + "/") and each.kind == "function" for reference, each in tasks.items())


def _split(workflow: str) -> tuple[str, str]:
    namespace, slash, name = workflow.partition("/")
    if not slash or not namespace or not name:
        raise BadInput(f"{workflow!r} names no workflow", hint="a breakpoint's workflow is NAMESPACE/NAME")
    return namespace, name


def _compile(breakpoint: Breakpoint) -> None:
    for name in ("condition", "log"):
        text = getattr(breakpoint, name)
        if text is None:
            continue
        try:
            Point(replace(breakpoint, **{"condition": None, "log": None, name: text}))
        except ExpressionSyntaxError as wrong:
            raise BadInput(
                f"the breakpoint's {name} is wrong: {wrong.message}",
                where=f"{name}, character {wrong.offset + 1}",
                hint=wrong.hint or None,
            ) from None
