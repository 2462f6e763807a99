"""A node is found or started, its socket is its owner's alone, and it ends in order."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reach_workbench.client import RemoteNode, find_or_start
from reach_workbench.client.address import SOCKET, serves
from reach_workbench.client.starting import _here, start_ahead
from reach_workbench.errors import HomeInUse, HomeUnusable, NodeUnreachable
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load
from reach_workbench.storage.home import holder
from tests.conformance_node.doors import HEAD

PATIENCE = 20.0
COUNTS = HEAD + (
    "do: [{each: {for: {in: '${ [range(60)] }'}, do: [{nap: {wait: {milliseconds: 30}}}]}}, {end: {set: {done: true}}}]"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    pid = holder(folder)
    if pid is not None and pid != os.getpid():
        os.kill(pid, signal.SIGTERM)
        until(lambda: holder(folder) is None)


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.02)


@asynccontextmanager
async def found(home: Path, **more: float) -> AsyncIterator[RemoteNode]:
    node = await find_or_start(home, **more)
    try:
        yield node
    finally:
        await node.close()


def test_the_first_starts_a_node_and_the_second_finds_it(home: Path) -> None:
    async def body() -> None:
        async with found(home) as first, found(home) as second:
            info = await first.info()
            assert info == await second.info()
            assert info.pid == holder(home) != os.getpid()
        assert serves(home)

    asyncio.run(body())
    mode = (home / SOCKET).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert "listening" in (home / "node.log").read_text()


def test_two_that_start_at_once_share_one_node(home: Path) -> None:
    async def body() -> None:
        async def pid() -> int:
            async with found(home) as node:
                return (await node.info()).pid

        assert len(set(await asyncio.gather(pid(), pid(), pid()))) == 1

    asyncio.run(body())


def test_a_node_that_was_started_ahead_is_waited_for_and_started_again_once_it_is_gone(home: Path) -> None:
    async def body() -> None:
        start_ahead(home)
        started = _here[-1]
        async with found(home) as node:
            first = (await node.info()).pid
        assert started._pid == first
        os.kill(first, signal.SIGKILL)
        until(lambda: holder(home) is None)
        async with found(home) as node:
            assert (await node.info()).pid == holder(home) != first

    asyncio.run(body())


def test_a_node_that_was_started_ahead_and_serves_already_is_not_held_against_the_next(home: Path) -> None:
    async def body() -> None:
        start_ahead(home)
        until(lambda: serves(home))
        async with found(home) as node:
            first = (await node.info()).pid
        os.kill(first, signal.SIGKILL)
        until(lambda: holder(home) is None)
        async with found(home) as node:
            assert (await node.info()).pid != first

    asyncio.run(body())


def test_why_a_node_could_not_be_started_ahead_is_told_when_it_is_looked_for(home: Path) -> None:
    async def body() -> None:
        node = await LocalNode.open(load(home))
        try:
            start_ahead(home)
            with pytest.raises(HomeInUse, match=str(os.getpid())):
                await find_or_start(home)
        finally:
            await node.close()

    asyncio.run(body())


def test_a_folder_in_which_no_node_can_be_started_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    start_ahead(tmp_path / "file")
    with pytest.raises(HomeUnusable, match="File exists"):
        asyncio.run(find_or_start(tmp_path / "file"))


def test_a_node_that_could_not_be_started_ahead_is_no_hindrance_later(home: Path) -> None:
    """The home was in use when the screen began to load, and is free when it looks."""

    async def body() -> None:
        node = await LocalNode.open(load(home))
        start_ahead(home)
        until(lambda: all(each.ended() for each in _here))
        await node.close()
        async with found(home) as remote:
            assert (await remote.info()).pid == holder(home) != os.getpid()

    asyncio.run(body())


def test_a_home_that_a_command_has_is_not_taken(home: Path) -> None:
    async def body() -> None:
        node = await LocalNode.open(load(home))
        try:
            with pytest.raises(HomeInUse, match=str(os.getpid())):
                await find_or_start(home)
        finally:
            await node.close()

    asyncio.run(body())


def test_a_socket_that_nobody_listens_on_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        monkeypatch.chdir(home)
        dead.bind(SOCKET)
    assert not serves(home)

    async def body() -> None:
        async with found(home) as node:
            await node.info()

    asyncio.run(body())


def test_a_home_with_a_long_path_is_served_too(home: Path) -> None:
    deep = home / ("x" * 120)

    async def body() -> None:
        async with found(deep) as node:
            assert (await node.info()).home == str(deep)

    asyncio.run(body())
    os.kill(holder(deep) or 0, signal.SIGTERM)
    until(lambda: holder(deep) is None)


def test_a_node_that_is_killed_is_missed_found_again_and_no_event_is_lost(home: Path) -> None:
    """The reader notices, a new node goes on with the run, and the same iteration reads on to its end."""

    async def body() -> None:
        async with asyncio.timeout(PATIENCE), found(home, patience=math.inf) as node:
            told: list[bool] = []
            node.watch_connection(told.append)
            view = await node.start(StartRun(COUNTS, Path("counts.yaml")))
            seen: list[int] = []
            waiting = asyncio.ensure_future(node.wait(view.id))
            again: RemoteNode | None = None
            async for event in node.events(view.id, follow=True):
                seen.append(event.seq)
                if len(seen) == 20:
                    os.kill(holder(home) or 0, signal.SIGKILL)
                    while holder(home) is not None:
                        await asyncio.sleep(0.01)
                    again = await find_or_start(home)
            assert seen == list(range(1, len(seen) + 1))
            done = await waiting
            assert (done.status, done.seq) == ("completed", seen[-1])
            assert told[-1] is True
            assert again is not None
            await again.close()

    asyncio.run(body())


def test_a_node_that_is_told_to_end_ends_its_streams_and_takes_its_socket_away(home: Path) -> None:
    async def body() -> None:
        async with asyncio.timeout(PATIENCE), found(home, patience=0) as node:
            view = await node.start(StartRun(HEAD + "do: [{nap: {wait: {minutes: 5}}}]", Path("nap.yaml")))
            with pytest.raises(NodeUnreachable):
                async for event in node.events(view.id, follow=True):
                    if event.type == "timer.started":
                        os.kill(holder(home) or 0, signal.SIGTERM)
            with pytest.raises(NodeUnreachable):
                while True:
                    await node.run(view.id)
                    await asyncio.sleep(0.02)
        while holder(home) is not None:
            await asyncio.sleep(0.02)
        assert not (home / SOCKET).exists()
        async with found(home) as next_:
            assert (await next_.run(view.id)).status in ("waiting", "running", "pending")

    asyncio.run(body())


def test_what_keeps_a_node_from_starting_is_raised(home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "reach.db").write_bytes(b"this is no database, and long enough to be taken for one" * 100)

    async def body() -> None:
        with pytest.raises(Exception, match="database") as refused:
            await find_or_start(home)
        assert getattr(refused.value, "code", "").startswith("store")

    asyncio.run(body())


def test_where_nothing_serves_a_home_it_is_said_in_words(tmp_path: Path) -> None:
    from reach_workbench.client import BlockingNode

    with pytest.raises(NodeUnreachable) as raised, BlockingNode(home=tmp_path):
        pass
    assert raised.value.message == "the node does not answer: nothing serves this home"
    assert (raised.value.where, raised.value.hint) == (str(tmp_path), "`reach serve` starts one there")
