"""An effect in doubt: a crash left unknown whether it happened, and a person has to say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView, RunView, Status
from reach_workbench.ui.words import pretty, zoned

_OPEN: Final[tuple[Status, ...]] = ("running", "waiting", "suspended", "held", "pending")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One effect; `issued` is the event that started it, None when it can't be read."""

    run: RunView
    command: int
    issued: EventView | None

    @property
    def key(self) -> str:
        return f"{self.run.id}:{self.command}"

    @property
    def kind(self) -> str:
        return str(self._data.get("kind") or "effect")

    @property
    def task(self) -> str:
        return (self.issued.task if self.issued is not None else None) or self.run.position or "–"

    @property
    def arguments(self) -> object:
        return self._data.get("arguments")

    @property
    def _data(self) -> dict[str, object]:
        return (self.issued.data if self.issued is not None else None) or {}

    def whole(self) -> str:
        """Everything that is known, to decide by."""
        started = zoned(self.issued.at) if self.issued is not None else "unknown"
        lines = [
            f"workflow   {self.run.workflow}",
            f"run        {self.run.id}",
            f"task       {self.task}",
            f"effect     {self.command}, {self.kind}",
            f"started    {started}",
            "",
            "It was started, and nobody knows whether it happened: the node ended before it heard.",
            "",
            "with exactly these arguments",
            pretty(self.arguments),
        ]
        return "\n".join(lines)


async def doubts(node: Node, limit: int = 200) -> list[Doubt]:
    """Every effect in doubt of the runs that have not ended, the oldest run first."""
    runs: Sequence[RunView] = [run for status in _OPEN for run in await node.runs(status=status, limit=limit)]
    found = [doubt for run in runs for doubt in await doubts_of(node, run)]
    return sorted(found, key=lambda doubt: (doubt.run.created_at, doubt.command))


async def doubts_of(node: Node, run: RunView) -> list[Doubt]:
    """The effects in doubt of one run, the oldest first."""
    return [Doubt(run, command, await _issued(node, run.id, command)) for command in sorted(run.in_doubt)]


async def _issued(node: Node, run: str, command: int) -> EventView | None:
    """A command has the number of the event that issued it."""
    async with aclosing(node.events(run, after=command - 1)) as events:  # type: ignore[type-var]
        async for event in events:
            return event if event.seq == command else None
    return None
