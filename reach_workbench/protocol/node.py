"""The one door to a node: requests in, views and events out.

`node.LocalNode` implements it in process. Everything a screen, the command line or the HTTP
API does goes through here; nobody reads the store behind its back. Methods are async; views
are immutable. Every method may raise the errors of `reach_workbench.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json

Status = Literal["pending", "running", "waiting", "suspended", "held", "cancelled", "faulted", "completed"]
"""The specification's status phases, and `held`: stopped by a breakpoint or between two steps."""

StepMode = Literal["into", "over", "out"]
Decision = Literal["repeat", "result", "fail"]


@dataclass(frozen=True, slots=True)
class StartRun:
    """Start a workflow from its text. `file` names it in diagnostics and anchors relative paths.

    `breakpoints` are task references. `hold` stops before the first task.
    """

    source: str
    file: Path
    input: Json = None
    secrets: Mapping[str, Json] = field(default_factory=dict)
    breakpoints: tuple[str, ...] = ()
    hold: bool = False


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as lists and headers show it. Times are milliseconds since 1970; None when it has not ended.

    `seq` is the last event, `digest` its hex digest. `waiting` says in words what it waits for.
    `in_doubt` are the numbers of commands whose outcome a crash left unknown.
    """

    id: str
    namespace: str
    name: str
    version: str
    status: Status
    seq: int
    digest: str
    created_at: int
    ended_at: int | None
    output: Json
    error: dict[str, Json] | None
    parent: str | None = None
    forked_from: str | None = None
    forked_at: int | None = None
    position: str | None = None
    waiting: str | None = None
    in_doubt: tuple[int, ...] = ()
    breakpoints: tuple[str, ...] = ()
    file: str | None = None

    @property
    def workflow(self) -> str:
        return f"{self.namespace}/{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as users read it; `digest` is hex."""

    seq: int
    type: str
    at: int
    task: str | None
    frame: int
    data: dict[str, Json] | None
    digest: str

    def as_dict(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class FrameView:
    """One task that is being executed. `variables` are those in scope (loop item, caught error, …)."""

    frame: int
    parent: int
    task: str
    kind: str
    phase: str
    input: Json
    variables: dict[str, Json]
    started_at: int


@dataclass(frozen=True, slots=True)
class PendingView:
    """Something the run waits for: a command, a timer or an event."""

    kind: str
    task: str
    number: int
    detail: Json


@dataclass(frozen=True, slots=True)
class StateView:
    """The state after event `seq`. `position` is the innermost task that was entered last."""

    run: str
    seq: int
    status: Status
    position: str | None
    stack: tuple[FrameView, ...]
    input: Json
    context: Json
    data: Json
    output: Json
    error: dict[str, Json] | None
    pending: tuple[PendingView, ...]

    def as_dict(self) -> dict[str, Json]:
        from dataclasses import asdict

        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two states: `before` or `after` is absent when `kind` says added or removed."""

    pointer: str
    kind: Literal["added", "removed", "changed"]
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Verification:
    """What replaying the recorded facts gave. When it failed, `seq` is the first event that differs."""

    run: str
    ok: bool
    events: int
    digest: str
    seconds: float
    problem: Literal["damaged", "diverged"] | None = None
    seq: int | None = None
    task: str | None = None
    recorded: Json = None
    replayed: Json = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """The CloudEvent as accepted, and the runs that consumed it."""

    event: dict[str, Json]
    consumed_by: tuple[str, ...]
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of `doctor`."""

    name: str
    ok: bool
    message: str
    hint: str = ""


Progress = Callable[[int, int], None]
"""Called with (done, total) during long work."""


class Node(Protocol):
    """See the module. A run may be named by any unambiguous prefix of its id, or `last`."""

    async def compile(self, source: str, file: Path) -> Sequence[Diagnostic]: ...

    async def start(self, request: StartRun) -> RunView: ...

    async def wait(self, run: str) -> RunView:
        """The run once it has ended, is held, suspended, or waits for a decision on an effect in doubt."""
        ...

    async def runs(
        self, *, status: Status | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[RunView]: ...

    async def run(self, run: str) -> RunView: ...

    def events(self, run: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[EventView]:
        """Events with `seq` greater than `after`, in order; with `follow` until the run has ended."""
        ...

    async def state(self, run: str, at: int | None = None) -> StateView: ...

    async def diff(self, run: str, before: int, after: int) -> Sequence[Change]: ...

    async def step(
        self,
        run: str,
        mode: StepMode = "over",
        *,
        until: str | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> RunView:
        """Take one step of a held run (or, with `until`, go on to that task) and hold again."""
        ...

    async def resume(
        self, run: str, *, breakpoints: tuple[str, ...] | None = None, secrets: Mapping[str, Json] | None = None
    ) -> RunView: ...

    async def suspend(self, run: str, reason: str | None = None) -> RunView: ...

    async def cancel(self, run: str, reason: str | None = None) -> RunView: ...

    async def fork(
        self,
        run: str,
        at: int,
        *,
        edits: Mapping[str, Json] | None = None,
        source: str | None = None,
        file: Path | None = None,
        secrets: Mapping[str, Json] | None = None,
        hold: bool = False,
    ) -> RunView:
        """A new run with the same first `at` events. `edits` maps JSON pointers into {data, context} to values."""
        ...

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification: ...

    async def export(self, run: str, file: Path) -> None: ...

    async def import_(self, file: Path) -> RunView: ...

    async def publish(self, event: Mapping[str, Json]) -> Published: ...

    async def resolve(self, run: str, command: int, decision: Decision, *, value: Json = None) -> RunView:
        """Decide an effect in doubt: repeat it, take `value` as its result, or fail with `value` as the detail."""
        ...

    async def add(self, source: str, file: Path) -> str:
        """Store a workflow for `run: workflow` references; returns namespace/name:version."""
        ...

    async def doctor(self) -> Sequence[Check]: ...

    async def close(self) -> None: ...
