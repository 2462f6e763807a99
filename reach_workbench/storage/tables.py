"""The tables and what their columns mean; `migrations/` makes exactly these.

Times are milliseconds since 1970-01-01 UTC. `tenant_id` says whose the row is. Columns of
bytes hold packed JSON (see `packing`), but for `digests` (see `codec`). Statements of the hot
paths are in `statements.py`; this module costs 300 ms to import and is for migrations,
integrity checks and tests.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import DDL, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, event, text
from sqlmodel import Field, SQLModel

_KEY = BigInteger().with_variant(Integer(), "sqlite")


class _Table(SQLModel):
    """Where all tables meet: `_Table.metadata` describes the database."""


def _key(**options: Any) -> Any:
    return Field(default=None, sa_column=Column(_KEY, primary_key=True, **options))


def _text(*constraints: Any, **options: Any) -> Any:
    return Field(sa_column=Column(Text, *constraints, **{"nullable": False, **options}))


def _maybe_text() -> Any:
    return Field(default=None, sa_column=Column(Text))


def _number(*constraints: Any, **options: Any) -> Any:
    return Field(sa_column=Column(BigInteger, *constraints, **{"nullable": False, **options}))


def _maybe_number(*constraints: Any) -> Any:
    return Field(default=None, sa_column=Column(BigInteger, *constraints))


def _bytes() -> Any:
    return Field(sa_column=Column(LargeBinary, nullable=False))


def _maybe_bytes() -> Any:
    return Field(default=None, sa_column=Column(LargeBinary))


class Tenant(_Table, table=True):
    """Whose things are whose. Tenant 1, `local`, is there from the start."""

    __tablename__: ClassVar[str] = "tenants"
    id: int | None = _key()
    name: str = _text(unique=True)
    created_at: int = _number()


class Program(_Table, table=True):
    """A workflow document as it was run or added; the digest covers its source."""

    __tablename__: ClassVar[str] = "programs"
    digest: str = _text(primary_key=True)
    source: str = _text()
    file: str | None = _maybe_text()
    namespace: str = _text()
    name: str = _text()
    version: str = _text()
    created_at: int = _number()


class Workflow(_Table, table=True):
    """The catalog of `reach add`: what a `run: workflow` reference finds."""

    __tablename__: ClassVar[str] = "workflows"
    tenant_id: int = _number(ForeignKey("tenants.id"), primary_key=True)
    namespace: str = _text(primary_key=True)
    name: str = _text(primary_key=True)
    version: str = _text(primary_key=True)
    program: str = _text(ForeignKey("programs.digest"))
    created_at: int = _number()


class Run(_Table, table=True):
    """A run. `key` numbers it here, `id` names it everywhere else.

    Its last event's number and digest are not repeated here: they are in `events`. `parent` is the
    id of the run whose command `parent_command` started it. `forked_from` is the key of the run
    whose first `forked_at` events are also its own.
    """

    __tablename__: ClassVar[str] = "runs"
    __table_args__ = (
        Index("runs_status", "status", "key"),
        Index("runs_parent", "parent", sqlite_where=text("parent IS NOT NULL")),
        Index("runs_unfinished", "key", sqlite_where=text("ended_at IS NULL")),
    )
    key: int | None = _key()
    id: str = _text(unique=True)
    tenant_id: int = _number(ForeignKey("tenants.id"))
    program: str = _text(ForeignKey("programs.digest"))
    namespace: str = _text()
    name: str = _text()
    version: str = _text()
    file: str | None = _maybe_text()
    base: str | None = _maybe_text()
    status: str = _text()
    capabilities: str | None = _maybe_text()
    created_at: int = _number()
    ended_at: int | None = _maybe_number()
    output: bytes | None = _maybe_bytes()
    error: bytes | None = _maybe_bytes()
    parent: str | None = _maybe_text()
    parent_command: int | None = _maybe_number()
    forked_from: int | None = _maybe_number(ForeignKey("runs.key"))
    forked_at: int | None = _maybe_number()
    breakpoints: str | None = _maybe_text()
    position: str | None = _maybe_text()
    waiting: bytes | None = _maybe_bytes()
    secrets: str | None = _maybe_text()
    next_due: int | None = _maybe_number()


class Chunk(_Table, table=True):
    """Consecutive events of a run: `id` is `run key << 32 | number of the last event`.

    `created_at` is the time of the first of the `count` events.
    """

    __tablename__: ClassVar[str] = "events"
    id: int | None = _key()
    tenant_id: int = _number()
    count: int = _number()
    created_at: int = _number()
    payload: bytes = _bytes()
    digests: bytes = _bytes()


class Snapshot(_Table, table=True):
    """A run's state after an event: `id` is `run key << 32 | number of the event`."""

    __tablename__: ClassVar[str] = "snapshots"
    id: int | None = _key()
    tenant_id: int = _number()
    state: bytes = _bytes()


class Job(_Table, table=True):
    """Leased work: status queued, leased, completed or dead_letter."""

    __tablename__: ClassVar[str] = "jobs"
    __table_args__ = (
        Index("jobs_ready", text("priority DESC"), "next_run_at", sqlite_where=text("status = 'queued'")),
        Index("jobs_leased", "lease_until", sqlite_where=text("status = 'leased'")),
        Index("jobs_run", "run_id", sqlite_where=text("run_id IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )
    id: str = _text(primary_key=True)
    tenant_id: int = _number()
    run_id: str | None = _maybe_text()
    kind: str = _text()
    payload: bytes | None = _maybe_bytes()
    status: str = _text()
    lease_token: str | None = _maybe_text()
    lease_until: int | None = _maybe_number()
    priority: int = _number()
    attempts: int = _number()
    max_attempts: int = _number()
    next_run_at: int = _number()
    created_at: int = _number()
    completed_at: int | None = _maybe_number()
    error: str | None = _maybe_text()


class Audit(_Table, table=True):
    """Who did what: append-only, kept so by triggers. Ids count from 1 without a gap.

    `payload` is canonical JSON as text, never packed, so that the bytes the leaf covers are at hand; `leaf` is the
    hash of the record (`evidence.record`), the leaf `id - 1` of the tree.
    """

    __tablename__: ClassVar[str] = "audit"
    __table_args__ = (
        Index("audit_run", "run_id", sqlite_where=text("run_id IS NOT NULL")),
        Index("audit_keys", "id", sqlite_where=text("type = 'node.key-rotated'")),
    )
    id: int | None = _key()
    tenant_id: int = _number()
    run_id: str | None = _maybe_text()
    type: str = _text()
    payload: bytes = _bytes()
    created_at: int = _number()
    leaf: bytes = _bytes()


class AuditTree(_Table, table=True):
    """The Merkle tree over the audit log, one row that is written with the records; none means an empty tree.

    `peaks` are the roots of its perfect subtrees (`evidence.merkle.Frontier`). `pins` checkpoints have been written
    to the file of checkpoints, the last of them at the size `pinned`.
    """

    __tablename__: ClassVar[str] = "audit_tree"
    id: int | None = _key()
    size: int = _number()
    peaks: bytes = _bytes()
    pins: int = _number()
    pinned: int = _number()


class Node(_Table, table=True):
    """Nodes this one knows; `latency_ms` and `load_score` as last measured."""

    __tablename__: ClassVar[str] = "nodes"
    id: str = _text(primary_key=True)
    tenant_id: int = _number()
    type: str = _text()
    capabilities: str | None = _maybe_text()
    status: str = _text()
    last_heartbeat_at: int = _number()
    latency_ms: int | None = _maybe_number()
    load_score: int | None = _maybe_number()


class Request(_Table, table=True):
    """The mailbox of the node that holds the home: what other processes ask of it, and its answers."""

    __tablename__: ClassVar[str] = "requests"
    __table_args__ = (
        Index("requests_open", "id", sqlite_where=text("answered_at IS NULL")),
        {"sqlite_autoincrement": True},
    )
    id: int | None = _key(autoincrement=True)
    tenant_id: int = _number()
    kind: str = _text()
    payload: bytes = _bytes()
    created_at: int = _number()
    answered_at: int | None = _maybe_number()
    answer: bytes | None = _maybe_bytes()


class CloudEvent(_Table, table=True):
    """CloudEvents that runs emitted (`run_id`) or that came from outside, in the order they came."""

    __tablename__: ClassVar[str] = "cloudevents"
    __table_args__ = (Index("cloudevents_id", "source", "id"), Index("cloudevents_received", "received_at"))
    key: int | None = _key()
    tenant_id: int = _number()
    id: str = _text()
    source: str = _text()
    type: str = _text()
    payload: bytes = _bytes()
    received_at: int = _number()
    run_id: str | None = _maybe_text()


class Breakpoint(_Table, table=True):
    """Where runs are held (see `protocol.debugging`): `kind` is its `on`, `enabled` 0 or 1."""

    __tablename__: ClassVar[str] = "breakpoints"
    id: str = _text(primary_key=True)
    tenant_id: int = _number()
    kind: str = _text()
    task: str | None = _maybe_text()
    command: str | None = _maybe_text()
    workflow: str | None = _maybe_text()
    run_id: str | None = _maybe_text()
    condition: str | None = _maybe_text()
    hits: int = _number()
    log: str | None = _maybe_text()
    enabled: int = _number()
    count: int = _number()
    problem: str | None = _maybe_text()
    created_at: int = _number()


class LogLine(_Table, table=True):
    """What a breakpoint with a message said beside event `seq` of a run; the newest of each run are kept."""

    __tablename__: ClassVar[str] = "log_lines"
    __table_args__ = (Index("log_lines_run", "run_id", "key"),)
    key: int | None = _key()
    tenant_id: int = _number()
    breakpoint: str = _text()
    run_id: str = _text()
    seq: int = _number()
    at: int = _number()
    message: str = _text()


class Schedule(_Table, table=True):
    """One way a catalogued workflow starts by itself: `id` is `namespace/name kind`.

    `rule` is the document's value for that kind. `next_at` is when it is due next. `heard` is the key of the last
    CloudEvent that an `on` has weighed, `collected` those it has taken towards its next start.
    """

    __tablename__: ClassVar[str] = "schedules"
    id: str = _text(primary_key=True)
    tenant_id: int = _number()
    program: str = _text(ForeignKey("programs.digest"))
    namespace: str = _text()
    name: str = _text()
    version: str = _text()
    kind: str = _text()
    rule: bytes = _bytes()
    enabled: int = _number()
    next_at: int | None = _maybe_number()
    last_at: int | None = _maybe_number()
    last_run: str | None = _maybe_text()
    started: int = _number()
    skipped: int = _number()
    heard: int = _number()
    collected: bytes | None = _maybe_bytes()
    created_at: int = _number()


class Gate(_Table, table=True):
    """A command that is held until somebody decides: `arguments` as canonical JSON, `digest` of kind and arguments.

    `policy` is the digest of the policies that hold it, `policies` the ids of those that do (a JSON list), `terms` what
    they ask. `outcome` is none while it is open, then approved, denied, expired, cancelled or superseded, for ever.
    """

    __tablename__: ClassVar[str] = "gates"
    __table_args__ = (
        Index("gates_open", "opened_at", "id", sqlite_where=text("outcome IS NULL")),
        Index("gates_run", "run_id"),
    )
    id: str = _text(primary_key=True)
    tenant_id: int = _number()
    run_id: str = _text()
    command: int = _number()
    task: str = _text()
    workflow: str = _text()
    kind: str = _text()
    arguments: bytes = _bytes()
    digest: str = _text()
    requester: str = _text()
    policy: str = _text()
    policies: str = _text()
    terms: bytes = _bytes()
    nonce: str = _text()
    opened_at: int = _number()
    expires_at: int | None = _maybe_number()
    outcome: str | None = _maybe_text()
    closed_at: int | None = _maybe_number()
    reason: str | None = _maybe_text()


class Approval(_Table, table=True):
    """What one reviewer said about a gate, approve or deny; `body` is what `signature` (Ed25519) covers."""

    __tablename__: ClassVar[str] = "approvals"
    __table_args__ = ({"sqlite_with_rowid": False},)
    gate_id: str = _text(ForeignKey("gates.id"), primary_key=True)
    reviewer: str = _text(primary_key=True)
    tenant_id: int = _number()
    verdict: str = _text()
    groups: str = _text()
    public_key: bytes = _bytes()
    body: bytes = _bytes()
    signature: bytes = _bytes()
    reason: str | None = _maybe_text()
    given_at: int = _number()


class Rate(_Table, table=True):
    """When the actions that one rate gate counts together were started, as far as its window reaches back."""

    __tablename__: ClassVar[str] = "rates"
    __table_args__ = ({"sqlite_with_rowid": False},)
    id: str = _text(primary_key=True)
    tenant_id: int = _number()
    times: bytes = _bytes()
    last_at: int = _number()


class Policies(_Table, table=True):
    """Policies that were in force, by their digest: their files by name. A broken file is replaced by the newest."""

    __tablename__: ClassVar[str] = "policies"
    digest: str = _text(primary_key=True)
    tenant_id: int = _number()
    files: bytes = _bytes()
    created_at: int = _number()
    used_at: int = _number()


class Reviewer(_Table, table=True):
    """A key that may decide about gates; `groups` is a JSON list. A revoked one stays: what it signed has a name."""

    __tablename__: ClassVar[str] = "reviewers"
    __table_args__ = ({"sqlite_with_rowid": False},)
    tenant_id: int = _number(primary_key=True)
    key_id: str = _text(primary_key=True)
    name: str = _text()
    public_key: bytes = _bytes()
    groups: str = _text()
    added_at: int = _number()
    revoked_at: int | None = _maybe_number()


metadata = _Table.metadata

for _change in ("update", "delete"):
    event.listen(
        metadata.tables["audit"],
        "after_create",
        DDL(  # type: ignore[no-untyped-call]  # it has no annotations
            f"CREATE TRIGGER audit_no_{_change} BEFORE {_change.upper()} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        ),
    )
