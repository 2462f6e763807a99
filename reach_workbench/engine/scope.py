"""The runtime expression arguments (dsl.md, Runtime Expressions), made only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reach_workbench.engine.state import Frame, State
from reach_workbench.engine.times import descriptor
from reach_workbench.engine.values import Json

_MISSING: Final = object()


class Scope(Mapping[str, Json]):
    """Variables in scope for one expression of one task.

    `task`: the descriptor's name, reference, definition, raw input and start; the raw output and
    `$output` once there are any. Loop variables and caught errors come from the frames around.
    """

    __slots__ = ("_definition", "_frame", "_input", "_name", "_output", "_raw", "_raw_output", "_started", "_state")

    def __init__(
        self,
        state: State,
        frame: Frame,
        *,
        name: str = "",
        definition: Json = None,
        reference: str = "",
        raw: Json = None,
        started: int = 0,
        input: Json = _MISSING,
        raw_output: Json = _MISSING,
        output: Json = _MISSING,
    ) -> None:
        self._state = state
        self._frame = frame
        self._name = (name, reference)
        self._definition = definition
        self._raw = raw
        self._started = started
        self._input = input
        self._raw_output = raw_output
        self._output = output

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
                "startedAt": descriptor(state.frames[0].started_at),
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
        name, reference = self._name
        task = {
            "name": name,
            "reference": reference,
            "definition": self._definition,
            "input": self._raw,
            "startedAt": descriptor(self._started),
        }
        if self._raw_output is not _MISSING:
            task["output"] = self._raw_output
        return task

    def _authorization(self) -> Json:
        return self._frame.authorization

    def __iter__(self) -> Iterator[str]:
        return iter(("context", "input", "output", "secrets", "workflow", "runtime", "task", "authorization"))

    def __len__(self) -> int:
        return 8


class Looking(dict[str, Json]):
    """A scope with a few variables on top of another one."""

    def __init__(self, below: Mapping[str, Json], variables: Mapping[str, Json]) -> None:
        super().__init__(variables)
        self._below = below

    def __missing__(self, name: str) -> Json:
        return self._below[name]
