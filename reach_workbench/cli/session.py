"""One command's time with a node: the home is opened, the request made, the home freed."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reach_workbench.cli.command import Given
from reach_workbench.cli.terminal import Terminal
from reach_workbench.client.address import serves
from reach_workbench.clock import SystemClock
from reach_workbench.errors import HomeFreed, HomeInUse, HomeReadOnly, KeysDamaged, UsageError
from reach_workbench.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reach_workbench.keys.ed25519 import SigningKey
    from reach_workbench.keys.keystore import KeyStore
    from reach_workbench.node.local import LocalNode
    from reach_workbench.node.rotating import Signer
    from reach_workbench.protocol.node import Node

Result = TypeVar("Result")
AnyNode = TypeVar("AnyNode", bound="Node")

_TRIES: Final = 5
_BETWEEN: Final = 0.05
"""How often, and with how many seconds between, the home is tried for: commands that only take a
moment have it too, even a look at a new home, which is made first."""

_AGAIN: Final = 0.05
"""Seconds between two cancellations of the same task."""


class Session:
    """The settings in force and the way to the node. `home` is what `--home` said, if anything."""

    def __init__(self, terminal: Terminal, given: Given) -> None:
        self.terminal = terminal
        self.home: str | None = given.home
        if self.home == "":
            raise UsageError("--home needs a folder", hint="for example --home ./reach-home")
        self.settings: Settings = load(Path(self.home).expanduser() if self.home else None)
        self._keys: KeyStore | None = None

    def line(self, *words: str) -> str:
        """A command line to show to people that reaches the same home, quoted for a shell."""
        home = ("--home", self.home) if self.home else ()
        return " ".join(("reach", *map(_quoted, (*words, *home))))

    @property
    def is_driven(self) -> bool:
        """Whether any process has the home, so that its runs go on."""
        from reach_workbench.storage.home import holder

        return holder(self.settings.home) is not None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[LocalNode]:
        """The node for looking only: another process may be writing meanwhile."""
        async with _closing(await self._open(write=False)) as node:
            yield node

    @asynccontextmanager
    async def owning(self) -> AsyncIterator[Node]:
        """The node that drives runs: the one that serves the home, else one of this process.

        Raises HomeInUse when another process has the home and does not serve it.
        """
        async with _closing(self._serving() or await self._own()) as node:
            yield node

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Node]:
        """The node for a request: that which serves the home, or of this process when it is free, else it asks."""
        node: Node | None = self._serving()
        if node is None:
            try:
                node = await self._own()
            except HomeInUse:
                node = await self._open(write=False)
        async with _closing(node):
            yield node

    async def retrying(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a command's part that asks; from its start again when the one who was asked ended before it
        took that up, since then this process may do it itself."""
        for _ in range(_TRIES):
            with suppress(HomeFreed):
                return await work()
        return await work()

    @asynccontextmanager
    async def exporting(self, unlock: Signer | None) -> AsyncIterator[Node]:
        """The node for taking something out: it audits that, wherever the home can be written.

        `unlock` gives its key, to sign with, unless the node that serves the home has it. It is asked here, in the main
        thread, where a passphrase can be typed. Raises what it raises.
        """
        from reach_workbench.storage.home import require_writable

        node: Node | None = self._serving()
        if node is None:
            signer = _unlocked(unlock) if unlock is not None else None
            try:
                require_writable(self.settings.home)
                node = await self._own(signer)
            except (HomeReadOnly, HomeInUse):
                node = await self._open(write=False, signer=signer)
        async with _closing(node):
            yield node

    @asynccontextmanager
    async def vouching(self) -> AsyncIterator[Node]:
        """The node for questions that need its key: that which serves the home, else one that looks with the key."""
        async with _closing(self._serving() or await self._open(write=False, signer=self.signer)) as node:
            yield node

    @asynccontextmanager
    async def signing(self) -> AsyncIterator[Node]:
        """The node that has the home, with its key at hand. Raises HomeInUse as `owning`."""
        async with _closing(self._serving() or await self._own(self.signer)) as node:
            yield node

    def signer(self, id: str | None = None) -> SigningKey:
        """The node's key, the one with that id. Raises a KeysError while it can't be had."""
        if self._keys is None:
            from reach_workbench.keys.keystore import KeyStore

            settings = self.settings
            self._keys = KeyStore.open(settings.home, SystemClock(), settings=settings.keys, waiting=self.waiting)
        return self._keys.node_key(id)

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Entered while a keyring lets this command wait; it says so."""
        self.terminal.say(f"waiting for the keyring, {seconds:g} seconds at most: look for its dialog")
        yield

    def _serving(self) -> Node | None:
        """The node that serves the home. Without one this costs one look at a file."""
        home = self.settings.home
        if not serves(home):
            return None
        from reach_workbench.client.connection import Connection
        from reach_workbench.client.remote import RemoteNode
        from reach_workbench.node.person import person

        return RemoteNode(Connection(home=home), requester=person(self.settings))

    async def _own(self, signer: Signer | None = None) -> LocalNode:
        """The home for this process; another command that has it for a moment is waited for."""
        for _ in range(_TRIES):
            try:
                return await self._open(write=True, signer=signer)
            except HomeInUse:
                await asyncio.sleep(_BETWEEN)
        return await self._open(write=True, signer=signer)

    async def _open(self, *, write: bool, signer: Signer | None = None) -> LocalNode:
        from reach_workbench.node.local import LocalNode  # half of the time that a command takes to start

        return await LocalNode.open(self.settings, write=write, signer=signer)


def _unlocked(unlock: Signer) -> Signer:
    """What gives the key that is asked for now. By its audit log the node may have changed it, once it is open."""
    try:
        key = unlock()
    except KeysDamaged:
        return unlock  # by its log another may be the one that counts
    return lambda id=None: key if id in (None, key.id) else unlock(id)


def asks(node: Node) -> bool:
    """Whether this node only leaves a request for the process that has the home, which drives the runs."""
    from reach_workbench.node.local import LocalNode

    return isinstance(node, LocalNode) and not node.store.writable


def drives(node: Node) -> bool:
    """Whether it is this process that drives the runs, and nothing goes on once it ends."""
    from reach_workbench.node.local import LocalNode

    return isinstance(node, LocalNode) and node.store.writable


@asynccontextmanager
async def _closing(node: AnyNode) -> AsyncIterator[AnyNode]:
    try:
        yield node
    finally:
        await node.close()


def go(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


class Interruption:
    """Ctrl-C, and being told to end: the first asks for an orderly end, the second ends the process at once."""

    def __init__(self, last_words: Callable[[], None]) -> None:
        self.asked = asyncio.Event()
        self.last_words = last_words

    def __call__(self) -> None:
        if self.asked.is_set():
            self.last_words()
            os._exit(130)
        self.asked.set()


@contextmanager
def interruptible(session: Session) -> Iterator[Interruption]:
    """Take SIGINT, SIGTERM and SIGHUP for the time of the block; needs a running event loop.

    It begins before a run is started: one that exists must not be left without being suspended.
    """
    interruption = Interruption(lambda: session.terminal.say("interrupted"))
    loop = asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it stays ignored
        signals.append(signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, interruption)
    try:
        yield interruption
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def unless_interrupted(work: Awaitable[Result], interruption: Interruption) -> Result | None:
    """The result of `work`, or None as soon as an interruption comes; `work` is then given up."""
    task = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(interruption.asked.wait())
    try:
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        await give_up(task)
        await give_up(asked)


async def give_up(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait until it has ended; what it raised stays in it.

    Asked again and again: up to Python 3.11 `asyncio.wait_for` loses a cancellation that comes
    together with what it waits for (bpo-42130), as when a run's last commit wakes its followers.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN)


def _quoted(word: str) -> str:
    """Quoted where a shell would need it; words in capitals and with … stand for what people fill in."""
    return word if word.isupper() or word == "…" else shlex.quote(word)
