"""Gates, approvals, rate counts and policies in the store: how a unit changes them, and their rows as records."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from reach_workbench.engine.canonical import canonical
from reach_workbench.errors import GateClosed
from reach_workbench.storage.packing import pack, unpack
from reach_workbench.storage.records import (
    LOCAL_TENANT,
    ApprovalRecord,
    GateOutcome,
    GateRecord,
    PoliciesRecord,
)
from reach_workbench.storage.unit import Unit

_GATE: Final = """
SELECT id, tenant_id, run_id, command, task, workflow, kind, arguments, digest, requester, policy, policies, terms,
       nonce, opened_at, expires_at, outcome, closed_at, reason
FROM gates
"""
GATE: Final = _GATE + "WHERE id = :id"
GATES_BY_PREFIX: Final = _GATE + "WHERE id >= :low AND id < :high ORDER BY id LIMIT 3"
GATES_OPEN: Final = (
    _GATE + "WHERE outcome IS NULL AND (opened_at, id) > (:at, :after) ORDER BY opened_at, id LIMIT :limit"
)
GATES_OF_RUN: Final = _GATE + "WHERE run_id = :run ORDER BY opened_at, id"
GATES_CLOSED: Final = (
    _GATE + "WHERE outcome IS NOT NULL AND opened_at < :before ORDER BY opened_at DESC, id DESC LIMIT :limit"
)
_INSERT: Final = """
INSERT INTO gates (id, tenant_id, run_id, command, task, workflow, kind, arguments, digest, requester, policy, policies,
                   terms, nonce, opened_at, expires_at)
VALUES (:id, :tenant, :run, :command, :task, :workflow, :kind, :arguments, :digest, :requester, :policy, :policies,
        :terms, :nonce, :opened_at, :expires_at)
"""
_CLOSE: Final = """
UPDATE gates SET outcome = :outcome, closed_at = :at, reason = :reason WHERE id = :id AND outcome IS NULL
"""
_APPROVE: Final = """
INSERT INTO approvals (gate_id, reviewer, tenant_id, verdict, groups, public_key, body, signature, reason, given_at)
VALUES (:gate, :reviewer, :tenant, :verdict, :groups, :public_key, :body, :signature, :reason, :at)
ON CONFLICT (gate_id, reviewer) DO UPDATE SET verdict = excluded.verdict, groups = excluded.groups,
    public_key = excluded.public_key, body = excluded.body, signature = excluded.signature, reason = excluded.reason,
    given_at = excluded.given_at
WHERE approvals.public_key IN (SELECT public_key FROM reviewers WHERE revoked_at IS NOT NULL)
"""
"""What a key signed that was revoked since counts no more: whoever has another key now may say it with that."""

_STILL_OPEN: Final = "SELECT 1 FROM gates WHERE id = :id AND outcome IS NULL"
APPROVALS: Final = """
SELECT gate_id, reviewer, tenant_id, verdict, groups, public_key, body, signature, reason, given_at
FROM approvals WHERE gate_id = :gate ORDER BY given_at, reviewer
"""
_RATE_UPSERT: Final = """
INSERT INTO rates (id, tenant_id, times, last_at) VALUES (:id, :tenant, :times, :last)
ON CONFLICT (id) DO UPDATE SET times = excluded.times, last_at = excluded.last_at
"""
_RATE_DELETE: Final = "DELETE FROM rates WHERE id = :id"
RATES: Final = "SELECT id, times FROM rates WHERE last_at >= :since"
OLD_RATES: Final = "SELECT id FROM rates WHERE last_at < :before LIMIT :limit"
_POLICIES_UPSERT: Final = """
INSERT INTO policies (digest, tenant_id, files, created_at, used_at) VALUES (:digest, :tenant, :files, :at, :at)
ON CONFLICT (digest) DO UPDATE SET used_at = excluded.used_at
"""
POLICIES: Final = "SELECT digest, tenant_id, files, created_at, used_at FROM policies WHERE digest = :digest"
_POLICIES_KEEP: Final = """
INSERT INTO policies (digest, tenant_id, files, created_at, used_at) VALUES (:digest, :tenant, :files, 0, 0)
ON CONFLICT (digest) DO NOTHING
"""
POLICIES_NEWEST: Final = """
SELECT digest, tenant_id, files, created_at, used_at FROM policies WHERE used_at > 0
ORDER BY used_at DESC, created_at DESC LIMIT :limit
"""


def open_gate(unit: Unit, gate: GateRecord) -> None:
    """A command is held from the moment at which this is committed."""
    unit.add(
        _INSERT,
        {
            "id": gate.id,
            "tenant": gate.tenant,
            "run": gate.run,
            "command": gate.command,
            "task": gate.task,
            "workflow": gate.workflow,
            "kind": gate.kind,
            "arguments": canonical(gate.arguments),
            "digest": gate.digest,
            "requester": gate.requester,
            "policy": gate.policy,
            "policies": orjson.dumps(gate.policies).decode(),
            "terms": pack(gate.terms),
            "nonce": gate.nonce,
            "opened_at": gate.opened_at,
            "expires_at": gate.expires_at,
        },
    )


def close_gate(unit: Unit, id: str, outcome: GateOutcome, *, at: int, reason: str | None) -> None:
    """Give an open gate its outcome. The unit fails with GateClosed when it has one."""
    unit.add(_CLOSE, {"id": id, "outcome": outcome, "at": at, "reason": reason}, _closed)


def give_approval(unit: Unit, approval: ApprovalRecord) -> None:
    """Keep what a reviewer said. The unit fails with GateClosed when the gate is not open, or this is not the first."""
    unit.add(_STILL_OPEN, {"id": approval.gate}, _open)
    unit.add(
        _APPROVE,
        {
            "gate": approval.gate,
            "reviewer": approval.reviewer,
            "tenant": approval.tenant,
            "verdict": approval.verdict,
            "groups": orjson.dumps(approval.groups).decode(),
            "public_key": approval.public_key,
            "body": approval.body,
            "signature": approval.signature,
            "reason": approval.reason,
            "at": approval.at,
        },
        _first,
    )


def put_rate(unit: Unit, id: str, times: Sequence[int], *, tenant: int = LOCAL_TENANT) -> None:
    """When the actions counted under this id were started; nothing is kept of one without any."""
    if not times:
        unit.add(_RATE_DELETE, {"id": id})
        return
    unit.add(_RATE_UPSERT, {"id": id, "tenant": tenant, "times": pack(list(times)), "last": times[-1]})


def put_policies(unit: Unit, digest: str, files: Mapping[str, str], *, at: int, tenant: int = LOCAL_TENANT) -> None:
    """Keep the policies that are in force from now on."""
    unit.add(_POLICIES_UPSERT, {"digest": digest, "tenant": tenant, "files": pack(dict(files)), "at": at})


def keep_policies(unit: Unit, digest: str, files: Mapping[str, str], *, tenant: int = LOCAL_TENANT) -> None:
    """Keep policies of elsewhere, to be read beside what they decided: here they never come into force."""
    unit.add(_POLICIES_KEEP, {"digest": digest, "tenant": tenant, "files": pack(dict(files))})


def gate_record(row: Any) -> GateRecord:
    """A row of the gates table as the record it stands for. Raises ValueError for one that is damaged."""
    (id, tenant, run, command, task, workflow, kind, arguments, digest, requester, policy, policies, terms) = row[:13]
    return GateRecord(
        id,
        tenant,
        run,
        command,
        task,
        workflow,
        kind,
        unpack(arguments),
        digest,
        requester,
        policy,
        tuple(orjson.loads(policies)),
        unpack(terms),
        *row[13:],
    )


def approval_record(row: Any) -> ApprovalRecord:
    """A row of the approvals table as the record it stands for."""
    gate, reviewer, tenant, verdict, groups, *rest = row
    return ApprovalRecord(gate, reviewer, tenant, verdict, tuple(orjson.loads(groups)), *rest)


def policies_record(row: Any) -> PoliciesRecord:
    """A row of the policies table as the record it stands for."""
    digest, tenant, files, created_at, used_at = row
    return PoliciesRecord(digest, tenant, unpack(files), created_at, used_at)


def _closed(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise GateClosed("this gate has its outcome: it was decided, it expired or its run went on meanwhile")


def _open(cursor: sqlite3.Cursor) -> None:
    if cursor.fetchone() is None:
        raise GateClosed("this gate has its outcome: it was decided, it expired or its run went on meanwhile")


def _first(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise GateClosed("this reviewer has decided about this gate before", hint="others may still decide")
