"""Performs `shell.run` (dsl-reference.md, Shell Process)."""

from __future__ import annotations

from pathlib import Path

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
            wanted, launch = _read(command, arguments, surroundings.base)
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


def refuse_wrong(command: Command, arguments: dict[str, Json]) -> None:
    """Raises the Fault that performing it with these arguments would end with before anything is started."""
    _read(command, arguments, Path())


def _read(command: Command, arguments: dict[str, Json], folder: Path) -> tuple[process.Wanted, process.Launch]:
    wanted = process.Wanted.of(arguments)
    shell = process.described(arguments)
    launch = process.Launch(
        argv=("/bin/sh", "-c", text(shell, "command"), "sh", *process.words(shell)),
        environment=process.environment(command, mapping(shell, "environment")),
        folder=folder,
        what="the shell command",
        stdin=process.stdin(shell),
    )
    return wanted, launch
