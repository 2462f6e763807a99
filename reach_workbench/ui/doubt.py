"""An effect in doubt: a crash left unknown whether it happened, and a person has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reach_workbench.protocol.debugging import Query
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView, RunView, Status
from reach_workbench.ui.words import pretty, zoned

_OPEN: Final[tuple[Status, ...]] = ("running", "waiting", "suspended", "held", "pending")
_DECIDING: Final = ("policy.decided", "gate.closed")
_MOST: Final = 20
"""Decisions about one effect that are read: there is one, or two with a gate, unless it was repeated or edited."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One effect; `issued` is the event that asked for it, None when it can't be read.

    `decided` are those about whether it may happen, in order: a gate may have held it, or changed its arguments.
    """

    run: RunView
    command: int
    issued: EventView | None
    decided: Sequence[EventView] = ()

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
        edited = [data["arguments"] for event in self.decided if "arguments" in (data := event.data or {})]
        return edited[-1] if edited else self._data.get("arguments")

    @property
    def started(self) -> int | None:
        """When it was last allowed to happen; None when that is not known."""
        allowed = [event.at for event in self.decided if _allows(event)]
        return allowed[-1] if allowed else self.issued.at if self.issued is not None else None

    @property
    def _data(self) -> dict[str, object]:
        return (self.issued.data if self.issued is not None else None) or {}

    def whole(self) -> str:
        """Everything that is known, to decide by."""
        started = zoned(self.started) if self.started is not None else "unknown"
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
    return [await doubt_of(node, run, command) for command in sorted(run.in_doubt)]


async def doubt_of(node: Node, run: RunView, command: int) -> Doubt:
    """An effect with what was recorded about it: a command has the number of the event that issued it."""
    issued = await _event(node, run.id, command)
    if issued is None:
        return Doubt(run, command, None)
    found = await node.find(run.id, Query(types=_DECIDING, task=issued.task), after=command, limit=_MOST)
    events = [await _event(node, run.id, seq) for seq in found.seqs]
    about = [event for event in events if event is not None and (event.data or {}).get("command") == command]
    return Doubt(run, command, issued, about)


async def _event(node: Node, run: str, seq: int) -> EventView | None:
    page = await node.page(run, seq, 1)
    return page.events[0] if page.events else None


def _allows(event: EventView) -> bool:
    data = event.data or {}
    if event.type == "gate.closed":
        return bool(data.get("outcome") == "approved")
    return bool(data.get("decision", "allow") == "allow")
