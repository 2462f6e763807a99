"""A line that repeats what a node says, or lets one message overtake another, loses and doubles nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reach_workbench.api.server import listen_tcp
from reach_workbench.client.connection import Connection
from reach_workbench.client.remote import RemoteNode
from reach_workbench.errors import NodeUnreachable
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun

from .doors import HEAD, TOKEN, Muddle, Place, served

MANY = HEAD + (
    "do: [{each: {for: {in: '${ [range(100)] }'}, do: [{one: {set: {n: '${ $item }'}}}]}},"
    " {pause: {wait: {milliseconds: 50}}}, {again: {set: {n: 0}}}]"
)
SHORT = HEAD + "do: [{one: {wait: {milliseconds: 150}}}, {two: {set: {n: 1}}}]"


@asynccontextmanager
async def muddled(
    folder: Path, patience: float, moves: float, keeps: float = 0.01
) -> AsyncIterator[tuple[LocalNode, RemoteNode, Muddle]]:
    """A node, a client of it, and the line between them."""
    async with asyncio.timeout(30), Place(folder).local() as node:
        listener = listen_tcp("127.0.0.1", 0)
        async with served(node, listener, TOKEN):
            line = Muddle(listener.getsockname()[1], moves=moves, keeps=keeps)
            remote = RemoteNode(
                Connection(url=f"http://127.0.0.1:{await line.start()}", token=TOKEN), patience=patience
            )
            try:
                yield node, remote, line
            finally:
                await remote.close()
                await line.stop()


@pytest.mark.parametrize("follow", [True, False])
def test_every_event_comes_once_and_in_its_turn(tmp_path: Path, follow: bool) -> None:
    async def body() -> None:
        async with muddled(tmp_path, 20, 0.05) as (node, remote, line):
            view = await node.start(StartRun(MANY, Path("example.yaml")))
            if not follow:
                await node.wait(view.id)
            heard = [event async for event in remote.events(view.id, follow=follow)]
            assert heard == [event async for event in node.events(view.id)]
            assert heard[-1].type == "workflow.completed"
            assert line.moved > 3
            assert line.repeated > 10

    asyncio.run(body())


def test_an_end_that_comes_before_its_turn_ends_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        async with muddled(tmp_path, 20, 0.0) as (node, remote, line):
            view = await node.wait((await node.start(StartRun(SHORT, Path("example.yaml")))).id)
            while line.moved < 5:
                assert [event.seq async for event in remote.events(view.id)] == list(range(1, view.seq + 1))

    asyncio.run(body())


def test_the_last_that_is_told_of_a_run_is_how_it_is(tmp_path: Path) -> None:
    async def body() -> None:
        async with muddled(tmp_path, 20, 0.5, keeps=0.5) as (node, remote, line):
            told: dict[str, RunView] = {}

            async def listen() -> None:
                async for view in remote.activity():
                    told[view.id] = view

            listening = asyncio.ensure_future(listen())
            while not told:  # what ends before the stream is open is not told
                await node.wait((await node.start(StartRun(SHORT, Path("example.yaml")))).id)
            while line.moved < 5:
                view = await node.start(StartRun(SHORT, Path("example.yaml")))
                ended = await node.wait(view.id)
                while told.get(view.id) != ended:  # for half a minute at most
                    await asyncio.sleep(0.01)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(body())


def test_a_line_that_never_gives_the_next_event_is_given_up(tmp_path: Path) -> None:
    async def body() -> None:
        async with muddled(tmp_path, 0.3, 1.0) as (node, remote, _):
            view = await node.wait((await node.start(StartRun(MANY, Path("example.yaml")))).id)
            with pytest.raises(NodeUnreachable, match="left out number"):
                async for _ in remote.events(view.id, after=1):
                    pass

    asyncio.run(body())
