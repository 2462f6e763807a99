"""A frame: one execution of a task, and what is to be decided next in it."""

from __future__ import annotations

from typing import Final, NamedTuple

from reach_workbench.engine import program as p
from reach_workbench.engine.values import Json

Todo = tuple[Json, ...]
"""What to decide next in a frame, by its first item:

begin · arm · fail PROBLEM · enter POSITION · extend INDEX · execute · attempt · iterate · branch INDEX · call · won ·
consumed · delivered · finish · raise PROBLEM · timeout · attempt-timeout · conclude · cancel
"""

ROOT: Final = 0


class Timer(NamedTuple):
    frame: int
    purpose: str
    due: int


class Gate(NamedTuple):
    """A gate that holds a command: its id, the event that opened it, and when it expires (milliseconds), if ever."""

    id: str
    opened: int
    expires: int | None


class Frame:
    """One execution of a task, or the workflow itself (id 0, no task).

    `raw` and `input` are the task's raw and transformed input. `value` is what flows: the next
    child's raw input while children run, the raw output at the end. `part` says which block of
    the task runs: main, catch, before, after or foreach. `index` counts iterations, attempts of
    an extension or delivered events; `attempt` counts retries of a try task.
    """

    __slots__ = (
        "attempt",
        "authorization",
        "branch",
        "command",
        "consumed",
        "correlations",
        "first_at",
        "id",
        "index",
        "input",
        "items",
        "matched",
        "outputs",
        "parent",
        "part",
        "position",
        "raw",
        "result",
        "resume",
        "started_at",
        "task",
        "then",
        "timers",
        "todo",
        "until_matched",
        "value",
        "variables",
    )

    def __init__(self, id: int, parent: int, task: p.Task | None, raw: Json, started_at: int) -> None:
        self.id = id
        self.parent = parent
        self.task = task
        self.raw = raw
        self.input = raw
        self.value = raw
        self.started_at = started_at
        self.part = "main"
        self.position = -1
        self.index = -1
        self.branch = -1
        self.attempt = 0
        self.first_at = started_at
        self.todo: Todo | None = None
        self.resume: Todo | None = None
        self.command: int | None = None
        self.timers: tuple[int, ...] = ()
        self.variables: dict[str, Json] | None = None
        self.items: list[Json] | None = None
        self.outputs: dict[int, Json] | None = None
        self.consumed: list[Json] | None = None
        self.matched: frozenset[int] = frozenset()
        self.until_matched: frozenset[int] = frozenset()
        self.correlations: dict[str, Json] | None = None
        self.result: Json = None
        self.then: str | None = None
        self.authorization: Json = None


def is_fork(frame: Frame) -> bool:
    """Whether the children of `frame` are the branches of a fork."""
    return frame.part == "main" and frame.task is not None and frame.task.kind == "fork"
