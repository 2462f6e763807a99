"""Publishes lifecycle events to a URL: CloudEvents over HTTP, in structured mode (CloudEvents HTTP binding, 3.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import orjson

from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

if TYPE_CHECKING:
    from reach_workbench.effects.web import Web

QUEUE: Final = 10_000
"""Events that wait to be sent at most; what comes while it is full is dropped."""

ATTEMPTS: Final = 3
_PAUSE: Final = 0.5
"""Seconds between two attempts."""

_FAREWELL: Final = 2.0
"""Seconds that the node waits for the last events when it closes."""


class Sink:
    """Sends events one after the other in the background, and never keeps a run waiting.

    `dropped` counts those that could not be sent: the sink did not take them, or not in time.
    """

    def __init__(self, url: str, web: Callable[[], Web], surroundings: Surroundings) -> None:
        self.dropped = 0
        self._url = url
        self._web = web
        self._surroundings = surroundings
        self._queue: asyncio.Queue[dict[str, Json]] = asyncio.Queue(QUEUE)
        self._sending: asyncio.Task[None] | None = None
        self._answering = True

    def put(self, event: dict[str, Json]) -> None:
        """Have the event sent when its turn comes."""
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.dropped += 1

    async def close(self) -> None:
        """Give the last events a moment, then give up on them."""
        if self._sending is None:
            return
        if self._answering:  # one that does not answer is not worth waiting for
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._queue.join(), _FAREWELL)
        self.dropped += self._queue.qsize()
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        self._sending = None

    async def _send_all(self) -> None:
        while True:
            event = await self._queue.get()
            try:
                if not await self._send(event):
                    self.dropped += 1
            finally:
                self._queue.task_done()

    async def _send(self, event: dict[str, Json]) -> bool:
        from reach_workbench.effects.exchange import Request
        from reach_workbench.effects.scrubber import Scrubber

        headers = (("Content-Type", "application/cloudevents+json; charset=UTF-8"),)
        request = Request("POST", self._url, headers, orjson.dumps(event))
        for attempt in range(ATTEMPTS):
            if attempt:
                self._answering = False
                await asyncio.sleep(_PAUSE)
            try:
                reply = await self._web().send(request, None, self._surroundings, Scrubber({}))
            except Fault:
                continue
            if 200 <= reply.status < 300:
                self._answering = True
                return True
        return False
