"""The ways to a node that must not differ: in process, over HTTP, and over HTTP through lines that are bad."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from reach_workbench.api.app import create_app
from reach_workbench.api.server import Listener, listen_tcp, listen_unix, serve
from reach_workbench.client.address import SocketAddress
from reach_workbench.client.connection import Connection
from reach_workbench.client.remote import RemoteNode
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.node.local import LocalNode
from reach_workbench.node.rotating import Signer
from reach_workbench.protocol.node import Node
from reach_workbench.settings import load
from tests import unheld

DOORS = ("local", "socket", "tcp", "cut", "muddled")
TOKEN = "a-token-of-the-tests"
HEAD = "document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}\n"


class Line:
    """A proxy that delays, and cuts a connection after so many bytes of answers; each next one lives longer."""

    def __init__(self, port: int, *, bytes_: int, delay: float = 0.0) -> None:
        self._port = port
        self._bytes = bytes_
        self._delay = delay
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.cuts = 0
        self.down = False

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.down:
            writer.transport.abort()
            return
        there, away = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.ensure_future(_pass(reader, away))
        try:
            with suppress(asyncio.CancelledError, ConnectionError):  # hung up
                await self._answer(there, writer)
        finally:
            asking.cancel()
            for each in (writer, away):
                each.transport.abort()
            with suppress(asyncio.CancelledError):
                await asking

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Only streams are cut: an answer that is lost on the way is lost for a local client too."""
        left, streams = self._bytes, False
        while chunk := await there.read(256):
            streams = streams or b"text/event-stream" in chunk
            if self._delay:
                await asyncio.sleep(self._delay)
            if streams:
                left -= len(chunk)
                if left < 0:
                    writer.write(chunk[: len(chunk) // 2])
                    self.cuts += 1
                    self._bytes += 1000
                    return
            writer.write(chunk)
            with suppress(ConnectionError):
                await writer.drain()

    def hang_up(self) -> None:
        """Cut every connection there is."""
        for task in list(self._tasks):
            task.cancel()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        self.hang_up()
        await asyncio.gather(*tasks, return_exceptions=True)


class Muddle(Line):
    """A proxy that says blocks of streams twice, and lets one overtake the one before it, above all the last.

    `moves` is how likely one does, but for the last, which does so half the time. Each block is kept for `keeps`
    seconds, or until another comes.
    """

    def __init__(self, port: int, *, moves: float = 0.03, keeps: float = 0.01) -> None:
        super().__init__(port, bytes_=0)
        self._moves = moves
        self._keeps = keeps
        self._draw = random.Random(7)
        self.moved = 0
        self.repeated = 0

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the node hung up
            while True:
                head = await there.readuntil(b"\r\n\r\n")
                writer.write(head)
                names = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:-1])
                if names.get(b"content-type", b"").startswith(b"text/event-stream"):
                    await self._muddle(there, writer)
                elif b"content-length" in names:
                    writer.write(await there.readexactly(int(names[b"content-length"])))
                elif b"transfer-encoding" in names:
                    while chunk := await _chunk(there):
                        writer.write(_framed(chunk))
                    writer.write(_framed(b""))
                await writer.drain()

    async def _muddle(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept, rest = b"", b""
        reading = asyncio.ensure_future(_chunk(there))
        try:
            while True:
                await asyncio.wait((reading,), timeout=self._keeps if kept else None)
                if not reading.done():
                    writer.write(_framed(kept))
                    kept = b""
                    continue
                chunk = reading.result()
                *blocks, rest = (rest + chunk).split(b"\n\n")
                for block in blocks:
                    if not block.startswith(b":"):  # a comment
                        kept = self._said(writer, kept, block + b"\n\n")
                if not chunk:
                    writer.write((_framed(kept) if kept else b"") + _framed(b""))
                    return
                await writer.drain()
                reading = asyncio.ensure_future(_chunk(there))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _said(self, writer: asyncio.StreamWriter, kept: bytes, block: bytes) -> bytes:
        """Says one of the two, and returns the other."""
        if kept and self._draw.random() < (0.5 if block.startswith(b"event: end") else self._moves):
            self.moved += 1
            kept, block = block, kept
        if kept:
            writer.write(_framed(kept))
            if self._draw.random() < 0.2:
                self.repeated += 1
                writer.write(_framed(kept))
        return block


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """One chunk of a body in HTTP's chunked coding, empty at the end."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:size]


def _framed(chunk: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(chunk), chunk)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


class Place:
    """A home with files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        self.functions = Functions()
        self.variables = {"REACH_RUNNER_POLL_SECONDS": "0.02", **unheld.VARIABLES}
        self.evaluator: Evaluator | None = None
        self.schedules = False
        self.signer: Signer | None = None

    @asynccontextmanager
    async def local(self) -> AsyncIterator[LocalNode]:
        settings = load(self.home, self.variables)
        node = await LocalNode.open(settings, functions=self.functions, evaluator=self.evaluator, signer=self.signer)
        try:
            if self.schedules:
                await node.start_schedules()
            yield node
        finally:
            await node.close()


@asynccontextmanager
async def served(node: Node, listener: socket.socket, token: str | None = None) -> AsyncIterator[None]:
    """The node's API behind that socket, for the time of the block."""
    api = create_app(node, refused=getattr(node, "refused", None))
    ended = asyncio.Event()
    serving = asyncio.ensure_future(serve(api, [Listener(listener, token)], ended))
    try:
        yield
    finally:
        ended.set()
        await serving
        await api.close()
        listener.close()


@asynccontextmanager
async def through(door: str, place: Place) -> AsyncIterator[Node]:
    """A node behind that door."""
    async with place.local() as node:
        if door == "local":
            yield node
        elif door == "socket":
            address = SocketAddress(place.home)
            async with served(node, listen_unix(address.path)):
                remote = RemoteNode(Connection(home=place.home), patience=10)
                yield remote
                await remote.close()
            address.close()
        else:
            listener = listen_tcp("127.0.0.1", 0)
            port: int = listener.getsockname()[1]
            async with served(node, listener, TOKEN):
                bad = {"cut": lambda: Line(port, bytes_=1500), "muddled": lambda: Muddle(port)}
                line = bad[door]() if door in bad else None
                port = await line.start() if line is not None else port
                remote = RemoteNode(Connection(url=f"http://127.0.0.1:{port}", token=TOKEN), patience=10)
                yield remote
                await remote.close()
                if line is not None:
                    await line.stop()
