"""Turns at deciding: runs that never wait take them one after the other, and between two of them others are heard."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

_ROUNDS: Final = 12
"""Rounds of the event loop between two turns: as many as the answer to a request takes steps, and next to free."""

_ATTENTION: Final = 3.0
"""Seconds after an answer for which the next question is expected."""


class Turns:
    """First come, first served. Belongs to one event loop."""

    def __init__(self) -> None:
        self._queue: deque[asyncio.Future[None]] = deque()
        self._counting = False
        self._attending = 0.0

    def asked(self) -> None:
        """Somebody asked something: for a while turns are to be taken in portions, so that nobody waits for a whole."""
        self._attending = asyncio.get_running_loop().time() + _ATTENTION

    @property
    def in_portions(self) -> bool:
        return asyncio.get_running_loop().time() < self._attending

    async def next(self) -> None:
        """Until it is the caller's turn."""
        await self._wait(asyncio.get_running_loop(), first=False)

    async def again(self) -> None:
        """Until the caller, whose turn it is, may take the next portion of it: before any other run."""
        await self._wait(asyncio.get_running_loop(), first=True)

    async def _wait(self, loop: asyncio.AbstractEventLoop, *, first: bool) -> None:
        turn: asyncio.Future[None] = loop.create_future()
        if first:
            self._queue.appendleft(turn)
        else:
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
