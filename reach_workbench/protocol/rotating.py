"""The key that a node signs with, and its changes, as a node tells of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeKeyView:
    """A key that the node signs with, or did; `public_key` is its 32 bytes in base64.

    It does so `since` a time in ms since 1970 and that `record` of the audit log, where the key `endorsed_by` vouches
    for it; the first of a home has none of these.
    """

    key_id: str
    public_key: str
    since: int | None
    record: int | None
    endorsed_by: str | None


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """A statement that one key takes the place of another (`evidence.rotation`), and the signatures of the key `before`
    and the one `after` it, in base64.
    """

    body: str
    before: str
    after: str
