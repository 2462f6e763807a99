"""Streams that go on until their source ends, their reader leaves or the node closes: as SSE and over WebSocket.

A stream that was finished says so (`event: end`) and after which id; one that stops without it was cut, and
is asked for again from the last id. Where ids count up by one, a reader that finds a number left out, or the
end before its turn, knows that the line has lost or moved something. Messages that are ready together leave
together.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final, TypeVar

from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocket

from reach_workbench.api.answers import bug
from reach_workbench.errors import ReachError
from reach_workbench.protocol import wire
from reach_workbench.protocol.node_views import EventView
from reach_workbench.protocol.problems import problem

Item = TypeVar("Item")

EVENT_STREAM: Final = "text/event-stream"
PING_SECONDS: Final = 15.0
"""A comment is sent after so long without a message, so that both sides notice a dead connection."""

_AHEAD: Final = 512
"""Messages that are made before the reader has taken those before them."""

_CHUNK: Final = 64 * 1024
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """All open streams of an app; `close` ends them, so that the server can end in order."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    def events(self, source: AsyncIterator[EventView]) -> StreamingResponse:
        """Events of a run; their ids are their numbers."""
        return self.sse(source, wire.dumps, lambda event: event.seq)

    def numbered(self, source: AsyncIterator[object]) -> StreamingResponse:
        """What has no number of its own: ids count what this stream has said, from 1."""
        count = itertools.count(1)
        return self.sse(source, wire.dumps, lambda _: next(count))

    def sse(
        self, source: AsyncIterator[Item], form: Callable[[Item], bytes], number: Callable[[Item], int] | None = None
    ) -> StreamingResponse:
        """What `source` gives, as server-sent events: `form` writes the data of one, or all of it if it has no id."""
        return StreamingResponse(self._chunks(source, form, number), media_type=EVENT_STREAM, headers=_HEADERS)

    async def _chunks(
        self, source: AsyncIterator[Item], form: Callable[[Item], bytes], number: Callable[[Item], int] | None
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._messages(source, form, number)) as messages:
            async for chunk in messages:
                yield chunk

    async def _messages(
        self, source: AsyncIterator[Item], form: Callable[[Item], bytes], number: Callable[[Item], int] | None
    ) -> AsyncGenerator[bytes, None]:
        """Chunks of messages, a ping now and then, and how it ended once the source has."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)

        async def pump() -> None:
            last: int | None = None
            try:
                async for item in source:
                    if number is None:
                        await queue.put(form(item))
                    else:
                        last = number(item)
                        await queue.put(message(form(item), id=last))
                await queue.put(message(wire.dumps({"after": last}), kind="end"))
            except ReachError as wrong:
                await queue.put(_broken(wrong))
            except Exception as wrong:
                await queue.put(_broken(bug(wrong)))
            await queue.put(None)

        pumping = asyncio.ensure_future(pump())
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.sleep(0)  # the source listens before the reader knows that the stream is open
            yield b": reach\n\n"
            while True:
                chunk = await _next(queue, closing)
                if chunk is None:
                    return
                parts, size, last = [chunk], len(chunk), False
                while size < _CHUNK and not queue.empty():
                    more = queue.get_nowait()
                    if more is None:
                        last = True
                        break
                    parts.append(more)
                    size += len(more)
                yield b"".join(parts)
                if last:
                    return
        finally:
            closing.cancel()
            pumping.cancel()
            await asyncio.gather(pumping, closing, return_exceptions=True)

    async def socket(self, socket: WebSocket, source: AsyncIterator[EventView]) -> None:
        """Events over a WebSocket, a message each; closes with 1000 once the run has ended, else with 1011 or 1012."""
        await socket.accept()
        leaving = asyncio.ensure_future(_left(socket))
        sending = asyncio.ensure_future(self._send(socket, source))
        closing = asyncio.ensure_future(self._closing.wait())
        tasks = (leaving, sending, closing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if closing.done() and not sending.done() and not leaving.done():
                await socket.close(1012, "the node closes")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, socket: WebSocket, source: AsyncIterator[EventView]) -> None:
        try:
            async for event in source:
                await socket.send_text(wire.dumps(event).decode())
            await socket.close(1000, "the run has ended")
        except ReachError as wrong:
            await socket.send_text(wire.dumps({"problem": problem(wrong)}).decode())
            await socket.close(1011, wrong.code)


async def _left(socket: WebSocket) -> None:
    """Until the reader leaves; what it sends is not listened to."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _next(queue: asyncio.Queue[bytes | None], closing: asyncio.Future[Any]) -> bytes | None:
    """The next message, a ping when there is none for a while, None when the node closes."""
    if not queue.empty():
        return queue.get_nowait()
    getting = asyncio.ensure_future(queue.get())
    try:
        await asyncio.wait((getting, closing), timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        return None if closing.done() else b": ping\n\n"
    finally:
        getting.cancel()


def message(data: bytes, *, kind: str | None = None, id: int | None = None) -> bytes:
    """One server-sent event; `data` is JSON without line breaks."""
    named = b"event: %s\n" % kind.encode() if kind is not None else b""
    numbered = b"id: %d\n" % id if id is not None else b""
    return b"%s%sdata: %s\n\n" % (named, numbered, data)


def _broken(wrong: ReachError) -> bytes:
    return message(wire.dumps(problem(wrong)), kind="problem")
