"""The effects of one run that are under way: begun, waited for, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from reach_workbench.clock import Clock
from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.telemetry.crashpoints import crash_point


class Performing:
    """`perform` carries a command out; what became of it is handed to `tell` as a fact."""

    def __init__(
        self, perform: Callable[[Command], Awaitable[Json]], tell: Callable[[Fact], None], clock: Clock
    ) -> None:
        self._perform = perform
        self._tell = tell
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def __contains__(self, number: int) -> bool:
        return number in self._tasks

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the commands under way."""
        return frozenset(self._tasks)

    def begin(self, command: Command) -> None:
        """Carry the command out in a task of its own."""
        self._tasks[command.number] = asyncio.get_running_loop().create_task(self.carry_out(command))

    async def carry_out(self, command: Command) -> None:
        """Carry the command out here, and tell what became of it."""
        crash_point("driver.before-effect")
        number, clock = command.number, self._clock
        try:
            output = await self._perform(command)
            fact = Fact("command.completed", clock.now(), {"command": number, "output": output})
        except Fault as fault:
            fact = self._failed(command, fault)
        except ReachError as wrong:
            fact = self._failed(command, Fault("runtime", wrong.message, code=wrong.code))
        except Exception as wrong:
            # A mistake of ours in an adapter must cost this command, not leave its run waiting for ever.
            detail = f"the adapter for {command.kind} failed: {wrong!r}"
            fact = self._failed(command, Fault("runtime", detail, code="bug"))
        crash_point("driver.after-effect")
        self._tasks.pop(number, None)
        self._tell(fact)

    def _failed(self, command: Command, fault: Fault) -> Fact:
        error = fault.problem(command.task)
        return Fact("command.faulted", self._clock.now(), {"command": command.number, "error": error})

    async def give_up(self, numbers: Iterable[int]) -> None:
        """Stop these, and wait until they have stopped. Nothing is told of them."""
        tasks = [self._tasks.pop(number) for number in list(numbers) if number in self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def finish(self, seconds: float) -> None:
        """Wait for all of them, but not for longer than that."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
