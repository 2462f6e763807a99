"""How long a failed job waits before its next attempt."""

from __future__ import annotations

from typing import Final

FIRST: Final = 1_000
"""Milliseconds after the first failed attempt; each further one doubles it."""

CAP: Final = 300_000
"""The longest wait in milliseconds."""


def delay(attempts: int) -> int:
    """Milliseconds to wait after this many failed attempts (1 or more)."""
    return int(min(FIRST << min(attempts - 1, 32), CAP))
