"""Every SQL statement of the hot paths, whole in this file.

Portable SQL: named parameters, upsert by ON CONFLICT, RETURNING; times are milliseconds since
1970-01-01 UTC. Events and snapshots have `key << 32 | seq` as their id, so that a run's rows
lie side by side in order and a range of them is one descent of the tree. `tables.py` has the
columns with their meaning.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

# -- reading runs ------------------------------------------------------------------------------

_RUN: Final = """
SELECT r.key, r.id, r.tenant_id, r.program, r.namespace, r.name, r.version, r.file, r.base, r.status,
       r.capabilities, r.created_at, r.ended_at, r.output, r.error, r.parent, r.parent_command,
       r.forked_from, r.forked_at, r.breakpoints, r.position, r.waiting, r.secrets, r.next_due,
       e.id AS last_id, e.digests AS last_digests
FROM runs r LEFT JOIN events e ON e.id = (
    SELECT max(id) FROM events WHERE id > (r.key << 32) AND id <= (r.key << 32) + 4294967295)
"""
RUN_BY_KEY: Final = _RUN + "WHERE r.key = :key"
RUN_BY_ID: Final = _RUN + "WHERE r.id = :id"
RUN_BY_PREFIX: Final = _RUN + "WHERE r.id >= :low AND r.id < :high ORDER BY r.id LIMIT :limit"
RUN_LAST: Final = _RUN + "WHERE r.parent IS NULL ORDER BY r.key DESC LIMIT 1"
RUN_FILTERS: Final = {
    "status": "r.status = :status",
    "namespace": "r.namespace = :namespace",
    "name": "r.name = :name",
    "part": "lower(r.id || ' ' || r.namespace || '/' || r.name || ':' || r.version) LIKE :part ESCAPE '\\'",
}


@lru_cache(maxsize=32)
def runs(filters: tuple[str, ...] = ()) -> str:
    """The newest runs before a key; `filters` are of RUN_FILTERS."""
    return (
        _RUN
        + f"WHERE {''.join(f'{RUN_FILTERS[name]} AND ' for name in filters)}r.key < :before "
        + ("ORDER BY r.key DESC LIMIT :limit")
    )


RUNS_UNFINISHED: Final = _RUN + "WHERE r.ended_at IS NULL ORDER BY r.key"
RUNS_LISTENING: Final = _RUN + "WHERE r.ended_at IS NULL AND r.waiting IS NOT NULL ORDER BY r.key"
RUNS_OF_PARENT: Final = _RUN + "WHERE r.parent = :parent ORDER BY r.key"
RUN_DESCENDANTS: Final = """
WITH RECURSIVE family (id) AS (
    VALUES (:root) UNION ALL SELECT runs.id FROM runs JOIN family ON runs.parent = family.id
) SELECT count(*) - 1 FROM family
"""
RUN_LINEAGE: Final = "SELECT forked_from, forked_at, id FROM runs WHERE key = :key"
RUN_ORIGINS: Final = """
SELECT key, id, program, namespace, name, version, base, forked_from FROM runs
WHERE key > :after ORDER BY key LIMIT :limit
"""
EVENTS_TOTAL: Final = "SELECT coalesce(sum(count), 0) FROM events WHERE id <= :until"
RUN_LAST_KEY: Final = "SELECT coalesce(max(key), 0) FROM runs"
RUN_COUNTS: Final = "SELECT status, count(*) FROM runs GROUP BY status"

# -- writing runs ------------------------------------------------------------------------------

RUN_INSERT: Final = """
INSERT INTO runs (key, id, tenant_id, program, namespace, name, version, file, base, status, capabilities,
                  created_at, parent, parent_command, forked_from, forked_at, breakpoints, secrets)
VALUES (:key, :id, :tenant, :program, :namespace, :name, :version, :file, :base, :status, :capabilities,
        :created_at, :parent, :parent_command, :forked_from, :forked_at, :breakpoints, :secrets)
"""

RUN_CHANGEABLE: Final = frozenset(
    {"status", "ended_at", "output", "error", "breakpoints", "position", "waiting", "secrets", "next_due"}
)


@lru_cache(maxsize=256)
def run_update(columns: tuple[str, ...]) -> str:
    """UPDATE of these columns (of RUN_CHANGEABLE) of one run."""
    unknown = set(columns) - RUN_CHANGEABLE
    if unknown or not columns:
        raise ValueError(f"a run's columns {sorted(unknown)} are never changed")
    return f"UPDATE runs SET {', '.join(f'{name} = :{name}' for name in columns)} WHERE key = :key"


# -- programs and the catalog ------------------------------------------------------------------

PROGRAM_INSERT: Final = """
INSERT INTO programs (digest, source, file, namespace, name, version, created_at)
VALUES (:digest, :source, :file, :namespace, :name, :version, :created_at)
ON CONFLICT (digest) DO NOTHING
"""
PROGRAM: Final = (
    "SELECT digest, source, file, namespace, name, version, created_at FROM programs WHERE digest = :digest"
)
WORKFLOW_UPSERT: Final = """
INSERT INTO workflows (tenant_id, namespace, name, version, program, created_at)
VALUES (:tenant, :namespace, :name, :version, :program, :created_at)
ON CONFLICT (tenant_id, namespace, name, version)
DO UPDATE SET program = excluded.program, created_at = excluded.created_at
"""
WORKFLOW_VERSIONS: Final = """
SELECT w.tenant_id, w.namespace, w.name, w.version, w.program, w.created_at, p.source, p.file
FROM workflows w JOIN programs p ON p.digest = w.program
WHERE w.tenant_id = :tenant AND w.namespace = :namespace AND w.name = :name
"""
WORKFLOWS: Final = """
SELECT w.tenant_id, w.namespace, w.name, w.version, w.program, w.created_at, p.source, p.file
FROM workflows w JOIN programs p ON p.digest = w.program
WHERE w.tenant_id = :tenant ORDER BY w.namespace, w.name, w.version
"""

# -- events and snapshots ----------------------------------------------------------------------

EVENTS_INSERT: Final = """
INSERT INTO events (id, tenant_id, count, created_at, payload, digests)
VALUES (:id, :tenant, :count, :at, :payload, :digests)
"""
EVENTS_RANGE: Final = """
SELECT id, count, created_at, payload, digests FROM events
WHERE id > :after AND id <= :until ORDER BY id LIMIT :limit
"""
EVENTS_BEFORE: Final = """
SELECT id, count, created_at, payload, digests FROM events
WHERE id > :after AND id < :before ORDER BY id DESC LIMIT :limit
"""
EVENTS_LAST: Final = """
SELECT id, count, created_at, payload, digests FROM events
WHERE id > :after AND id <= :until ORDER BY id DESC LIMIT 1
"""
SNAPSHOT_UPSERT: Final = """
INSERT INTO snapshots (id, tenant_id, state) VALUES (:id, :tenant, :state)
ON CONFLICT (id) DO UPDATE SET state = excluded.state
"""
SNAPSHOT_LAST: Final = """
SELECT id, state FROM snapshots WHERE id > :after AND id <= :until ORDER BY id DESC LIMIT 1
"""
SNAPSHOT_IDS: Final = "SELECT id FROM snapshots WHERE id > :after AND id <= :until ORDER BY id"

# -- jobs --------------------------------------------------------------------------------------

_JOB: Final = """id, tenant_id, run_id, kind, payload, status, lease_token, lease_until, priority, attempts,
max_attempts, next_run_at, created_at, completed_at, error"""
JOB_INSERT: Final = """
INSERT INTO jobs (id, tenant_id, run_id, kind, payload, status, priority, attempts, max_attempts,
                  next_run_at, created_at)
VALUES (:id, :tenant, :run, :kind, :payload, 'queued', :priority, 0, :max_attempts, :next_run_at, :created_at)
"""
JOBS_BURY_EXPIRED: Final = """
UPDATE jobs SET status = 'dead_letter', lease_token = NULL, lease_until = NULL, completed_at = :now,
                error = 'the lease of the last attempt expired'
WHERE status = 'leased' AND lease_until <= :now AND attempts >= max_attempts
"""
JOBS_RECLAIM: Final = """
UPDATE jobs SET status = 'queued', lease_token = NULL, lease_until = NULL
WHERE status = 'leased' AND lease_until <= :now
"""
JOBS_TAKE_BACK: Final = """
UPDATE jobs SET status = 'queued', lease_token = NULL, lease_until = NULL,
                next_run_at = CASE WHEN next_run_at > :now THEN :now ELSE next_run_at END
WHERE status = 'leased' AND substr(lease_token, 1, length(:holder)) <> :holder
"""
JOBS_LEASE: Final = f"""
UPDATE jobs SET status = 'leased', lease_token = :token, lease_until = :until, attempts = attempts + 1
WHERE id IN (SELECT id FROM jobs WHERE status = 'queued' AND next_run_at <= :now
             ORDER BY priority DESC, next_run_at, id LIMIT :limit)
RETURNING {_JOB}
"""
JOB_TAKE: Final = """
UPDATE jobs SET status = 'leased', lease_token = :token, lease_until = :until, attempts = 1, completed_at = NULL,
                next_run_at = :now
WHERE id = :id AND status IN ('queued', 'leased', 'dead_letter')
"""
JOB_HEARTBEAT: Final = """
UPDATE jobs SET lease_until = :until WHERE id = :id AND status = 'leased' AND lease_token = :token
"""
JOB_COMPLETE: Final = """
UPDATE jobs SET status = 'completed', completed_at = :at, lease_token = NULL, lease_until = NULL
WHERE id = :id AND status = 'leased' AND lease_token = :token
"""
JOB_RELEASE: Final = """
UPDATE jobs SET status = 'queued', next_run_at = :next_run_at, lease_token = NULL, lease_until = NULL,
                attempts = attempts - 1
WHERE id = :id AND status = 'leased' AND lease_token = :token
"""
JOB_RETRY: Final = """
UPDATE jobs SET status = 'queued', next_run_at = :next_run_at, lease_token = NULL, lease_until = NULL,
                error = :error
WHERE id = :id AND status = 'leased' AND lease_token = :token
"""
JOB_BURY: Final = """
UPDATE jobs SET status = 'dead_letter', completed_at = :at, lease_token = NULL, lease_until = NULL, error = :error
WHERE id = :id AND status = 'leased' AND lease_token = :token
"""
JOB_REQUEUE: Final = """
UPDATE jobs SET status = 'queued', attempts = 0, next_run_at = :next_run_at, completed_at = NULL
WHERE id = :id AND status = 'dead_letter'
"""
JOB_DROP: Final = "DELETE FROM jobs WHERE id = :id AND status = 'dead_letter'"
JOB_HURRY: Final = """
UPDATE jobs SET next_run_at = :next_run_at WHERE id = :id AND status = 'queued' AND next_run_at > :next_run_at
"""
JOBS_FORGET: Final = "DELETE FROM jobs WHERE status = 'completed' AND completed_at < :before"
JOB: Final = f"SELECT {_JOB} FROM jobs WHERE id = :id"
JOBS: Final = f"SELECT {_JOB} FROM jobs WHERE id > :after ORDER BY id LIMIT :limit"
JOBS_OF_STATUS: Final = f"SELECT {_JOB} FROM jobs WHERE status = :status AND id > :after ORDER BY id LIMIT :limit"
JOBS_NEWEST: Final = f"SELECT {_JOB} FROM jobs WHERE id < :before ORDER BY id DESC LIMIT :limit"
JOBS_NEWEST_OF_STATUS: Final = f"""
SELECT {_JOB} FROM jobs WHERE status = :status AND id < :before ORDER BY id DESC LIMIT :limit
"""
JOBS_OF_RUN: Final = f"SELECT {_JOB} FROM jobs WHERE run_id = :run ORDER BY id"
JOB_COUNTS: Final = "SELECT status, count(*) FROM jobs GROUP BY status"
JOBS_NEXT: Final = """
SELECT min(due) FROM (
    SELECT min(next_run_at) AS due FROM jobs WHERE status = 'queued'
    UNION ALL
    SELECT min(lease_until) AS due FROM jobs WHERE status = 'leased') AS dues
"""

# -- audit, nodes, requests, cloud events ------------------------------------------------------

AUDIT_INSERT: Final = """
INSERT INTO audit (id, tenant_id, run_id, type, payload, created_at, leaf)
VALUES (:id, :tenant, :run, :type, :payload, :at, :leaf)
"""
AUDIT_LAST: Final = "SELECT coalesce(max(id), 0) FROM audit"
AUDIT_TREE: Final = "SELECT size, peaks, pins, pinned FROM audit_tree WHERE id = 1"
AUDIT_TREE_UPSERT: Final = """
INSERT INTO audit_tree (id, size, peaks, pins, pinned) VALUES (1, :size, :peaks, 0, 0)
ON CONFLICT (id) DO UPDATE SET size = excluded.size, peaks = excluded.peaks
"""
AUDIT_PINNED: Final = "UPDATE audit_tree SET pins = :pins, pinned = :size WHERE id = 1"
AUDIT_ROWS: Final = """
SELECT id, created_at, tenant_id, run_id, type, payload, leaf FROM audit
WHERE id >= :first AND id <= :last ORDER BY id
"""
AUDIT_BEFORE_FIRST: Final = "SELECT id FROM audit WHERE id < 1 ORDER BY id LIMIT 1"
AUDIT_NEXT: Final = "SELECT min(id) FROM audit WHERE id >= :first"
AUDIT_LEAVES: Final = "SELECT leaf FROM audit WHERE id <= :until ORDER BY id"
AUDIT: Final = """
SELECT id, tenant_id, run_id, type, payload, created_at FROM audit WHERE id > :after ORDER BY id LIMIT :limit
"""
AUDIT_OF_RUN: Final = """
SELECT id, tenant_id, run_id, type, payload, created_at FROM audit
WHERE run_id = :run AND id > :after ORDER BY id LIMIT :limit
"""
AUDIT_FILTERS: Final = {
    "run": "run_id = :run",
    "low": "type >= :low AND type < :high",
    "since": "created_at >= :since",
    "until": "created_at <= :until",
    "part": "lower(type || ' ' || coalesce(run_id, '') || ' ' || CAST(payload AS TEXT)) LIKE :part ESCAPE '\\'",
}


@lru_cache(maxsize=32)
def audit_newest(filters: tuple[str, ...] = ()) -> str:
    """The newest records between two numbers; `filters` are of AUDIT_FILTERS."""
    return (
        "SELECT id, tenant_id, run_id, type, payload, created_at FROM audit WHERE "
        + "".join(f"{AUDIT_FILTERS[name]} AND " for name in filters)
        + "id > :after AND id < :before ORDER BY id DESC LIMIT :limit"
    )


NODE_UPSERT: Final = """
INSERT INTO nodes (id, tenant_id, type, capabilities, status, last_heartbeat_at, latency_ms, load_score)
VALUES (:id, :tenant, :type, :capabilities, :status, :at, :latency_ms, :load_score)
ON CONFLICT (id) DO UPDATE SET type = excluded.type, capabilities = excluded.capabilities,
    status = excluded.status, last_heartbeat_at = excluded.last_heartbeat_at,
    latency_ms = excluded.latency_ms, load_score = excluded.load_score
"""
NODES: Final = """
SELECT id, tenant_id, type, capabilities, status, last_heartbeat_at, latency_ms, load_score FROM nodes ORDER BY id
"""
REQUEST_INSERT: Final = """
INSERT INTO requests (tenant_id, kind, payload, created_at) VALUES (:tenant, :kind, :payload, :at) RETURNING id
"""
REQUEST_ANSWER: Final = """
UPDATE requests SET answered_at = :at, answer = :answer WHERE id = :id AND answered_at IS NULL
"""
REQUEST_TAKE: Final = """
UPDATE requests SET answer = :answer WHERE id = :id AND answered_at IS NULL AND answer IS NULL
"""
REQUEST_WITHDRAW: Final = "DELETE FROM requests WHERE id = :id AND answered_at IS NULL AND answer IS NULL"
REQUESTS_OPEN: Final = """
SELECT id, tenant_id, kind, payload, created_at, answered_at, answer FROM requests
WHERE answered_at IS NULL AND answer IS NULL ORDER BY id
"""
REQUEST: Final = """
SELECT id, tenant_id, kind, payload, created_at, answered_at, answer FROM requests WHERE id = :id
"""
REQUESTS_FORGET: Final = """
DELETE FROM requests WHERE answered_at < :before OR (answered_at IS NULL AND created_at < :before)
"""
CLOUDEVENT_INSERT: Final = """
INSERT INTO cloudevents (tenant_id, id, source, type, payload, received_at, run_id)
VALUES (:tenant, :id, :source, :type, :payload, :at, :run)
"""
CLOUDEVENTS: Final = """
SELECT key, tenant_id, id, source, type, payload, received_at, run_id FROM cloudevents
WHERE key > :after ORDER BY key LIMIT :limit
"""
CLOUDEVENTS_EMITTED: Final = """
SELECT payload FROM cloudevents WHERE received_at >= :since AND run_id IS NOT NULL ORDER BY key
"""
# -- breakpoints and schedules -----------------------------------------------------------------

BREAKPOINT_UPSERT: Final = """
INSERT INTO breakpoints (id, tenant_id, kind, task, command, workflow, run_id, condition, hits, log, enabled, count,
                         problem, created_at)
VALUES (:id, :tenant, :kind, :task, :command, :workflow, :run, :condition, :hits, :log, :enabled, :count,
        :problem, :at)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, task = excluded.task, command = excluded.command,
    workflow = excluded.workflow, run_id = excluded.run_id, condition = excluded.condition, hits = excluded.hits,
    log = excluded.log, enabled = excluded.enabled, count = excluded.count, problem = excluded.problem
"""
BREAKPOINT_MET: Final = "UPDATE breakpoints SET count = count + :times, problem = :problem WHERE id = :id"
BREAKPOINT_DELETE: Final = "DELETE FROM breakpoints WHERE id = :id"
BREAKPOINTS: Final = """
SELECT id, tenant_id, kind, task, command, workflow, run_id, condition, hits, log, enabled, count, problem, created_at
FROM breakpoints ORDER BY created_at, id
"""
LOG_LINE_INSERT: Final = """
INSERT INTO log_lines (tenant_id, breakpoint, run_id, seq, at, message)
VALUES (:tenant, :breakpoint, :run, :seq, :at, :message)
"""
LOG_LINES_TRIM: Final = """
DELETE FROM log_lines WHERE run_id = :run AND key <= (
    SELECT key FROM log_lines WHERE run_id = :run ORDER BY key DESC LIMIT 1 OFFSET :most)
"""
LOG_LINES: Final = """
SELECT breakpoint, run_id, seq, at, message FROM log_lines WHERE run_id = :run ORDER BY key
"""
_SCHEDULE: Final = """id, tenant_id, program, namespace, name, version, kind, rule, enabled, next_at, last_at, last_run,
started, skipped, heard, collected, created_at"""
SCHEDULE_UPSERT: Final = f"""
INSERT INTO schedules ({_SCHEDULE})
VALUES (:id, :tenant, :program, :namespace, :name, :version, :kind, :rule, 1, :next_at, NULL, NULL,
        0, 0, :heard, NULL, :at)
ON CONFLICT (id) DO UPDATE SET program = excluded.program, version = excluded.version, rule = excluded.rule,
    next_at = excluded.next_at, heard = excluded.heard, collected = NULL
"""
SCHEDULE_PROGRAM: Final = "UPDATE schedules SET program = :program, version = :version WHERE id = :id"
SCHEDULE_STARTED: Final = """
UPDATE schedules SET next_at = :next_at, last_at = :at, last_run = :run, started = started + 1,
                     skipped = skipped + :skipped, heard = :heard, collected = NULL
WHERE id = :id AND started = :started
"""
SCHEDULE_DUE: Final = "UPDATE schedules SET next_at = :next_at WHERE id = :id"
SCHEDULE_HEARD: Final = "UPDATE schedules SET heard = :heard, collected = :collected WHERE id = :id"
SCHEDULE_DELETE: Final = "DELETE FROM schedules WHERE id = :id"
SCHEDULES: Final = f"SELECT {_SCHEDULE} FROM schedules ORDER BY id"
PROGRAMS_OF: Final = """
SELECT digest FROM programs WHERE namespace = :namespace AND name = :name ORDER BY created_at DESC LIMIT 20
"""
CLOUDEVENT_LAST: Final = "SELECT coalesce(max(key), 0) FROM cloudevents"

TENANT_INSERT: Final = "INSERT INTO tenants (id, name, created_at) VALUES (:id, :name, :at)"
TENANTS: Final = "SELECT id, name, created_at FROM tenants ORDER BY id"

REVISION: Final = "SELECT version_num FROM alembic_version"
