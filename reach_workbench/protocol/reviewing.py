"""Who may decide about gates, as a node tells of them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReviewerView:
    """A key that may decide, and whose it is; `public_key` is its 32 bytes in base64.

    One person may have several keys; `name` is what gates count by. `groups` are in alphabetical order. A revoked key
    decides no more, and is never taken up again; what it signed before stays. Times in ms since 1970.
    """

    key_id: str
    name: str
    public_key: str
    groups: tuple[str, ...]
    added_at: int
    revoked_at: int | None = None


def another_key(name: str) -> str:
    """How the owner of a revoked key goes on to decide, as a hint of errors."""
    made = shlex.quote(name)
    return f"`reach key delete {made}` and `reach reviewer add {made}` let another key decide"
