"""Long looks into histories, off the event loop, that end when nobody waits for them any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

Stopped = Callable[[], bool]
"""Whether nobody waits for the work any more."""


async def aside(work: Callable[[Stopped], T]) -> T:
    """What the work gives, done in a thread; it is told to stop when the caller is cancelled."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, stop.is_set)
    finally:
        stop.set()
