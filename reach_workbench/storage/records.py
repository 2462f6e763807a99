"""What leaves the storage: immutable records. Rows never do.

Times are milliseconds since 1970-01-01 UTC. JSON columns arrive as values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from reach_workbench.engine.values import Json
from reach_workbench.evidence.merkle import Frontier
from reach_workbench.storage.packing import unpack

LOCAL_TENANT: Final = 1
"""The tenant of everything done on one's own machine."""

JobStatus = Literal["queued", "leased", "completed", "dead_letter"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. `key` is its place in the store, `id` its name everywhere else.

    `seq` and `digest` are the last committed event's; the digest is `b""` before the run's own first. `program` is the
    digest of the compiled document, `base` the folder relative paths start from. `forked_from`
    is the key of the run this one shares its first `forked_at` events with. `next_due` is when
    its earliest timer fires.
    """

    key: int
    id: str
    tenant: int
    program: str
    namespace: str
    name: str
    version: str
    file: str | None
    base: Path | None
    status: str
    capabilities: tuple[str, ...]
    created_at: int
    ended_at: int | None
    output: Json
    error: dict[str, Json] | None
    seq: int
    digest: bytes
    parent: str | None
    parent_command: int | None
    forked_from: int | None
    forked_at: int | None
    breakpoints: tuple[str, ...]
    position: str | None
    waiting: Json
    secrets: tuple[str, ...]
    next_due: int | None


class RunOrigin(NamedTuple):
    """What never changes of a run; see `RunRecord`. Quick to read of very many."""

    key: int
    id: str
    program: str
    namespace: str
    name: str
    version: str
    base: Path | None
    forked_from: int | None


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """A workflow document as it was run or added; `digest` is what names it."""

    digest: str
    source: str
    file: str | None
    namespace: str
    name: str
    version: str
    created_at: int


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """A catalogued workflow with the source it stands for."""

    tenant: int
    namespace: str
    name: str
    version: str
    program: str
    created_at: int
    source: str
    file: str | None


class Snapshot(NamedTuple):
    """A run's state after event `seq`, as the bytes that were handed in."""

    seq: int
    state: bytes


@dataclass(frozen=True, slots=True)
class JobRecord:
    """Leased work. `token` and `lease_until` are set while it is leased."""

    id: str
    tenant: int
    run: str | None
    kind: str
    payload: Json
    status: JobStatus
    token: str | None
    lease_until: int | None
    priority: int
    attempts: int
    max_attempts: int
    next_run_at: int
    created_at: int
    completed_at: int | None
    error: str | None


def job_record(row: Any) -> JobRecord:
    """A row of the jobs table as the record it stands for."""
    id, tenant, run, kind, payload, *rest = row
    return JobRecord(id, tenant, run, kind, None if payload is None else unpack(payload), *rest)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    id: int
    tenant: int
    run: str | None
    type: str
    payload: Json
    created_at: int


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The tree over the audit log; `pins` checkpoints of it are in their file, the last of `pinned` records."""

    tree: Frontier
    pins: int
    pinned: int


@dataclass(frozen=True, slots=True)
class NodeRecord:
    id: str
    tenant: int
    type: str
    capabilities: tuple[str, ...]
    status: str
    last_heartbeat_at: int
    latency_ms: int | None
    load_score: int | None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A message from another process to the node that holds the home; `answer` once it is answered.

    One that is taken up and not answered yet has an `answer` without `answered_at`: it can't be withdrawn any more.
    """

    id: int
    tenant: int
    kind: str
    payload: Json
    created_at: int
    answered_at: int | None
    answer: Json

    @property
    def taken(self) -> bool:
        return self.answer is not None


@dataclass(frozen=True, slots=True)
class CloudEventRecord:
    """A CloudEvent that was emitted by a run (`run`) or published from outside."""

    key: int
    tenant: int
    id: str
    source: str
    type: str
    payload: dict[str, Json]
    received_at: int
    run: str | None


@dataclass(frozen=True, slots=True)
class BreakpointRecord:
    """Where runs are held; the fields of `protocol.debugging.Breakpoint`, with `kind` for `on`."""

    id: str
    tenant: int
    kind: str
    task: str | None
    command: str | None
    workflow: str | None
    run: str | None
    condition: str | None
    hits: int
    log: str | None
    enabled: bool
    count: int
    problem: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class LogLineRecord:
    """What the breakpoint with that id said beside event `seq` of a run."""

    breakpoint: str
    run: str
    seq: int
    at: int
    message: str


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """One way a catalogued workflow starts by itself: `kind` is every, cron, after or on, `rule` the document's value.

    `heard` is the key of the last CloudEvent that an `on` has weighed, `collected` those it has taken towards its
    next start.
    """

    id: str
    tenant: int
    program: str
    namespace: str
    name: str
    version: str
    kind: str
    rule: Json
    enabled: bool
    next_at: int | None
    last_at: int | None
    last_run: str | None
    started: int
    skipped: int
    heard: int
    collected: tuple[dict[str, Json], ...]
    created_at: int


GateOutcome = Literal["approved", "denied", "expired", "cancelled", "superseded"]


@dataclass(frozen=True, slots=True)
class GateRecord:
    """A held command; `outcome` is None while it is open. See `tables.Gate`."""

    id: str
    tenant: int
    run: str
    command: int
    task: str
    workflow: str
    kind: str
    arguments: Json
    digest: str
    requester: str
    policy: str
    policies: tuple[str, ...]
    terms: dict[str, Json]
    nonce: str
    opened_at: int
    expires_at: int | None
    outcome: GateOutcome | None = None
    closed_at: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """What a reviewer signed about a gate; `groups` are those the reviewer was in then."""

    gate: str
    reviewer: str
    tenant: int
    verdict: Literal["approve", "deny", "delegate"]
    groups: tuple[str, ...]
    public_key: bytes
    body: bytes
    signature: bytes
    reason: str | None
    at: int


@dataclass(frozen=True, slots=True)
class PoliciesRecord:
    """Policies that were in force once: the texts of their files by name."""

    digest: str
    tenant: int
    files: dict[str, str]
    created_at: int
    used_at: int


@dataclass(frozen=True, slots=True)
class TenantRecord:
    id: int
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class ReviewerRecord:
    """A key that may decide about gates, in force until `revoked_at`."""

    tenant: int
    key_id: str
    name: str
    public_key: bytes
    groups: tuple[str, ...]
    added_at: int
    revoked_at: int | None
