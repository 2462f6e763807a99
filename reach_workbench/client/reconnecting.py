"""Streams that survive cuts, and lines that lose, move or repeat: each goes on after the last thing it gave.

Nothing is lost and nothing comes twice, because what a node says on a stream is numbered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final, NamedTuple

from reach_workbench.client.connection import Connection
from reach_workbench.clock import Clock, SystemClock
from reach_workbench.engine.values import Json
from reach_workbench.errors import NodeUnreachable
from reach_workbench.protocol import wire
from reach_workbench.protocol.node_views import EventView
from reach_workbench.protocol.problems import error_of

_FIRST: Final = 0.05
_LONGEST: Final = 1.0
"""Seconds between two tries; each wait is twice the one before."""

_SETTLED: Final = 1.0
"""Seconds: a stream that breaks sooner, with nothing heard, is the trouble that there was before it opened."""


class Message(NamedTuple):
    """One server-sent event."""

    kind: str
    data: bytes
    id: int | None = None


async def messages(
    connection: Connection,
    method: str,
    path: str,
    *,
    parameters: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    after: int | None = None,
    body: Mapping[str, Json] | None = None,
) -> AsyncGenerator[Message, None]:
    """What a stream of the node says, `opened` first, up to its end.

    With `after`, ids count up by one from there, and each message comes once and in its turn. Raises
    what the node raised, NodeUnreachable when the stream is cut, or has left out what comes next.
    """
    given = {"Accept": "text/event-stream", **(headers or {})}
    opened = connection.open(method, path, body=body, parameters=parameters, headers=given, stream=True)
    async with opened as response:
        yield Message("opened", b"")
        with connection.reading():
            async for message in _parsed(response.aiter_bytes()):
                if message.kind == "problem":
                    raise error_of(wire.parse(message.data)) or NodeUnreachable("the node broke a stream off")
                number = wire.parse(message.data).get("after") if message.kind == "end" else message.id
                if after is not None and number is not None:
                    due = after if message.kind == "end" else after + 1
                    if number > due:
                        raise NodeUnreachable(f"the stream left out number {after + 1}", where=connection.name)
                    if number < due and message.kind != "end":
                        continue  # said before
                    after = number
                if message.kind == "end":
                    return
                yield message
    raise NodeUnreachable("the stream was cut", where=connection.name)


async def _parsed(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Message, None]:
    """Server-sent events (the HTML standard's, as far as the node writes them); comments are passed over."""
    buffer = bytearray()
    async for chunk in chunks:
        searched = max(len(buffer) - 1, 0)
        buffer += chunk
        begin = 0
        while (end := buffer.find(b"\n\n", max(searched, begin))) >= 0:
            message = _message(bytes(buffer[begin:end]))
            begin = end + 2
            if message is not None:
                yield message
        del buffer[:begin]


def _message(block: bytes) -> Message | None:
    kind, data, id = "message", b"", None
    for line in block.split(b"\n"):
        if line.startswith(b"data: "):
            data = line[6:]
        elif line.startswith(b"event: "):
            kind = line[7:].decode()
        elif line.startswith(b"id: ") and line[4:].isdigit():
            id = int(line[4:])
    return Message(kind, data, id) if data else None


class Retry:
    """How long a stream that was cut is tried again: `patience` seconds since the cut, however quiet it was before."""

    def __init__(self, patience: float, clock: Clock | None = None) -> None:
        self._patience = patience
        self._clock = clock or SystemClock()
        self._since: float | None = None
        self._opened: float | None = None
        self._delay = _FIRST

    def found(self) -> None:
        """The node answers; a stream that it opens may be cut at once all the same, so tries do not hurry."""
        self._opened = self._clock.elapsed()

    def heard(self) -> None:
        self._since = None
        self._delay = _FIRST

    async def after(self, wrong: NodeUnreachable) -> None:
        """Wait before the next try; raises `wrong` when patience has run out."""
        now = self._clock.elapsed()
        settled = self._opened is not None and now - self._opened >= _SETTLED
        self._opened = None
        self._since = now if self._since is None or settled else self._since
        if now - self._since >= self._patience:
            raise wrong
        await asyncio.sleep(self._delay)
        self._delay = min(self._delay * 2, _LONGEST)


async def events(
    connection: Connection, path: str, *, after: int, follow: bool, patience: float
) -> AsyncGenerator[EventView, None]:
    """The events of a run, each once and in order, over as many connections as it takes."""
    last = max(after, 0)
    retry = Retry(patience)
    while True:
        headers = {"Last-Event-ID": str(last)}
        stream = messages(connection, "GET", path, parameters={"follow": follow}, headers=headers, after=last)
        try:
            async for message in stream:
                if message.kind == "opened":
                    retry.found()
                    continue
                event = wire.loads(EventView, message.data)
                retry.heard()
                last = event.seq
                yield event
            return
        except NodeUnreachable as wrong:
            await retry.after(wrong)
        finally:
            await stream.aclose()


def progress(data: bytes) -> tuple[int, int]:
    """The parts of a message about the progress of long work."""
    value: Json = wire.parse(data)
    return int(value["done"]), int(value["total"])
