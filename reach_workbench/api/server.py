"""The server under the API: where it listens, its token, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import uvicorn

from reach_workbench.api.app import Api
from reach_workbench.clock import Clock
from reach_workbench.errors import HomeUnusable, UsageError

_GRACE: Final = 3
"""Seconds that requests under way have for their answers once the server ends."""


def listen_unix(address: str) -> socket.socket:
    """Listen on a Unix socket that nobody but its owner can open.

    Whoever calls holds the lock of the home: a socket that is there belongs to nobody any more.
    """
    Path(address).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(address)
    except OSError as wrong:
        listener.close()
        raise HomeUnusable(f"can't make a socket: {wrong.strerror}", where=address) from None
    finally:
        os.umask(before)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def listen_tcp(host: str, port: int) -> socket.socket:
    """Listen on a TCP address; port 0 takes a free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as wrong:
        raise _taken(host, port, wrong) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as wrong:
        listener.close()
        raise _taken(host, port, wrong) from None
    listener.setblocking(False)
    return listener


def _taken(host: str, port: int, wrong: OSError) -> UsageError:
    return UsageError(f"can't listen on {host}:{port}: {wrong.strerror}", hint="name another address")


def token_in(file: Path, clock: Clock) -> str:
    """The token that the file keeps, made when there is none; the file is its owner's alone."""
    try:
        token = file.read_text("ascii").strip()
        if token:
            return token
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as wrong:
        raise HomeUnusable(f"can't read the token: {wrong}", where=str(file), hint="move the file away") from None
    token = base64.urlsafe_b64encode(clock.entropy(32)).decode().rstrip("=")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as written:
        os.fchmod(descriptor, 0o600)
        written.write(token + "\n")
    return token


class Listener(NamedTuple):
    """A socket that listens, and the token that requests to it must carry, None for none."""

    socket: socket.socket
    token: str | None


Needless = Callable[[int], bool]
"""Told now and then how many clients there were since; answers whether the server may end by itself."""

_LOOK: Final = 5
"""Seconds between two looks whether anybody needs the server."""


async def serve(
    api: Api, listeners: Sequence[Listener], ended: asyncio.Event, *, needless: Needless | None = None
) -> None:
    """Answer requests until `ended` is set; then let those under way have their answers, and close the listeners.

    `needless` sets it too, once it says so of the connections of the last listener.
    """
    *others, last = listeners
    await asyncio.gather(*(_serve(api, each, ended) for each in others), _serve(api, last, ended, needless))


async def _serve(api: Api, listener: Listener, ended: asyncio.Event, needless: Needless | None = None) -> None:
    config = uvicorn.Config(
        api.door(listener.token),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # the door writes it
        proxy_headers=False,
        ws="websockets-sansio",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE,
    )
    await _Server(config, api, ended, needless).serve(sockets=[listener.socket])


class _Server(uvicorn.Server):
    """Leaves signals alone, and hardly wakes by itself, instead of ten times a second."""

    def __init__(self, config: uvicorn.Config, api: Api, ended: asyncio.Event, needless: Needless | None) -> None:
        super().__init__(config)
        self._api = api
        self._ended = ended
        self._needless = needless

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        asked = 0
        while not self._ended.is_set():
            if self._needless is not None:
                asked, before = self.server_state.total_requests, asked
                if self._needless(len(self.server_state.connections) + asked - before):
                    self._ended.set()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._ended.wait()
            except TimeoutError:
                continue
        self.should_exit = True
        self._api.end_streams()
