"""The effects of one run that are under way: begun, waited for, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.runner.child import awaited_child
from reach_workbench.runner.host import Caller, Host
from reach_workbench.telemetry.crashpoints import crash_point


class Performing:
    """The host carries commands out; what became of each is handed to `tell` as a fact.

    `children` are the runs of the commands for which the run waits, by the commands' numbers.
    """

    def __init__(self, host: Host, caller: Caller, tell: Callable[[Fact], None]) -> None:
        self.children: dict[int, str] = {}
        self._host = host
        self._caller = caller
        self._tell = tell
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def __contains__(self, number: int) -> bool:
        return number in self._tasks

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the commands under way."""
        return frozenset(self._tasks)

    # ------------------------------------------------------------ beginning

    async def begin(self, commands: list[Command]) -> None:
        """Carry these out: a single one that holds nobody up right here, others each in a task of its own."""
        for command in commands:
            if command.number not in self._caller.state.commands:
                continue
            if command.kind == "function.call" and len(commands) == 1 and not self._host.blocks(command):
                await self._carry_out(command)
            else:
                self._tasks[command.number] = asyncio.get_running_loop().create_task(self._carry_out(command))

    async def _carry_out(self, command: Command) -> None:
        """Carry the command out here, and tell what became of it."""
        crash_point("driver.before-effect")
        number, clock = command.number, self._host.clock
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

    def _perform(self, command: Command) -> Awaitable[Json]:
        self.note_child(command)
        return self._host.perform(self._caller, command)

    def _failed(self, command: Command, fault: Fault) -> Fact:
        error = fault.problem(command.task)
        return Fact("command.faulted", self._host.clock.now(), {"command": command.number, "error": error})

    def note_child(self, command: Command) -> None:
        """The run waits for what the command has started, if it started a run."""
        child = awaited_child(command)
        if child is not None:
            self.children[command.number] = child

    def has_child(self, command: Command) -> bool:
        """Whether the run that the command waits for was started, as it was before commands were decided about."""
        child = awaited_child(command)
        return child is not None and self._host.store.read.has_run(child)

    # ------------------------------------------------------------ ending

    async def drop_cancelled(self) -> None:
        """Stop what the run no longer waits for."""
        commands = self._caller.state.commands
        if self._tasks:
            await self.give_up([number for number in self._tasks if number not in commands])
        for number in [number for number in self.children if number not in commands]:
            self._host.stop_child(self.children.pop(number), for_good=True)

    async def leave_children(self) -> None:
        """Suspend the runs that this one waits for, and wait for them no longer."""
        for child in self.children.values():
            self._host.stop_child(child, for_good=False)
        await self.give_up(self.children)

    async def finish(self, seconds: float) -> None:
        """Wait for all of them, but not for longer than that."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)

    async def give_up(self, numbers: Iterable[int]) -> None:
        """Stop these, and wait until they have stopped. Nothing is told of them."""
        tasks = [self._tasks.pop(number) for number in list(numbers) if number in self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
