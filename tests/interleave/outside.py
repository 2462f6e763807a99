"""The world outside of a node: its clock, the functions that it calls, and the moment at which it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from unittest.mock import patch

from reach_workbench.clock import FixedClock
from reach_workbench.effects.functions import Functions

Json = Any

NAMES: Final = ("plain", "gated", "pair", "own", "again", "never", "paced", "both", "flaky")
POINTS: Final = (
    "driver.before-commit",
    "driver.after-commit",
    "driver.before-effect",
    "driver.after-effect",
    "gating.before-close",
    "writer.before-begin",
    "writer.before-commit",
    "writer.after-commit",
)
_HOLDERS: Final = (
    "reach_workbench.runner.ledger",
    "reach_workbench.runner.performing",
    "reach_workbench.storage.writer",
    "reach_workbench.node.gating",
)


class Killed(BaseException):
    """Nothing of the process goes on from here."""


class WorldClock(FixedClock):
    """`pass_` lets time go by; `set` sets the wall clock alone. `true` counts what passed, jumps forward included."""

    def __init__(self) -> None:
        super().__init__()
        self.true = 0
        self._passed = 0

    def pass_(self, milliseconds: int) -> None:
        self.advance(milliseconds)
        self.true += milliseconds
        self._passed += milliseconds

    def elapsed(self) -> float:
        return self._passed / 1000

    def entropy(self, size: int) -> bytes:
        return sha256(super().entropy(16)).digest()[:size]

    def set(self, milliseconds: int) -> None:
        """Set the wall clock forward, or back."""
        self.advance(milliseconds)
        self.true += max(milliseconds, 0)


@dataclass(frozen=True)
class Performance:
    """A call that really happened: of which command, with what, and how much was committed of its run by then."""

    command: str
    name: str
    given: Json
    seq: int
    true: int


@dataclass
class Process:
    """One life of a node. `dead`: it was killed, and what it still does never happened."""

    dead: bool = False
    armed: tuple[str, int] | None = None
    killed: asyncio.Event = field(default_factory=asyncio.Event)


class Outside:
    """Counts what happens. `seq` tells how many events of a run are committed."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock
        self.performed: list[Performance] = []
        self.process = Process()
        self.seq: Callable[[str], int] = lambda run: 0
        self.at_kill: Callable[[], None] = lambda: None
        self.slow: list[asyncio.Future[None]] = []

    def functions(self, process: Process) -> Functions:
        """The functions of one life."""
        functions = Functions()
        for name in NAMES:
            functions.register(name, "1.0.0", self._plain(process, name), idempotent=name == "again")
        functions.register("slow", "1.0.0", self._slow(process))
        return functions

    def _happens(self, process: Process, name: str, given: Json, command: str) -> None:
        if process.dead:
            raise Killed
        run = command.rpartition(":")[0]
        self.performed.append(Performance(command, name, given, self.seq(run), self.clock.true))

    def _plain(self, process: Process, name: str) -> Callable[..., Json]:
        def perform(given: Json, *, command_id: str) -> Json:
            self._happens(process, name, given, command_id)
            if name == "flaky" and int(command_id.rpartition(":")[2]) % 3:
                raise RuntimeError("made to fail")
            return given

        return perform

    def _slow(self, process: Process) -> Callable[..., Any]:
        async def perform(given: Json, *, command_id: str) -> Json:
            self._happens(process, "slow", given, command_id)
            until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.slow.append(until)
            await until
            return given

        return perform

    def release(self) -> None:
        """Let everything slow come to its end."""
        for each in self.slow:
            if not each.done() and not each.get_loop().is_closed():
                each.set_result(None)
        self.slow.clear()

    def pass_point(self, name: str) -> None:
        """A named crash point."""
        process = self.process
        if process.dead:
            raise Killed
        if process.armed is None or process.armed[0] != name:
            return
        left = process.armed[1] - 1
        process.armed = (name, left) if left else None
        if not left:
            self.at_kill()
            process.dead = True
            process.killed.set()
            raise Killed

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this lasts, crash points are those of this world."""
        with ExitStack() as stack:
            for holder in _HOLDERS:
                stack.enter_context(patch(f"{holder}.crash_point", self.pass_point))
            yield
