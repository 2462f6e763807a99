"""What a driver and its parts need of the node around them, and what that node needs to know of a driver."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from reach_workbench.clock import Clock
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Event
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.runner.breakpoints import Breakpoints
from reach_workbench.runner.guard import Guard
from reach_workbench.runner.leases import Leases
from reach_workbench.runner.threads import Threads
from reach_workbench.runner.turns import Turns
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store


class Caller(Protocol):
    """A run whose commands are performed. `children` are the runs for which it waits, by its commands' numbers."""

    run: str
    base: Path
    surroundings: Surroundings

    @property
    def state(self) -> State: ...

    @property
    def children(self) -> dict[int, str]: ...


class Host(Protocol):
    """The runner, as drivers see it."""

    store: Store
    settings: Settings
    clock: Clock
    evaluator: Evaluator
    breakpoints: Breakpoints
    guard: Guard
    turns: Turns
    leases: Leases
    threads: Threads

    async def perform(self, caller: Caller, command: Command) -> Json: ...

    def blocks(self, command: Command) -> bool: ...

    def repeatable(self, command: Command) -> bool: ...

    def stop_child(self, run: str, *, for_good: bool) -> None: ...

    def follow(self, caller: Caller, events: list[Event]) -> None: ...

    def deliver(self, emissions: list[Emission]) -> None: ...

    def hinder(self, run: str, wrong: ReachError | None) -> None: ...
