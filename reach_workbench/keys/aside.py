"""Waiting for keys beside an event loop, which neither stands still meanwhile nor is kept from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def aside(work: Callable[[], Result]) -> Result:
    """What the work gives or raises. Once cancelled, nobody waits for it any more: not even the end of the process,
    as it would for a thread of `asyncio.to_thread`. So the work must be such that it can be cut off anywhere.
    """
    loop = asyncio.get_running_loop()
    given: asyncio.Future[Result] = loop.create_future()

    def put(result: Result | None, wrong: BaseException | None) -> None:
        if given.done():
            return
        if wrong is not None:
            given.set_exception(wrong)
        else:
            given.set_result(result)  # type: ignore[arg-type]  # what the work gave

    def run() -> None:
        result: Result | None = None
        failed: BaseException | None = None
        try:
            result = work()
        except BaseException as wrong:  # it belongs to whoever waits
            failed = wrong
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(put, result, failed)

    threading.Thread(target=run, name="keys", daemon=True).start()
    return await given
