"""Everything that is read from the store: rows in, immutable records out.

Reads are short and take no lock a writer would wait for (WAL). A long history is read in
portions, so that no read transaction stays open while the caller works on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import orjson

from reach_workbench.engine.events import GENESIS, Event, digest
from reach_workbench.engine.values import Json
from reach_workbench.errors import HistoryDamaged, NotFound, UsageError
from reach_workbench.storage import statements as sql
from reach_workbench.storage.codec import RESTORE, Chunk, Encoded, blame, decode, last_digest
from reach_workbench.storage.failures import damaged, explained
from reach_workbench.storage.packing import stretch, unpack
from reach_workbench.storage.records import (
    LOCAL_TENANT,
    AuditRecord,
    CloudEventRecord,
    JobRecord,
    JobStatus,
    NodeRecord,
    ProgramRecord,
    RequestRecord,
    RunRecord,
    Snapshot,
    TenantRecord,
    WorkflowRecord,
    job_record,
)
from reach_workbench.storage.versions import newest

SEQ_MAX: Final = (1 << 32) - 1
_KEY_MAX: Final = (1 << 31) - 1
_PORTION: Final = 16
"""Chunks read at once."""

Segment = tuple[int, str, int, int]
"""A part of a history: run key, run id, and the events of that run it has: after, until."""


class Reader:
    """Reads through one connection. Raises StoreDamaged when the file turns out to be."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._lineages: dict[int, tuple[Segment, ...]] = {}

    def close(self) -> None:
        self._connection.close()

    # -- runs

    def run(self, name: str) -> RunRecord:
        """The run of that id, of the only id that begins so, or the `last` one that was started.

        Raises NotFound, or UsageError when several ids begin so.
        """
        if name == "last":
            if rows := self._rows(sql.RUN_LAST):
                return self._run(rows[0])
            raise NotFound("there is no run yet", hint="start one with `reach run FILE`")
        prefix = name.strip().lower()
        rows = self._rows(sql.RUN_BY_ID, id=name) if name else []
        if not rows and prefix:
            rows = self._rows(sql.RUN_BY_PREFIX, low=prefix, high=prefix + "\U0010ffff", limit=4)
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

    def runs(self, *, status: str | None = None, limit: int = 50, before: str | None = None) -> tuple[RunRecord, ...]:
        """Runs, the newest first; `before` is the id (or a prefix) of the last one already seen."""
        place = _KEY_MAX + 1 if before is None else self.run(before).key
        if status is None:
            rows = self._rows(sql.RUNS, before=place, limit=limit)
        else:
            rows = self._rows(sql.RUNS_OF_STATUS, status=status, before=place, limit=limit)
        return tuple(map(self._run, rows))

    def unfinished(self) -> tuple[RunRecord, ...]:
        """Runs that have not ended, the oldest first: what a node goes on with when it starts."""
        return tuple(map(self._run, self._rows(sql.RUNS_UNFINISHED)))

    def children(self, id: str) -> tuple[RunRecord, ...]:
        """Runs that were started by this one's commands, the oldest first."""
        return tuple(map(self._run, self._rows(sql.RUNS_OF_PARENT, parent=id)))

    def run_counts(self) -> dict[str, int]:
        """How many runs there are of each status."""
        return dict(self._rows(sql.RUN_COUNTS))

    def last_run_key(self) -> int:
        return int(self._rows(sql.RUN_LAST_KEY)[0][0])

    # -- histories

    def chunks(self, run_key: int, after: int = 0, until: int = SEQ_MAX) -> Iterator[Chunk]:
        """The run's events with `after < seq <= until`, in order, those it shares with its ancestors included.

        Raises HistoryDamaged when one is missing or can't be read.
        """
        expected = after + 1
        for key, id, first, last in self.lineage(run_key):
            if last <= after or first >= until:
                continue
            for encoded in self._encoded(key, max(after, first), min(until, last)):
                chunk = self._decode(run_key, id, encoded)
                start = encoded.last_seq - encoded.length + 1
                events, digests = chunk.events, chunk.digests
                low = max(expected - start, 0)
                high = min(until, last) - start + 1
                if start > expected:
                    raise _missing(id, expected)
                if low or high < len(events):
                    events, digests = events[low:high], digests[low:high]
                if events:
                    expected = events[-1].seq + 1
                    yield Chunk(events, digests, chunk.version)
            if last < SEQ_MAX and expected <= min(until, last):
                raise _missing(id, expected)

    def last_chunk(self, run_key: int) -> Chunk | None:
        """The newest events of the run, None before the first."""
        for key, id, first, last in reversed(self.lineage(run_key)):
            above = key << 32
            rows = self._rows(sql.EVENTS_LAST, after=above | first, until=above | last)
            if rows:
                return self._decode(run_key, id, _encode(rows[0]))
            if last < SEQ_MAX:
                for chunk in self.chunks(run_key, last - 1, last):
                    return chunk
        return None

    def digest_at(self, run_key: int, seq: int) -> bytes:
        """The full digest of event `seq`; inside a chunk it is computed from the chunk's events.

        Raises HistoryDamaged when what is computed does not fit what was recorded.
        """
        if seq == 0:
            return GENESIS
        for key, id, first, last in self.lineage(run_key):
            if not first < seq <= last:
                continue
            encoded = next(self._encoded(key, seq - 1, SEQ_MAX), None)
            if encoded is None or encoded.last_seq - encoded.length >= seq:
                raise _missing(id, seq)
            if encoded.last_seq == seq:
                return last_digest(encoded.digests)
            chunk = decode(encoded, id)
            value = self.digest_at(run_key, encoded.last_seq - encoded.length)
            for event, mark in zip(chunk.events, chunk.digests, strict=True):
                value = digest(value, event)
                if value[: len(mark)] != mark:
                    raise _differs(id, event)
                if event.seq == seq:
                    break
            return value
        raise _missing(str(run_key), seq)

    def lineage(self, run_key: int) -> tuple[Segment, ...]:
        """Where the run's events lie, the oldest part first; the last part is its own and open-ended."""
        known = self._lineages.get(run_key)
        if known is not None:
            return known
        rows = self._rows(sql.RUN_LINEAGE, key=run_key)
        if not rows:
            raise NotFound(f"there is no run with the key {run_key}")
        parent, at, id = rows[0]
        own: Segment = (run_key, id, at or 0, SEQ_MAX)
        if parent is None:
            segments: tuple[Segment, ...] = (own,)
        else:
            past = [(key, name, first, min(last, at)) for key, name, first, last in self.lineage(parent) if first < at]
            segments = (*past, own)
        self._lineages[run_key] = segments
        return segments

    def snapshot(self, run_key: int, seq: int = SEQ_MAX) -> Snapshot | None:
        """The newest snapshot at or before event `seq`, of the run or of the past it shares."""
        for key, _, first, last in reversed(self.lineage(run_key)):
            if first >= seq:
                continue
            above = key << 32
            for id, state in self._rows(sql.SNAPSHOT_LAST, after=above | first, until=above | min(seq, last)):
                try:
                    return Snapshot(id & SEQ_MAX, stretch(state))
                except ValueError as wrong:
                    raise damaged(self._file, f"a snapshot can't be read: {wrong}") from None
        return None

    def snapshot_seqs(self, run_key: int) -> tuple[int, ...]:
        """Where the run's own snapshots are."""
        above = run_key << 32
        return tuple(row[0] & SEQ_MAX for row in self._rows(sql.SNAPSHOT_IDS, after=above, until=above | SEQ_MAX))

    def _decode(self, run_key: int, id: str, encoded: Encoded) -> Chunk:
        try:
            return decode(encoded, id)
        except HistoryDamaged:
            event = blame(encoded, self.digest_at(run_key, encoded.last_seq - encoded.length))
            if event is None:
                raise
            raise _differs(id, event) from None

    def _encoded(self, key: int, after: int, until: int) -> Iterator[Encoded]:
        """Rows that hold events after `after`, up to the row that holds `until`."""
        above = key << 32
        place, end = above | after, above | SEQ_MAX
        while True:
            rows = self._rows(sql.EVENTS_RANGE, after=place, until=end, limit=_PORTION)
            for row in rows:
                encoded = _encode(row)
                if encoded.last_seq - encoded.length >= until:
                    return
                yield encoded
            if len(rows) < _PORTION:
                return
            place = rows[-1][0]

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
        return tuple(
            AuditRecord(id, tenant, of, type, self._json(payload), at) for id, tenant, of, type, payload, at in rows
        )

    def cloudevents(self, *, after: int = 0, limit: int = 100) -> tuple[CloudEventRecord, ...]:
        """Emitted and published CloudEvents in the order they came."""
        rows = self._rows(sql.CLOUDEVENTS, after=after, limit=limit)
        return tuple(
            CloudEventRecord(key, tenant, id, source, type, self._json(payload), at, run)
            for key, tenant, id, source, type, payload, at, run in rows
        )

    def nodes(self) -> tuple[NodeRecord, ...]:
        return tuple(
            NodeRecord(id, tenant, type, _texts(capabilities), status, at, latency, load)
            for id, tenant, type, capabilities, status, at, latency, load in self._rows(sql.NODES)
        )

    def tenants(self) -> tuple[TenantRecord, ...]:
        return tuple(TenantRecord(*row) for row in self._rows(sql.TENANTS))

    def data_version(self) -> int:
        """A number that changes whenever anything else has committed to the database."""
        return int(self._rows("PRAGMA data_version")[0][0])

    # -- rows

    def _rows(self, text: str, **parameters: Any) -> list[Any]:
        with explained(self._file):
            return self._connection.execute(text, parameters).fetchall()

    def _run(self, row: Any) -> RunRecord:
        (key, id, tenant, program, namespace, name, version, file, base, status, capabilities, created_at) = row[:12]
        (ended_at, output, error, parent, parent_command, forked_from, forked_at) = row[12:19]
        (breakpoints, position, waiting, secrets, next_due, last_id, digests) = row[19:]
        seq, last = forked_at or 0, b""
        if last_id is not None:
            seq, last = last_id & SEQ_MAX, last_digest(_bytes(digests))
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


def _encode(row: Any) -> Encoded:
    id, count, at, payload, digests = row
    return Encoded(id & SEQ_MAX, count, at, _bytes(payload), _bytes(digests))


def _bytes(column: Any) -> Any:
    """The column as bytes also when a hand that changed it made text of it: the checksum has the last word."""
    return column.encode("utf-8", "surrogateescape") if isinstance(column, str) else column


def _texts(column: str | None) -> tuple[str, ...]:
    return () if column is None else tuple(cast(list[str], orjson.loads(column)))


def _differs(run: str, event: Event) -> HistoryDamaged:
    return HistoryDamaged(
        f"event {event.seq} ({event.type}) does not match its digest",
        seq=event.seq,
        task=event.task,
        where=f"run {run}, event {event.seq}" + (f", {event.task}" if event.task else ""),
        hint=RESTORE,
    )


def _missing(run: str, seq: int) -> HistoryDamaged:
    return HistoryDamaged(
        f"event {seq} is missing from the store",
        seq=seq,
        where=f"run {run}, event {seq}",
        hint=RESTORE,
    )
