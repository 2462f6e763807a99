"""What goes through the door of a node: requests in, views out. All immutable, and each has a JSON form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reach_workbench.engine.values import Json

Status = Literal["pending", "running", "waiting", "suspended", "held", "cancelled", "faulted", "completed"]
"""The specification's status phases, and `held`: stopped by a breakpoint or between two steps."""

StepMode = Literal["into", "over", "out"]
Decision = Literal["repeat", "result", "fail"]


@dataclass(frozen=True, slots=True)
class StartRun:
    """Start a workflow from its text. `file` names it in diagnostics and anchors relative paths.

    `breakpoints` are task references. `hold` stops before the first task. `requester` is whoever asks for it, the
    person at the node's machine by default; `may` are the capabilities it is given (`KIND` or `KIND:RESOURCE`, such
    as `http.call` or `shell.run:git`), all of them with None.
    """

    source: str
    file: Path
    input: Json = None
    secrets: Mapping[str, Json] = field(default_factory=dict)
    breakpoints: tuple[str, ...] = ()
    hold: bool = False
    requester: str | None = None
    may: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as lists and headers show it. Times are milliseconds since 1970; None when it has not ended.

    `seq` is the last event, `digest` its hex digest. `waiting` says in words what it waits for.
    `in_doubt` are the numbers of commands whose outcome a crash left unknown, `gates` the gates that hold some.
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
    gates: tuple[str, ...] = ()
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
class ProofStep:
    """One thing that was checked of a capsule.

    `held` and `failed` are verdicts; `noted` is what the capsule can't prove, or proves only to those who know a key;
    `unchecked` what could not be looked at because of what failed before.
    """

    name: str
    status: Literal["held", "failed", "noted", "unchecked"]
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What replaying the recorded facts gave. When it failed, `seq` is the first event that differs.

    Of a capsule, `steps` are all that was checked, in order, and `signer` is the id of the key that signed it.
    """

    run: str
    ok: bool
    events: int
    digest: str
    seconds: float
    problem: Literal["damaged", "diverged", "unproved"] | None = None
    seq: int | None = None
    task: str | None = None
    recorded: Json = None
    replayed: Json = None
    message: str = ""
    signer: str | None = None
    steps: tuple[ProofStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """The CloudEvent as accepted, and the runs that consumed it.

    `queued`: a schedule took it and waits for others. `kept_for`: the stored workflows that hear it once a node serves,
    where none does.
    """

    event: dict[str, Json]
    consumed_by: tuple[str, ...]
    queued: bool = False
    kept_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of `doctor`."""

    name: str
    ok: bool
    message: str
    hint: str = ""


Progress = Callable[[int, int], None]
"""Called with (done, total) during long work."""
