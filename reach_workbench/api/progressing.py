"""Long work as a stream: how far it is, the newest only, then what it gave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from reach_workbench.api.streams import message
from reach_workbench.protocol import wire
from reach_workbench.protocol.node_views import Progress


async def progressing(work: Callable[[Progress], Coroutine[Any, Any, object]], kind: str) -> AsyncIterator[bytes]:
    """Messages of kind `progress` while the work goes on, and one of `kind` with its result. Leaving it cancels it."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    latest = (0, 0)

    def note(done: int, total: int) -> None:
        nonlocal latest
        latest = (done, total)
        loop.call_soon_threadsafe(news.set)

    task = asyncio.ensure_future(work(note))
    task.add_done_callback(lambda _: news.set())
    try:
        while not task.done():
            await news.wait()
            news.clear()
            if latest[1]:
                yield message(wire.dumps({"done": latest[0], "total": latest[1]}), kind="progress")
        yield message(wire.dumps(task.result()), kind=kind)
    finally:
        task.cancel()
