"""The keys that a node has signed with: each change stands in its audit log, under the key before."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.rotation import Rotation, read_rotation
from reach_workbench.keys.ed25519 import key_id
from reach_workbench.storage.unit import Unit

ROTATED: Final = "node.key-rotated"

ROTATIONS: Final = "SELECT id, payload FROM audit WHERE type = 'node.key-rotated' ORDER BY id"
"""The type stands in it as it does in the index, or that is not used."""


class Recorded(NamedTuple):
    """A change of the key, and the record of the audit log from which on the new one signs."""

    record: int
    rotation: Rotation


class Due(NamedTuple):
    """The key that signs checkpoints of so many records and more, until the next does."""

    size: int
    public: bytes


def put_rotation(unit: Unit, rotation: Rotation, *, at: int) -> None:
    """From this record of the audit log on the node signs with another key."""
    keys = {"from": key_id(rotation.before), "to": key_id(rotation.after)}
    unit.audit(ROTATED, {**keys, "statement": rotation.to_json()}, at=at)


def read_rotations(rows: Sequence[tuple[int, bytes]]) -> tuple[Recorded, ...]:
    """The changes that these records tell of, in order. Raises EvidenceDamaged for one that is not signed so."""
    found = []
    for record, payload in rows:
        try:
            statement = orjson.loads(payload)["statement"]
        except (ValueError, KeyError, TypeError):
            raise EvidenceDamaged(f"record {record} tells of a change of the node's key and has no statement") from None
        try:
            found.append(Recorded(record, read_rotation(statement)))
        except EvidenceDamaged as wrong:
            raise EvidenceDamaged(f"record {record}: {wrong.message}") from None
    return tuple(found)


def dues(connection: sqlite3.Connection, public: bytes) -> tuple[Due, ...]:
    """Which key is due at which size, the newest first, from this one back as far as each was vouched for."""
    due: list[Due] = []
    for record, payload in reversed(connection.execute(ROTATIONS).fetchall()):
        try:
            ((_, rotation),) = read_rotations([(record, payload)])
        except EvidenceDamaged:
            break
        if rotation.after != public:
            break
        due.append(Due(record, public))
        public = rotation.before
    return (*due, Due(0, public))
