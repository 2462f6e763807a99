"""An event loop whose time leaps to the next timer, and the clock that goes with it.

A run that waits for hours is over at once, and every timestamp is the same on every machine.
Time stands still while a thread is at work, so that nothing depends on how quick it was.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, Final

START: Final = 1_700_000_000_000
"""Milliseconds since 1970 at which every virtual clock begins."""

_REAL_WAIT: Final = 5.0
"""Seconds a thread may keep us waiting between two looks."""


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._elapsed = 0.0
        self._threads = 0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self._elapsed

    def wait(self, seconds: float | None) -> float | None:
        """How long to wait really, where a plain loop would wait for `seconds`; time leaps instead if it may."""
        if self._threads or seconds is None:
            return min(seconds or _REAL_WAIT, _REAL_WAIT)
        self._elapsed += seconds
        return 0.0

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self._threads -= 1


class _Leaping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        return super().select(self._loop.wait(timeout))


class VirtualClock:
    """The time of a virtual loop, and a reproducible stream of chance."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self._loop = loop
        self._drawn = seed << 20

    def now(self) -> int:
        return START + int(self._loop.time() * 1000)

    def elapsed(self) -> float:
        return self._loop.time()

    def entropy(self, size: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(max(size, 8), "big")[-size:]
