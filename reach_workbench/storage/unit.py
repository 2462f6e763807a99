"""A unit of work: everything that must be committed together, or not at all.

A unit only collects statements; `Store.commit` runs them. Values are packed when they are
added, so what is committed is what they were then. Times are milliseconds since 1970.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.events import Event
from reach_workbench.engine.values import Json
from reach_workbench.errors import Bug, LeaseLost, NotFound, RunStateError
from reach_workbench.storage import statements as sql
from reach_workbench.storage.codec import split
from reach_workbench.storage.packing import pack, squeeze
from reach_workbench.storage.records import (
    LOCAL_TENANT,
    BreakpointRecord,
    JobRecord,
    LogLineRecord,
    ScheduleRecord,
    job_record,
)

LOG_LINES: Final = 1_000
"""How many lines of breakpoints with a message are kept of one run."""

_TAKEN: Final = pack({"taken": True})

Check = Callable[[sqlite3.Cursor], None]
"""Looks at a statement's result inside the transaction; raising refuses the whole unit."""


class Statement(NamedTuple):
    text: str
    parameters: dict[str, Any]
    check: Check | None = None


class AuditEntry(NamedTuple):
    """A record of the audit log before it has its number; `payload` is canonical JSON."""

    at: int
    tenant: int
    run: str | None
    type: str
    payload: bytes


class Unit:
    """Statements in the order they were added. A unit is used once.

    `records` go into the audit log after the statements: only then is it known which number each has. `events` and
    `faulted` count the events it appends and the runs it ends in a fault.
    """

    __slots__ = ("events", "faulted", "records", "statements")

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.records: list[AuditEntry] = []
        self.events = 0
        self.faulted = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.statements and not self.records

    def add(self, text: str, parameters: dict[str, Any], check: Check | None = None) -> None:
        """Add a statement of `statements.py`."""
        self.statements.append(Statement(text, parameters, check))

    # -- runs

    def create_run(
        self,
        *,
        key: int,
        id: str,
        program: str,
        namespace: str,
        name: str,
        version: str,
        created_at: int,
        status: str = "pending",
        file: str | None = None,
        base: Path | None = None,
        capabilities: Sequence[str] = (),
        parent: str | None = None,
        parent_command: int | None = None,
        forked_from: int | None = None,
        forked_at: int | None = None,
        breakpoints: Sequence[str] = (),
        secrets: Sequence[str] = (),
        tenant: int = LOCAL_TENANT,
    ) -> None:
        """A new run; `key` comes from `Store.new_run_key`, `program` must have been added before.

        `secrets` are names, never values.
        """
        self.add(
            sql.RUN_INSERT,
            {
                "key": key,
                "id": id,
                "tenant": tenant,
                "program": program,
                "namespace": namespace,
                "name": name,
                "version": version,
                "file": file,
                "base": None if base is None else str(base),
                "status": status,
                "capabilities": _list(capabilities),
                "created_at": created_at,
                "parent": parent,
                "parent_command": parent_command,
                "forked_from": forked_from,
                "forked_at": forked_at,
                "breakpoints": _list(breakpoints),
                "secrets": _list(secrets),
            },
        )

    def update_run(self, key: int, **columns: Json) -> None:
        """Change some of status, ended_at, output, error, breakpoints, position, waiting, secrets, next_due.

        A run's `seq` and `digest` need no update: they are read from its last event.
        """
        text = sql.run_update(tuple(columns))
        for name in ("output", "error", "waiting"):
            if columns.get(name) is not None:
                columns[name] = pack(columns[name])
        for name in ("breakpoints", "secrets"):
            if name in columns:
                columns[name] = _list(columns[name])
        if columns.get("status") == "faulted":
            self.faulted += 1
        columns["key"] = key
        self.add(text, columns)

    def append_events(
        self, run_key: int, events: Sequence[Event], digests: Sequence[bytes], *, tenant: int = LOCAL_TENANT
    ) -> None:
        """The next events of a run, each with its full digest.

        Committing the same numbers twice fails the unit: two processes can't both write a run.
        """
        if len(events) != len(digests):
            raise Bug(f"{len(events)} events came with {len(digests)} digests")
        if not events:
            return
        if events[-1].seq - events[0].seq + 1 != len(events):
            raise Bug(f"{len(events)} events from {events[0].seq} to {events[-1].seq} are not consecutive")
        self.events += len(events)
        above = run_key << 32
        for last, count, at, payload, marks in split(events, digests):
            self.statements.append(
                Statement(
                    sql.EVENTS_INSERT,
                    {
                        "id": above | last,
                        "tenant": tenant,
                        "count": count,
                        "at": at,
                        "payload": payload,
                        "digests": marks,
                    },
                )
            )

    def put_snapshot(self, run_key: int, seq: int, state: bytes, *, tenant: int = LOCAL_TENANT) -> None:
        """The run's state after event `seq` as JSON text; replaces one at the same place."""
        self.add(sql.SNAPSHOT_UPSERT, {"id": run_key << 32 | seq, "tenant": tenant, "state": squeeze(state)})

    # -- programs and the catalog

    def add_program(
        self, *, digest: str, source: str, file: str | None, namespace: str, name: str, version: str, created_at: int
    ) -> None:
        """Keep a document; one that is there already stays as it is."""
        self.add(
            sql.PROGRAM_INSERT,
            {
                "digest": digest,
                "source": source,
                "file": file,
                "namespace": namespace,
                "name": name,
                "version": version,
                "created_at": created_at,
            },
        )

    def add_workflow(
        self,
        *,
        namespace: str,
        name: str,
        version: str,
        program: str,
        created_at: int,
        tenant: int = LOCAL_TENANT,
    ) -> None:
        """Catalogue a kept program for `run: workflow`; the same name and version is replaced."""
        self.add(
            sql.WORKFLOW_UPSERT,
            {
                "tenant": tenant,
                "namespace": namespace,
                "name": name,
                "version": version,
                "program": program,
                "created_at": created_at,
            },
        )

    # -- jobs

    def enqueue_job(
        self,
        *,
        id: str,
        kind: str,
        created_at: int,
        payload: Json = None,
        run: str | None = None,
        priority: int = 0,
        max_attempts: int = 5,
        next_run_at: int | None = None,
        tenant: int = LOCAL_TENANT,
    ) -> None:
        """Work to lease from `next_run_at` on (at once by default); higher priorities go first."""
        self.statements.append(
            Statement(
                sql.JOB_INSERT,
                {
                    "id": id,
                    "tenant": tenant,
                    "run": run,
                    "kind": kind,
                    "payload": None if payload is None else pack(payload),
                    "priority": priority,
                    "max_attempts": max_attempts,
                    "next_run_at": created_at if next_run_at is None else next_run_at,
                    "created_at": created_at,
                },
            )
        )

    def lease_jobs(self, token: str, *, now: int, until: int, limit: int, into: list[JobRecord]) -> None:
        """Give ready jobs to the holder of `token` until `until`; once committed they are in `into`.

        Jobs whose lease ran out come back first, or are buried when that was their last attempt.
        """

        def collect(cursor: sqlite3.Cursor) -> None:
            into[:] = map(job_record, cursor.fetchall())

        self.add(sql.JOBS_BURY_EXPIRED, {"now": now})
        self.add(sql.JOBS_RECLAIM, {"now": now})
        self.add(sql.JOBS_LEASE, {"now": now, "token": token, "until": until, "limit": limit}, collect)

    def renew_job(self, id: str, token: str, *, until: int, lost: set[str]) -> None:
        """Prolong a lease; once committed the id is in `lost` if it was no longer the token's."""

        def check(cursor: sqlite3.Cursor) -> None:
            if cursor.rowcount == 0:
                lost.add(id)

        self.add(sql.JOB_HEARTBEAT, {"id": id, "token": token, "until": until}, check)

    def take_job(self, id: str, token: str, *, now: int, until: int) -> None:
        """Lease one job by name, whatever it is due: for the node that goes on with a run because a person asked.

        The unit fails with LeaseLost when there is no such job, or it is completed.
        """
        self.add(sql.JOB_TAKE, {"id": id, "token": token, "now": now, "until": until}, _leased)

    def complete_job(self, id: str, token: str, *, at: int) -> None:
        """The leased job is done. With a lease that is no longer ours the unit fails with LeaseLost."""
        self.add(sql.JOB_COMPLETE, {"id": id, "token": token, "at": at}, _leased)

    def release_job(self, id: str, token: str, *, next_run_at: int) -> None:
        """Give the job back without counting the attempt, for `next_run_at`."""
        self.add(sql.JOB_RELEASE, {"id": id, "token": token, "next_run_at": next_run_at}, _leased)

    def fail_job(self, id: str, token: str, error: str, *, at: int, next_run_at: int | None) -> None:
        """The attempt failed: again at `next_run_at`, or to the dead letters when that is None."""
        if next_run_at is None:
            self.add(sql.JOB_BURY, {"id": id, "token": token, "error": error, "at": at}, _leased)
        else:
            self.add(sql.JOB_RETRY, {"id": id, "token": token, "error": error, "next_run_at": next_run_at}, _leased)

    def take_back_jobs(self, *, holder: str, now: int) -> None:
        """End every lease but those whose tokens begin with `holder`; the attempts count.

        What was leased was due, also when the clock has been set back since.
        """
        self.add(sql.JOBS_TAKE_BACK, {"holder": holder, "now": now})

    def requeue_job(self, id: str, *, next_run_at: int) -> None:
        """Give a dead letter all its attempts again. NotFound when it is none."""
        self.add(sql.JOB_REQUEUE, {"id": id, "next_run_at": next_run_at}, _dead)

    def drop_job(self, id: str) -> None:
        """Delete a dead letter. NotFound when it is none."""
        self.add(sql.JOB_DROP, {"id": id}, _dead)

    def forget_jobs(self, *, before: int) -> None:
        """Delete jobs that were completed before this time."""
        self.add(sql.JOBS_FORGET, {"before": before})

    def hurry_job(self, id: str, *, next_run_at: int) -> None:
        """Bring a queued job forward; one that is leased, ended or due earlier stays as it is."""
        self.add(sql.JOB_HURRY, {"id": id, "next_run_at": next_run_at})

    # -- breakpoints and schedules

    def put_breakpoint(self, breakpoint: BreakpointRecord) -> None:
        """A new breakpoint, or other terms for the one with its id."""
        columns = {name: getattr(breakpoint, name) for name in BreakpointRecord.__slots__}
        columns["at"] = columns.pop("created_at")
        self.add(sql.BREAKPOINT_UPSERT, columns)

    def meet_breakpoint(self, id: str, *, times: int, problem: str | None) -> None:
        """It was met so often; `problem` is why its condition failed last."""
        self.add(sql.BREAKPOINT_MET, {"id": id, "times": times, "problem": problem})

    def drop_breakpoint(self, id: str) -> None:
        self.add(sql.BREAKPOINT_DELETE, {"id": id})

    def add_log_lines(self, run: str, lines: Sequence[LogLineRecord], *, tenant: int = LOCAL_TENANT) -> None:
        """What breakpoints said about a run; only the newest `LOG_LINES` of a run are kept."""
        for line in lines:
            columns = {name: getattr(line, name) for name in LogLineRecord.__slots__}
            self.add(sql.LOG_LINE_INSERT, {**columns, "tenant": tenant})
        self.add(sql.LOG_LINES_TRIM, {"run": run, "most": LOG_LINES})

    def put_schedule(
        self,
        *,
        id: str,
        program: str,
        namespace: str,
        name: str,
        version: str,
        kind: str,
        rule: Json,
        next_at: int | None,
        heard: int,
        at: int,
        tenant: int = LOCAL_TENANT,
    ) -> None:
        """A new schedule, or another rule for the one with its id, whose counts stay."""
        self.add(
            sql.SCHEDULE_UPSERT,
            {
                "id": id,
                "tenant": tenant,
                "program": program,
                "namespace": namespace,
                "name": name,
                "version": version,
                "kind": kind,
                "rule": pack(rule),
                "next_at": next_at,
                "heard": heard,
                "at": at,
            },
        )

    def renew_schedule(self, id: str, *, program: str, version: str) -> None:
        """The same rule in another version of its workflow."""
        self.add(sql.SCHEDULE_PROGRAM, {"id": id, "program": program, "version": version})

    def start_schedule(
        self, schedule: ScheduleRecord, *, run: str, at: int, next_at: int | None, skipped: int, heard: int
    ) -> None:
        """`run` was started by it. The unit fails when another start came first."""
        self.add(
            sql.SCHEDULE_STARTED,
            {
                "id": schedule.id,
                "started": schedule.started,
                "run": run,
                "at": at,
                "next_at": next_at,
                "skipped": skipped,
                "heard": heard,
            },
            _unstarted,
        )

    def set_schedule_due(self, id: str, *, next_at: int | None) -> None:
        self.add(sql.SCHEDULE_DUE, {"id": id, "next_at": next_at})

    def collect_for_schedule(self, id: str, *, heard: int, collected: Sequence[dict[str, Json]]) -> None:
        """It has weighed the CloudEvents up to `heard`, and has these towards its next start."""
        packed = pack(list(collected)) if collected else None
        self.add(sql.SCHEDULE_HEARD, {"id": id, "heard": heard, "collected": packed})

    def drop_schedule(self, id: str) -> None:
        self.add(sql.SCHEDULE_DELETE, {"id": id})

    # -- the rest

    def audit(self, type: str, payload: Json, *, at: int, run: str | None = None, tenant: int = LOCAL_TENANT) -> None:
        """Append to the audit log; the database refuses to change or delete what is in it.

        Raises TypeError or ValueError for a payload that JSON can't carry.
        """
        self.records.append(AuditEntry(at, tenant, run, type, canonical(payload)))

    def pin_audit(self, *, pins: int, size: int) -> None:
        """Remember that the file has so many checkpoints, the last of them of so many records."""
        self.add(sql.AUDIT_PINNED, {"pins": pins, "size": size})

    def put_cloudevent(
        self, event: dict[str, Json], *, at: int, run: str | None = None, tenant: int = LOCAL_TENANT
    ) -> None:
        """Log a CloudEvent with its required attributes (CloudEvents 1.0, Required Attributes)."""
        self.add(
            sql.CLOUDEVENT_INSERT,
            {
                "tenant": tenant,
                "id": event["id"],
                "source": event["source"],
                "type": event["type"],
                "payload": pack(event),
                "at": at,
                "run": run,
            },
        )

    def take_request(self, id: int) -> None:
        """Take a request of another process up; NotFound when it was withdrawn or taken up before."""
        self.add(sql.REQUEST_TAKE, {"id": id, "answer": _TAKEN}, _taken)

    def answer_request(self, id: int, answer: Json, *, at: int) -> None:
        """Answer a request of another process; NotFound when it was answered before."""
        self.add(sql.REQUEST_ANSWER, {"id": id, "answer": pack(answer), "at": at}, _answered)

    def forget_requests(self, *, before: int) -> None:
        """Delete requests that were answered before this time, and those of before that nobody will answer."""
        self.add(sql.REQUESTS_FORGET, {"before": before})

    def put_node(
        self,
        *,
        id: str,
        type: str,
        status: str,
        at: int,
        capabilities: Sequence[str] = (),
        latency_ms: int | None = None,
        load_score: int | None = None,
        tenant: int = LOCAL_TENANT,
    ) -> None:
        """Register a node, or renew what is known about it."""
        self.add(
            sql.NODE_UPSERT,
            {
                "id": id,
                "tenant": tenant,
                "type": type,
                "capabilities": _list(capabilities),
                "status": status,
                "at": at,
                "latency_ms": latency_ms,
                "load_score": load_score,
            },
        )

    def add_tenant(self, *, id: int, name: str, at: int) -> None:
        self.add(sql.TENANT_INSERT, {"id": id, "name": name, "at": at})


def _list(texts: Sequence[str]) -> str | None:
    return orjson.dumps(list(texts)).decode() if texts else None


def _leased(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise LeaseLost(
            "the lease on this job was lost: it expired and the job may have been given to another holder",
            hint="nothing of this attempt was saved; give the job a heartbeat more often, or a longer lease",
        )


def _unstarted(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise RunStateError("this schedule was started or changed meanwhile")


def _dead(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise NotFound("this job is not among the dead letters")


def _taken(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise NotFound("this request was withdrawn, or taken up before")


def _answered(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise NotFound("this request does not exist, or was answered before")
