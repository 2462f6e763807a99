"""The only door through which time, chance and fresh ids enter the program.

The engine and the policy never import this module: they get time from a fact's
timestamp and derive ids from the run's id. Tests hand a `FixedClock` to what they test.
"""

from __future__ import annotations

import os
import time
from typing import Protocol

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class Clock(Protocol):
    """Source of wall time (milliseconds since 1970-01-01 UTC), elapsed time and chance."""

    def now(self) -> int: ...

    def elapsed(self) -> float: ...

    def entropy(self, size: int) -> bytes: ...


class SystemClock:
    """The machine's own time and the operating system's randomness."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def elapsed(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        return time.perf_counter()

    def entropy(self, size: int) -> bytes:
        return os.urandom(size)


class FixedClock:
    """A clock that moves only when told to, with a reproducible stream of chance."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self._now = now
        self._drawn = 0

    def now(self) -> int:
        return self._now

    def elapsed(self) -> float:
        return self._now / 1000

    def entropy(self, size: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(size, "big")

    def advance(self, milliseconds: int) -> None:
        self._now += milliseconds


def new_run_id(clock: Clock) -> str:
    """A new run id: 10 characters of time and 10 of chance, lower-case Crockford base 32.

    Ids sort by the time they were made, and a short prefix is usually enough to name a run.
    """
    stamp = _base32(clock.now(), 10)
    chance = _base32(int.from_bytes(clock.entropy(7), "big") >> 6, 10)
    return stamp + chance


def new_gate_id(clock: Clock) -> str:
    """A new id of a gate: 13 characters of chance, so that four or five of them are enough to name one."""
    return _base32(int.from_bytes(clock.entropy(8), "big"), 13)


def _base32(number: int, length: int) -> str:
    digits = [""] * length
    for place in range(length - 1, -1, -1):
        digits[place] = _CROCKFORD[number & 31]
        number >>= 5
    return "".join(digits)
