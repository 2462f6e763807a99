"""What a node's key says of the key that takes its place, so that who trusts the one may trust the other.

The statement is canonical JSON (RFC 8785), signed with Ed25519 by both keys: by the one before, which vouches for its
successor, and by the successor, which shows that it is somebody's. Its `_type` keeps it from being taken for anything
else that a node's key signs.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.keys.ed25519 import SigningKey, is_public_key, key_id, verify

Json = Any

ROTATION_TYPE: Final = "urn:reach:key-rotation:1"


@dataclass(frozen=True, slots=True)
class Rotation:
    """The exact bytes that both keys signed: public key `before` gives way to `after`, at a time in ms since 1970."""

    before: bytes
    after: bytes
    at: int
    body: bytes
    by_before: bytes
    by_after: bytes

    def to_json(self) -> dict[str, Json]:
        """As it stands in the audit log and in capsules: the statement as text, signatures in base64."""
        return {
            "body": self.body.decode(),
            "before": b64encode(self.by_before).decode(),
            "after": b64encode(self.by_after).decode(),
        }


def rotate(before: SigningKey, after: SigningKey, at: int) -> Rotation:
    """The statement that `after` takes the place of `before`, signed by both."""
    body = _body(before.public, after.public, at)
    return Rotation(before.public, after.public, at, body, before.sign(body), after.sign(body))


def read_rotation(found: Json) -> Rotation:
    """What `Rotation.to_json` wrote, with both signatures verified; raises EvidenceDamaged for anything else."""
    try:
        body = found["body"].encode()
        by_before, by_after = (b64decode(found[name], validate=True) for name in ("before", "after"))
        said = json.loads(body)
        before, after = (b64decode(said[name], validate=True) for name in ("before", "after"))
        rotation = Rotation(before, after, said["at"], body, by_before, by_after)
        exact = type(rotation.at) is int and body == _body(before, after, rotation.at) and found == rotation.to_json()
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        exact = False
    if not exact:
        raise EvidenceDamaged("a statement about a change of the node's key is not in its one form")
    if rotation.before == rotation.after or not is_public_key(rotation.after):
        raise EvidenceDamaged("a node's key was to be changed for one that is none, or is the same")
    for public, signature in ((rotation.before, by_before), (rotation.after, by_after)):
        if not verify(public, body, signature):
            raise EvidenceDamaged(f"the change of the node's key is not signed by key {key_id(public)}")
    return rotation


def lineage(rotations: Sequence[Rotation], public: bytes) -> tuple[bytes, ...]:
    """The keys that lead to this one, each vouched for by the one before, and it at the end.

    Raises EvidenceDamaged when the rotations, which are in order, do not form such a chain.
    """
    keys = [public]
    for rotation in reversed(rotations):
        if rotation.after != keys[-1] or rotation.before in keys:
            raise EvidenceDamaged(f"no statement of an earlier key leads to key {key_id(keys[-1])}")
        keys.append(rotation.before)
    return tuple(reversed(keys))


def _body(before: bytes, after: bytes, at: int) -> bytes:
    keys = {"before": b64encode(before).decode(), "after": b64encode(after).decode()}
    return rfc8785.dumps({"_type": ROTATION_TYPE, "at": at, **keys})
