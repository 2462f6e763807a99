"""Everything that is read from the store: rows in, immutable records out.

Reads are short and take no lock a writer would wait for (WAL).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import orjson

from reach_workbench.engine.values import Json
from reach_workbench.errors import AuditDamaged, NotFound, UsageError
from reach_workbench.evidence.merkle import Frontier
from reach_workbench.storage import statements as sql
from reach_workbench.storage.codec import last_digest
from reach_workbench.storage.failures import damaged
from reach_workbench.storage.gate_reader import GateReader
from reach_workbench.storage.histories import SEQ_MAX, as_bytes
from reach_workbench.storage.packing import unpack
from reach_workbench.storage.records import (
    LOCAL_TENANT,
    AuditHead,
    AuditRecord,
    BreakpointRecord,
    CloudEventRecord,
    JobRecord,
    JobStatus,
    LogLineRecord,
    NodeRecord,
    ProgramRecord,
    RequestRecord,
    ReviewerRecord,
    RunOrigin,
    RunRecord,
    ScheduleRecord,
    TenantRecord,
    WorkflowRecord,
    job_record,
)
from reach_workbench.storage.reviewers import REVIEWER, REVIEWERS, reviewer_record
from reach_workbench.storage.rotations import ROTATIONS, Recorded, read_rotations
from reach_workbench.storage.versions import newest

_KEY_MAX: Final = (1 << 31) - 1

_ALIKE: Final = 1000
"""Runs looked through for one whose id begins and ends in a given way."""

SEQ_BEYOND: Final = 1 << 62
"""A number that no audit record has."""

_AFTER_ALL: Final = "\U0010ffff"
"""Sorts behind every id."""


class Reader(GateReader):
    """Reads through one connection. Raises StoreDamaged when the file turns out to be."""

    def close(self) -> None:
        self._connection.close()

    # -- runs

    def run(self, name: str) -> RunRecord:
        """The run of that id, of the only id that begins so, or the `last` one that was started.

        `BEGINNING…END` is an id as lists shorten it.

        Raises NotFound, or UsageError when several ids begin so.
        """
        if name == "last":
            if rows := self._rows(sql.RUN_LAST):
                return self._run(rows[0])
            raise NotFound("there is no run yet", hint="start one with `reach run FILE`")
        prefix, _, end = name.strip().lower().partition("…")
        rows = self._rows(sql.RUN_BY_ID, id=name) if name else []
        if not rows and prefix:
            found = self._rows(sql.RUN_BY_PREFIX, low=prefix, high=prefix + "\U0010ffff", limit=_ALIKE if end else 4)
            rows = [row for row in found if row[1].endswith(end)]
        if not rows:
            raise NotFound(f"there is no run {name!r}", hint="`reach runs` lists them")
        if len(rows) > 1:
            some = ", ".join(row[1] for row in rows[:3]) + (", …" if len(rows) > 3 else "")
            raise UsageError(f"several runs begin with {name!r}: {some}", hint="give more of the id")
        return self._run(rows[0])

    def run_by_key(self, key: int) -> RunRecord:
        """The run with this key. Raises NotFound."""
        rows = self._rows(sql.RUN_BY_KEY, key=key)
        if not rows:
            raise NotFound(f"there is no run with the key {key}")
        return self._run(rows[0])

    def has_run(self, id: str) -> bool:
        """Whether a run of exactly this id exists."""
        return bool(self._rows(sql.RUN_BY_ID, id=id))

    def runs(
        self,
        *,
        status: str | None = None,
        workflow: str | None = None,
        text: str = "",
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[RunRecord, ...]:
        """Runs, the newest first; `before` is the id (or a prefix) of the last one already seen.

        `workflow` is namespace/name; `text` a part of an id or of namespace/name:version, whatever the case.
        """
        place = _KEY_MAX + 1 if before is None else self.run(before).key
        given: dict[str, Any] = {}
        if status is not None:
            given["status"] = status
        if workflow is not None:
            given["namespace"], _, given["name"] = workflow.partition("/")
        if text:
            given["part"] = f"%{_literally(text.lower())}%"
        return tuple(map(self._run, self._rows(sql.runs(tuple(given)), before=place, limit=limit, **given)))

    def origins_after(self, key: int, *, limit: int = 500) -> list[RunOrigin]:
        """The runs that were started next after the one with that key, the oldest first."""
        rows = self._rows(sql.RUN_ORIGINS, after=key, limit=limit)
        bases = {row[6]: Path(row[6]) for row in rows if row[6] is not None}  # most runs share theirs
        return [
            RunOrigin(key, id, program, namespace, name, version, bases.get(base), parent)
            for key, id, program, namespace, name, version, base, parent in rows
        ]

    def event_count(self, until_key: int) -> int:
        """How many events the runs up to that key have recorded, those they share counted once."""
        return int(self._rows(sql.EVENTS_TOTAL, until=until_key << 32 | SEQ_MAX)[0][0])

    def unfinished(self) -> tuple[RunRecord, ...]:
        """Runs that have not ended, the oldest first: what a node goes on with when it starts."""
        return tuple(map(self._run, self._rows(sql.RUNS_UNFINISHED)))

    def listening(self) -> tuple[RunRecord, ...]:
        """Runs that have not ended and wait for something outside (`waiting` tells what), the oldest first."""
        return tuple(map(self._run, self._rows(sql.RUNS_LISTENING)))

    def children(self, id: str) -> tuple[RunRecord, ...]:
        """Runs that were started by this one's commands, the oldest first."""
        return tuple(map(self._run, self._rows(sql.RUNS_OF_PARENT, parent=id)))

    def descendants(self, id: str) -> int:
        """How many runs that run has started as sub-workflows, directly or through others."""
        return int(self._rows(sql.RUN_DESCENDANTS, root=id)[0][0])

    def run_counts(self) -> dict[str, int]:
        """How many runs there are of each status."""
        return dict(self._rows(sql.RUN_COUNTS))

    def last_run_key(self) -> int:
        return int(self._rows(sql.RUN_LAST_KEY)[0][0])

    # -- programs and the catalog

    def program(self, digest: str) -> ProgramRecord:
        """The document with this digest. Raises NotFound."""
        rows = self._rows(sql.PROGRAM, digest=digest)
        if not rows:
            raise NotFound(f"there is no stored document with the digest {digest[:16]}…")
        return ProgramRecord(*rows[0])

    def find_workflow(
        self, namespace: str, name: str, version: str = "latest", *, tenant: int = LOCAL_TENANT
    ) -> WorkflowRecord | None:
        """The catalogued workflow of that version; `latest` is the highest by semantic versioning."""
        rows = self._rows(sql.WORKFLOW_VERSIONS, tenant=tenant, namespace=namespace, name=name)
        found = {row[3]: WorkflowRecord(*row) for row in rows}
        return found.get(newest(found) if version == "latest" and found else version)

    def workflows(self, *, tenant: int = LOCAL_TENANT) -> tuple[WorkflowRecord, ...]:
        return tuple(WorkflowRecord(*row) for row in self._rows(sql.WORKFLOWS, tenant=tenant))

    def programs_of(self, namespace: str, name: str) -> tuple[str, ...]:
        """The digests of the newest documents of that workflow, catalogued or only run."""
        return tuple(row[0] for row in self._rows(sql.PROGRAMS_OF, namespace=namespace, name=name))

    # -- jobs

    def job(self, id: str) -> JobRecord:
        """The job of that id. Raises NotFound."""
        rows = self._rows(sql.JOB, id=id)
        if not rows:
            raise NotFound(f"there is no job {id!r}")
        return job_record(rows[0])

    def jobs(self, *, status: JobStatus | None = None, after: str = "", limit: int = 100) -> tuple[JobRecord, ...]:
        """Jobs by id, which is by age; `after` is the id of the last one already seen."""
        if status is None:
            return tuple(map(job_record, self._rows(sql.JOBS, after=after, limit=limit)))
        return tuple(map(job_record, self._rows(sql.JOBS_OF_STATUS, status=status, after=after, limit=limit)))

    def newest_jobs(
        self, *, status: JobStatus | None = None, before: str | None = None, limit: int = 100
    ) -> tuple[JobRecord, ...]:
        """Jobs, the newest first; `before` is the id of the last one already seen."""
        place = _AFTER_ALL if before is None else before
        if status is None:
            return tuple(map(job_record, self._rows(sql.JOBS_NEWEST, before=place, limit=limit)))
        return tuple(map(job_record, self._rows(sql.JOBS_NEWEST_OF_STATUS, status=status, before=place, limit=limit)))

    def jobs_of(self, run: str) -> tuple[JobRecord, ...]:
        return tuple(map(job_record, self._rows(sql.JOBS_OF_RUN, run=run)))

    def job_counts(self) -> dict[str, int]:
        return dict(self._rows(sql.JOB_COUNTS))

    def next_job_due(self) -> int | None:
        """When the next job can be leased, in milliseconds since 1970; None when there is none."""
        due = self._rows(sql.JOBS_NEXT)[0][0]
        return None if due is None else int(due)

    # -- the rest

    def requests(self) -> tuple[RequestRecord, ...]:
        """What other processes ask and nobody has answered yet, the oldest first."""
        return tuple(map(self._request, self._rows(sql.REQUESTS_OPEN)))

    def request(self, id: int) -> RequestRecord:
        """One request with its answer, if there is one. Raises NotFound."""
        rows = self._rows(sql.REQUEST, id=id)
        if not rows:
            raise NotFound(f"there is no request {id}")
        return self._request(rows[0])

    def audit(self, *, run: str | None = None, after: int = 0, limit: int = 100) -> tuple[AuditRecord, ...]:
        """The audit trail in order, of one run or of all."""
        if run is None:
            rows = self._rows(sql.AUDIT, after=after, limit=limit)
        else:
            rows = self._rows(sql.AUDIT_OF_RUN, run=run, after=after, limit=limit)
        return tuple(map(_audit_record, rows))

    def audit_newest(
        self,
        *,
        run: str | None = None,
        type: str = "",
        text: str = "",
        since: int | None = None,
        until: int | None = None,
        after: int = 0,
        before: int = SEQ_BEYOND,
        limit: int = 100,
    ) -> tuple[AuditRecord, ...]:
        """Audit records numbered between `after` and `before`, the newest first.

        `type` is how their type begins, `text` a part of type, run or payload, whatever the case; `since` and `until`
        are times. Without a run this reads all the records between: bound them.
        """
        given: dict[str, Any] = {}
        if run is not None:
            given["run"] = run
        if type:
            given["low"] = type
        if since is not None:
            given["since"] = since
        if until is not None:
            given["until"] = until
        if text:
            given["part"] = f"%{_literally(text.lower())}%"
        query = sql.audit_newest(tuple(given))
        return tuple(
            map(
                _audit_record,
                self._rows(query, after=after, before=before, limit=limit, high=type + _AFTER_ALL, **given),
            )
        )

    def audit_last(self) -> int:
        """The number of the last record, 0 when there is none."""
        return int(self._rows(sql.AUDIT_LAST)[0][0])

    def audit_rows(self, run: str) -> list[tuple[int, int, int, str | None, str, bytes]]:
        """The parts of all records about a run, as `evidence.record.record_bytes` takes them, in order."""
        return [
            (id, at, tenant, of, type, payload)
            for id, tenant, of, type, payload, at in self._rows(sql.AUDIT_OF_RUN, run=run, after=0, limit=SEQ_BEYOND)
        ]

    def rotations(self) -> tuple[Recorded, ...]:
        """The changes of the node's key, in order. Raises EvidenceDamaged for one that the key before did not sign."""
        return read_rotations(self._rows(ROTATIONS))

    def audit_leaves(self, size: int) -> list[bytes]:
        """The leaves of the first `size` records, as they are stored."""
        return [row[0] for row in self._rows(sql.AUDIT_LEAVES, until=size)]

    def audit_head(self) -> AuditHead:
        """The audit log's tree as it was committed last. Raises AuditDamaged when what is written can be no tree."""
        rows = self._rows(sql.AUDIT_TREE)
        if not rows:
            return AuditHead(Frontier(), 0, 0)
        size, peaks, pins, pinned = rows[0]
        try:
            return AuditHead(Frontier.from_bytes(size, peaks), pins, pinned)
        except (ValueError, TypeError, AttributeError):
            raise AuditDamaged(
                f"the audit log is damaged: what is written of its tree can't be one of {size} records",
                where=str(self._file),
                hint="`reach audit verify` tells more",
            ) from None

    def cloudevents(self, *, after: int = 0, limit: int = 100) -> tuple[CloudEventRecord, ...]:
        """Emitted and published CloudEvents in the order they came."""
        rows = self._rows(sql.CLOUDEVENTS, after=after, limit=limit)
        return tuple(
            CloudEventRecord(key, tenant, id, source, type, self._json(payload), at, run)
            for key, tenant, id, source, type, payload, at, run in rows
        )

    def emitted(self, since: int) -> tuple[dict[str, Json], ...]:
        """The CloudEvents that runs have emitted from that time on, in their order."""
        return tuple(self._json(row[0]) for row in self._rows(sql.CLOUDEVENTS_EMITTED, since=since))

    def nodes(self) -> tuple[NodeRecord, ...]:
        return tuple(
            NodeRecord(id, tenant, type, _texts(capabilities), status, at, latency, load)
            for id, tenant, type, capabilities, status, at, latency, load in self._rows(sql.NODES)
        )

    def tenants(self) -> tuple[TenantRecord, ...]:
        return tuple(TenantRecord(*row) for row in self._rows(sql.TENANTS))

    def breakpoints(self) -> tuple[BreakpointRecord, ...]:
        """The oldest first."""
        found = [BreakpointRecord(*row) for row in self._rows(sql.BREAKPOINTS)]
        return tuple(replace(record, enabled=bool(record.enabled)) for record in found)

    def log_lines(self, run: str) -> tuple[LogLineRecord, ...]:
        """What breakpoints have said about the run with that id, the oldest first."""
        return tuple(LogLineRecord(*row) for row in self._rows(sql.LOG_LINES, run=run))

    def schedules(self) -> tuple[ScheduleRecord, ...]:
        return tuple(map(self._schedule, self._rows(sql.SCHEDULES)))

    def reviewers(self) -> tuple[ReviewerRecord, ...]:
        """Every key that may decide or might once, the oldest first."""
        return tuple(map(reviewer_record, self._rows(REVIEWERS)))

    def reviewer(self, key_id: str, *, tenant: int = LOCAL_TENANT) -> ReviewerRecord | None:
        """The reviewer whose key has exactly that id, revoked or not."""
        rows = self._rows(REVIEWER, key=key_id, tenant=tenant)
        return reviewer_record(rows[0]) if rows else None

    def last_cloudevent(self) -> int:
        """The key of the newest CloudEvent, 0 when there is none."""
        return int(self._rows(sql.CLOUDEVENT_LAST)[0][0])

    def data_version(self) -> int:
        """A number that changes whenever anything else has committed to the database."""
        return int(self._rows("PRAGMA data_version")[0][0])

    # -- rows

    def _run(self, row: Any) -> RunRecord:
        (key, id, tenant, program, namespace, name, version, file, base, status, capabilities, created_at) = row[:12]
        (ended_at, output, error, parent, parent_command, forked_from, forked_at) = row[12:19]
        (breakpoints, position, waiting, secrets, next_due, last_id, digests) = row[19:]
        seq, last = forked_at or 0, b""
        if last_id is not None:
            seq, last = last_id & SEQ_MAX, last_digest(as_bytes(digests))
        return RunRecord(
            key=key,
            id=id,
            tenant=tenant,
            program=program,
            namespace=namespace,
            name=name,
            version=version,
            file=file,
            base=None if base is None else Path(base),
            status=status,
            capabilities=_texts(capabilities),
            created_at=created_at,
            ended_at=ended_at,
            output=self._json(output),
            error=self._json(error),
            seq=seq,
            digest=last,
            parent=parent,
            parent_command=parent_command,
            forked_from=forked_from,
            forked_at=forked_at,
            breakpoints=_texts(breakpoints),
            position=position,
            waiting=self._json(waiting),
            secrets=_texts(secrets),
            next_due=next_due,
        )

    def _schedule(self, row: Any) -> ScheduleRecord:
        (id, tenant, program, namespace, name, version, kind, rule, enabled, next_at) = row[:10]
        (last_at, last_run, started, skipped, heard, collected, created_at) = row[10:]
        return ScheduleRecord(
            id=id,
            tenant=tenant,
            program=program,
            namespace=namespace,
            name=name,
            version=version,
            kind=kind,
            rule=self._json(rule),
            enabled=bool(enabled),
            next_at=next_at,
            last_at=last_at,
            last_run=last_run,
            started=started,
            skipped=skipped,
            heard=heard,
            collected=tuple(self._json(collected) or ()),
            created_at=created_at,
        )

    def _request(self, row: Any) -> RequestRecord:
        id, tenant, kind, payload, created_at, answered_at, answer = row
        return RequestRecord(id, tenant, kind, self._json(payload), created_at, answered_at, self._json(answer))

    def _json(self, packed: bytes | None) -> Json:
        if packed is None:
            return None
        try:
            return unpack(packed)
        except ValueError as wrong:
            raise damaged(self._file, f"a recorded value can't be read: {wrong}") from None


def _audit_record(row: Any) -> AuditRecord:
    """A record as it is, also when it was damaged: verifying tells, and people want to see the others."""
    id, tenant, run, type, payload, at = row
    try:
        value = json.loads(payload)
    except (ValueError, TypeError, RecursionError):
        value = {"unreadable": payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)}
    return AuditRecord(id, tenant, run, type, value, at)


def _literally(text: str) -> str:
    """The text as a pattern of LIKE that stands for nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _texts(column: str | None) -> tuple[str, ...]:
    return () if column is None else tuple(cast(list[str], orjson.loads(column)))
