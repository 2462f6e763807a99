"""Performs `shell.run` (dsl-reference.md, Shell Process)."""

from __future__ import annotations

from reach_workbench.effects import process
from reach_workbench.effects.arguments import mapping, revealed, text
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json


class Shells:
    """Runs the command with `sh -c`; its arguments are `$1`, `$2`, …, its folder that of the workflow."""

    kinds: tuple[str, ...] = ("shell.run",)

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        scrubber = Scrubber(surroundings.secrets)
        try:
            arguments = revealed(command, surroundings)
            wanted = process.Wanted.of(arguments)
            shell = process.described(arguments)
            launch = process.Launch(
                argv=("/bin/sh", "-c", text(shell, "command"), "sh", *process.words(shell)),
                environment=process.environment(command, mapping(shell, "environment")),
                folder=surroundings.base,
                what="the shell command",
                stdin=process.stdin(shell),
            )
            if not wanted.wait:
                await process.detach(launch)
                return None
            ended = await process.run(launch, surroundings.limits)
            return process.result(ended, wanted, scrubber, launch.what)
        except Fault as fault:
            raise scrubber.fault(fault) from None

    def idempotent(self, command: Command) -> bool:
        return False

    async def close(self) -> None:
        """Every process ends with its command; one that is not awaited is its own master."""
