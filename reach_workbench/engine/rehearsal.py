"""What a decision would come to, without recording it: a run that faults of its own input or output ends at once."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.flow import DECISIONS
from reach_workbench.engine.recorder import Recorder
from reach_workbench.engine.state import ROOT, Frame, State, Todo
from reach_workbench.engine.values import Json

_OWN: Final = frozenset({"begin", "finish", "conclude"})
"""Decisions about the workflow's own input and output."""


class _Rehearsal(Recorder):
    """Records nothing and asks nothing of the world; `error` is what the run would have faulted of."""

    error: Json = None

    def emit(self, type_: str, task: str | None, frame: int, data: dict[str, Json] | None = None) -> int:
        if type_ == "workflow.faulted":
            self.error = (data or {}).get("error")
        return self.state.seq + 1

    def issue(self, frame: Frame, reference: str, kind: str, arguments: Json, idempotent: bool | None = None) -> None:
        return None


def own_fault(state: State, frame: Frame, todo: Todo, evaluator: Evaluator) -> Json:
    """The error of the workflow's own input or output that this decision would end the run with, else None.

    Raises Overrun, and Deferred as the evaluator does.
    """
    if frame.id != ROOT or todo[0] not in _OWN or (todo[0] == "conclude" and len(state.frames) > 1):
        return None
    rehearsal = _Rehearsal(state, evaluator)
    DECISIONS[todo[0]](rehearsal, frame, todo)
    return rehearsal.error


def own_data(root: Frame) -> Json:
    """What the workflow's own expressions have as data where it begins, goes on, or ends."""
    about = root.todo[0] if root.todo is not None else ""
    return root.raw if about == "begin" else root.value if about in _OWN else root.input
