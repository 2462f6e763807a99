"""Reviewers in the store: how a unit changes them, each change with its record in the audit trail."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import orjson

from reach_workbench.engine.values import Json
from reach_workbench.errors import NotFound
from reach_workbench.storage.records import ReviewerRecord
from reach_workbench.storage.unit import Unit

REVIEWERS: Final = """
SELECT tenant_id, key_id, name, public_key, groups, added_at, revoked_at FROM reviewers ORDER BY added_at, key_id
"""
REVIEWER: Final = """
SELECT tenant_id, key_id, name, public_key, groups, added_at, revoked_at FROM reviewers
WHERE tenant_id = :tenant AND key_id = :key
"""
_INSERT: Final = """
INSERT INTO reviewers (tenant_id, key_id, name, public_key, groups, added_at)
VALUES (:tenant, :key, :name, :public_key, :groups, :at)
"""
_GROUPS: Final = """
UPDATE reviewers SET groups = :groups WHERE tenant_id = :tenant AND key_id = :key AND revoked_at IS NULL
"""
_REVOKE: Final = """
UPDATE reviewers SET revoked_at = :at WHERE tenant_id = :tenant AND key_id = :key AND revoked_at IS NULL
"""


def add_reviewer(unit: Unit, reviewer: ReviewerRecord) -> None:
    """A key that may decide from now on. The unit fails when it is there already."""
    unit.add(
        _INSERT,
        {
            "tenant": reviewer.tenant,
            "key": reviewer.key_id,
            "name": reviewer.name,
            "public_key": reviewer.public_key,
            "groups": _written(reviewer.groups),
            "at": reviewer.added_at,
        },
    )
    told = {**_told(reviewer), "public_key": reviewer.public_key.hex(), "groups": list(reviewer.groups)}
    unit.audit("reviewer.added", told, at=reviewer.added_at, tenant=reviewer.tenant)


def change_groups(unit: Unit, reviewer: ReviewerRecord, groups: Sequence[str], *, at: int) -> None:
    """Put a reviewer into these groups and no other. The unit fails with NotFound when the key was revoked."""
    unit.add(_GROUPS, {"tenant": reviewer.tenant, "key": reviewer.key_id, "groups": _written(groups)}, _in_force)
    told = {**_told(reviewer), "groups": list(groups), "before": list(reviewer.groups)}
    unit.audit("reviewer.groups-changed", told, at=at, tenant=reviewer.tenant)


def revoke_reviewer(unit: Unit, reviewer: ReviewerRecord, *, at: int) -> None:
    """The key decides no more; what it signed stays. The unit fails with NotFound when it was revoked before."""
    unit.add(_REVOKE, {"tenant": reviewer.tenant, "key": reviewer.key_id, "at": at}, _in_force)
    unit.audit("reviewer.revoked", _told(reviewer), at=at, tenant=reviewer.tenant)


def reviewer_record(row: Any) -> ReviewerRecord:
    """A row of the reviewers table as the record it stands for."""
    tenant, key_id, name, public_key, groups, added_at, revoked_at = row
    return ReviewerRecord(tenant, key_id, name, public_key, tuple(orjson.loads(groups)), added_at, revoked_at)


def _told(reviewer: ReviewerRecord) -> dict[str, Json]:
    return {"key": reviewer.key_id, "name": reviewer.name}


def _written(groups: Sequence[str]) -> str:
    return orjson.dumps(list(groups)).decode()


def _in_force(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount == 0:
        raise NotFound("this reviewer's key is not among those in force: it was revoked meanwhile")
