"""Turns at deciding: runs that never wait take them one after the other, and between two of them others are heard."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

_ROUNDS: Final = 12
"""Rounds of the event loop between two turns: as many as the answer to a request takes steps, and next to free."""


class Turns:
    """First come, first served. Belongs to one event loop."""

    def __init__(self) -> None:
        self._queue: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def next(self) -> None:
        """Until it is the caller's turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._queue.append(turn)
        if not self._counting:
            self._counting = True
            loop.call_soon(self._count, loop, _ROUNDS)
        await turn

    def _count(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        if left:
            loop.call_soon(self._count, loop, left - 1)
            return
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        self._counting = bool(self._queue)
        if self._counting:
            loop.call_soon(self._count, loop, _ROUNDS)
