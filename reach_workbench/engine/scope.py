"""The runtime expression arguments (dsl.md, Runtime Expressions), made only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reach_workbench.engine import program as p
from reach_workbench.engine.state import Frame, State
from reach_workbench.engine.times import descriptor as descriptor_of_time
from reach_workbench.engine.values import Json

_MISSING: Final = object()


class Scope(Mapping[str, Json]):
    """Variables in scope for one expression of one task.

    `task` with its `raw` input and when it `started`; the raw output and `$output` once there are
    any. Loop variables and caught errors come from the frames around.
    `inside` is the frame that the task runs in, if it may be a task of an extension: there `$task`
    describes the extended task, as in the examples of dsl-reference.md, Extension.
    """

    __slots__ = (
        "_described",
        "_frame",
        "_input",
        "_inside",
        "_output",
        "_raw",
        "_raw_output",
        "_started",
        "_state",
    )

    def __init__(
        self,
        state: State,
        frame: Frame,
        task: p.Task | None = None,
        *,
        raw: Json = None,
        started: int = 0,
        input: Json = _MISSING,
        raw_output: Json = _MISSING,
        output: Json = _MISSING,
        inside: Frame | None = None,
    ) -> None:
        self._state = state
        self._frame = frame
        self._described = task
        self._raw = raw
        self._started = started
        self._input = input
        self._raw_output = raw_output
        self._output = output
        self._inside = inside

    def __getitem__(self, name: str) -> Json:
        state = self._state
        if name == "context":
            return state.context
        if name == "input":
            return None if self._input is _MISSING else self._input
        if name == "output":
            return None if self._output is _MISSING else self._output
        if name == "secrets":
            return state.created.get("secrets", {})
        if name == "workflow":
            return {
                "id": state.run,
                "definition": state.program.document,
                "input": state.input,
                "startedAt": descriptor_of_time(state.frames[0].started_at),
            }
        if name == "runtime":
            return {"metadata": {}} | state.created.get("runtime", {})
        if name == "task":
            return self._task()
        if name == "authorization":
            return self._authorization()
        for frame in state.ancestors(self._frame):
            if frame.variables is not None and name in frame.variables:
                return frame.variables[name]
        return None

    def _task(self) -> Json:
        if self._inside is not None:
            for frame in self._state.ancestors(self._inside):
                if frame.part in ("before", "after"):
                    return extended_task(frame, frame.result if frame.part == "after" else _MISSING)
        return task_descriptor(self._described, self._raw, self._started, self._raw_output)

    def _authorization(self) -> Json:
        return self._frame.authorization

    def __iter__(self) -> Iterator[str]:
        return iter(("context", "input", "output", "secrets", "workflow", "runtime", "task", "authorization"))

    def __len__(self) -> int:
        return 8


def task_descriptor(task: p.Task | None, raw: Json, started: int, raw_output: Json) -> dict[str, Json]:
    """The descriptor of a task, of none for the workflow's own expressions (dsl.md, Task Descriptor)."""
    found = {
        "name": task.name if task is not None else "",
        "reference": task.reference if task is not None else "",
        "definition": task.definition if task is not None else None,
        "input": raw,
        "startedAt": descriptor_of_time(started),
    }
    if raw_output is not _MISSING:
        found["output"] = raw_output
    return found


def extended_task(frame: Frame, raw_output: Json) -> Json:
    """The descriptor of a task for its extensions, whose examples also read `$task.call` and `$task.with`."""
    assert frame.task is not None
    members = frame.task.definition if isinstance(frame.task.definition, dict) else {}
    return {**members, **task_descriptor(frame.task, frame.raw, frame.started_at, raw_output)}


class ExtensionScope(Scope):
    """The variables for an extension's `when`, for a task that is about to start or has given its raw output."""

    __slots__ = ()

    def _task(self) -> Json:
        return extended_task(self._frame, self._raw_output)


class Looking(dict[str, Json]):
    """A scope with a few variables on top of another one."""

    def __init__(self, below: Mapping[str, Json], variables: Mapping[str, Json]) -> None:
        super().__init__(variables)
        self._below = below

    def __missing__(self, name: str) -> Json:
        return self._below[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._below
