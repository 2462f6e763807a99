"""Threads in which runs wait for expressions that may loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_THREADS: Final = 8


class Threads:
    """There for nothing else, so that nothing else can use them up; begun when the first is needed."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    async def aside(self, work: Callable[[], T]) -> T:
        """What the work gives, done off the event loop."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="reach-engine")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Take no more work; what is under way is not waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
