"""`reach serve`: the node of a home, for screens and other programs."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reach_workbench.cli.command import JSON, Command, Example, Given, Option
from reach_workbench.cli.session import Session, go, interruptible
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.errors import UsageError

if TYPE_CHECKING:
    from reach_workbench.api.server import Listener
    from reach_workbench.node.local import LocalNode
    from reach_workbench.node.reporting import Reporter


def _serve(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    address = _address(given.listen) if given.listen is not None else None
    go(_work(session, address, given.while_needed))
    return 0


async def _work(session: Session, address: tuple[str, int] | None, while_needed: bool) -> None:
    from reach_workbench.node.local import LocalNode
    from reach_workbench.node.reporting import reported

    with interruptible(session) as interruption:
        # The home is taken before anything heavy is loaded: a second node learns at once that there is one.
        node = await LocalNode.open(session.settings, signer=session.signer)
        try:
            with reported(node) as reporter:
                await _answer(session, node, address, interruption.asked, reporter, while_needed)
        finally:
            await node.close()


async def _answer(
    session: Session,
    node: LocalNode,
    address: tuple[str, int] | None,
    ended: asyncio.Event,
    reporter: Reporter,
    while_needed: bool,
) -> None:
    from reach_workbench.api.app import create_app
    from reach_workbench.api.server import Listener, listen_tcp, listen_unix, serve, token_in
    from reach_workbench.client.address import TOKEN, SocketAddress

    home = session.settings.home
    limits = session.settings.api
    own = SocketAddress(home)
    api = create_app(
        node,
        body_bytes=limits.body_bytes,
        archive_bytes=limits.archive_bytes,
        metrics=node.metrics,
        record=reporter.request,
        refused=node.refused,
    )
    listeners: list[Listener] = []
    try:
        if address is not None:
            listeners.append(Listener(listen_tcp(*address), token_in(home / TOKEN, node.clock)))
        listeners.append(Listener(listen_unix(own.path), None))
        recovered = await node.recover()
        await node.start_schedules()
        node.hang_bell()
        gc.freeze()  # what is loaded stays loaded: looking through all of it would hold up an answer
        sys.setswitchinterval(_SWITCH)
        _say(session, listeners[0], recovered)
        await serve(api, listeners, ended, needless=_Needless(node, limits.quiet_seconds) if while_needed else None)
    finally:
        await api.close()
        for listener in listeners:
            listener.socket.close()
        Path(own.path).unlink(missing_ok=True)
        own.close()


_SWITCH: Final = 0.001
"""Seconds after which a thread that looks at a history may take over from the runs: a fifth of Python's own."""


class _Needless:
    """Whether nobody has needed the node for a while: no connection, no run that goes on, no schedule."""

    def __init__(self, node: LocalNode, most: int) -> None:
        self._node = node
        self._most = most
        self._needed_at = asyncio.get_running_loop().time()

    def __call__(self, clients: int) -> bool:
        needed = clients or self._node.runner.driven() or self._node.store.read.schedules()
        now = asyncio.get_running_loop().time()
        if needed:
            self._needed_at = now
        return now - self._needed_at > self._most


def _say(session: Session, listener: Listener, recovered: list[str]) -> None:
    """One line where it listens, and how many runs it goes on with."""
    from reach_workbench.client.address import SOCKET, TOKEN

    terminal = session.terminal
    home = session.settings.home
    place = str(home / SOCKET) if listener.token is None else _url(listener.socket)
    if terminal.json:
        terminal.print_json({"listening": place, "pid": os.getpid(), "runs": recovered})
        return
    going = f", goes on with {len(recovered)} run{'s' * (len(recovered) != 1)}" if recovered else ""
    terminal.say(Painted("serving ", "green"), str(home), f" at {place}{going}")
    if listener.token is not None:
        terminal.say(f"  the token is in {home / TOKEN}")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _address(given: str) -> tuple[str, int]:
    host, colon, port = given.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{given!r} is no address", hint="give HOST:PORT, for example 127.0.0.1:7317")
    return host.strip("[]") or "127.0.0.1", int(port)


COMMANDS = (
    Command(
        "serve",
        "Serve this home: drive its runs and answer screens and programs",
        _serve,
        options=(
            Option("--listen", "a TCP address too; requests there carry a token", value="HOST:PORT"),
            Option("--while-needed", "end after a minute without a client, a run that goes on or a schedule"),
            JSON,
        ),
        about=(
            "Runs that were cut off go on, workflows with a schedule start by themselves. The node listens on the "
            "socket `node.sock` of the home, which only its owner can open. With --listen it listens on TCP too, and "
            "every request there carries the token from the home's file `token`; traffic is not encrypted, so put TLS "
            "in front of it on a network that others use.",
            "Ctrl-C, SIGTERM and SIGHUP end it in order: runs stay where they are, and go on with the next node. "
            "While it serves, the other commands ask it. With --while-needed, as the workbench starts it, it also ends "
            "by itself once nobody has needed it for a minute. With --json: {listening, pid, runs}.",
        ),
        examples=(
            Example("reach serve", "on the home's socket"),
            Example("reach serve --listen 127.0.0.1:7317", "on TCP, with a token"),
        ),
    ),
)
