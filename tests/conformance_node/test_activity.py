"""What a node tells of its runs survives a line that is cut, and a long silence before the cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from reach_workbench.api.server import listen_tcp
from reach_workbench.client.connection import Connection
from reach_workbench.client.remote import RemoteNode
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun

from .doors import HEAD, TOKEN, Line, Place, served

RUN = HEAD + "do: [{one: {set: {n: 1}}}]"
HEARS = HEAD + "do: [{hear: {listen: {to: {one: {with: {type: com.example.go}}}}}}]"


@asynccontextmanager
async def cut(folder: Path, patience: float) -> AsyncIterator[tuple[LocalNode, RemoteNode, Line]]:
    """A node, a client of it, and the line between them."""
    async with asyncio.timeout(30), Place(folder).local() as node:
        listener = listen_tcp("127.0.0.1", 0)
        async with served(node, listener, TOKEN):
            line = Line(listener.getsockname()[1], bytes_=1 << 30)
            remote = RemoteNode(
                Connection(url=f"http://127.0.0.1:{await line.start()}", token=TOKEN), patience=patience
            )
            try:
                yield node, remote, line
            finally:
                await remote.close()
                await line.stop()


async def run(node: LocalNode) -> str:
    view = await node.start(StartRun(RUN, Path("example.yaml")))
    return (await node.wait(view.id)).id


class Listener:
    """Gathers what is told, in a task of its own."""

    def __init__(self, stream: AsyncIterator[RunView]) -> None:
        self._stream = stream
        self._news = asyncio.Event()
        self.completed: set[str] = set()
        self.task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for view in self._stream:
            if view.status == "completed":
                self.completed.add(view.id)
                self._news.set()

    async def until(self, id: str) -> None:
        """Until that run was told of; raises what ended the stream."""
        while id not in self.completed:
            self._news.clear()
            hearing = asyncio.ensure_future(self._news.wait())
            await asyncio.wait((hearing, self.task), return_when=asyncio.FIRST_COMPLETED)
            hearing.cancel()
            if self.task.done():
                self.task.result()
                raise AssertionError("the stream ended")

    async def begin(self, node: LocalNode) -> None:
        """Until the stream is open: what ends before is not told."""
        while not self.completed:
            await run(node)
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_runs_that_changed_while_the_line_was_down_are_told_of(tmp_path: Path) -> None:
    async def body() -> None:
        async with cut(tmp_path, 20) as (node, remote, line):
            listener = Listener(remote.activity())
            await listener.begin(node)
            for _ in range(5):
                line.down = True
                line.hang_up()
                missed = [await run(node) for _ in range(3)]
                line.down = False
                at_once = await run(node)
                for id in (*missed, at_once):
                    await listener.until(id)
            await listener.stop()

    asyncio.run(body())


@pytest.mark.parametrize("what", ["activity", "events"])
def test_a_silence_before_the_cut_is_no_part_of_the_patience(tmp_path: Path, what: str) -> None:
    async def body() -> None:
        async with cut(tmp_path, 0.2) as (node, remote, line):
            view = await node.start(StartRun(HEARS, Path("example.yaml")))
            listener = Listener(remote.activity())
            await listener.begin(node)
            async with aclosing(remote.events(view.id, follow=True)) as events:
                async for event in events:
                    if event.type == "event.awaited":
                        break
                await asyncio.sleep(0.4)
                line.hang_up()
                if what == "events":
                    hearing = asyncio.ensure_future(anext(events))
                    await asyncio.sleep(0)
                    await node.publish({"type": "com.example.go"})
                    assert (await hearing).seq == event.seq + 1
                else:
                    await listener.until(await run(node))
            await listener.stop()

    asyncio.run(body())
