"""An effect in doubt: a crash left unknown whether it happened, and a person has to say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reach_workbench.errors import BadInput
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import Decision, EventView, RunView, Status
from reach_workbench.ui.words import moment, pretty

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench

_OPEN: Final[tuple[Status, ...]] = ("running", "waiting", "suspended", "held", "pending")

DECISIONS: Final = (
    ("repeat", "Repeat it: it did not happen, or it may happen twice"),
    ("result", "It happened: give its result"),
    ("fail", "It failed: go on with an error"),
)
"""What a person may decide, with what it means."""


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
        started = moment(self.issued.at) if self.issued is not None else "unknown"
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
    found = [
        Doubt(run, command, await _issued(node, run.id, command)) for run in runs for command in sorted(run.in_doubt)
    ]
    return sorted(found, key=lambda doubt: (doubt.run.created_at, doubt.command))


async def decided(workbench: Workbench, doubt: Doubt) -> RunView | None:
    """Let a person decide, and tell the node; None when nothing was decided. Raises ReachError.

    To be awaited in a worker.
    """
    chosen = await workbench.choose(f"What became of effect {doubt.command}?", DECISIONS, doubt.whole())
    decision: Decision
    value: object = None
    match chosen:
        case "repeat":
            decision = "repeat"
        case "result":
            decision = "result"
            given = await workbench.ask_text("Its result", "as JSON:", "{}")
            if given is None:
                return None
            value = result_of(given)
        case "fail":
            decision = "fail"
            value = await workbench.ask_text("It failed", "why, in words; a catch may see them:")
            if value is None:
                return None
        case _:
            return None
    words = f"{doubt.kind} of {doubt.task}: {dict(DECISIONS)[decision]}\n\nThis is recorded and can't be taken back."
    if not await workbench.confirm("Decide?", words, "y", decision):
        return None
    return await workbench.node.resolve(doubt.run.id, doubt.command, decision, value=value)


async def _issued(node: Node, run: str, command: int) -> EventView | None:
    """A command has the number of the event that issued it."""
    async with aclosing(node.events(run, after=command - 1)) as events:  # type: ignore[type-var]
        async for event in events:
            return event if event.seq == command else None
    return None


def result_of(text: str) -> object:
    """What was typed as a result, as JSON. Raises BadInput."""
    import json

    try:
        return json.loads(text)
    except ValueError as wrong:
        raise BadInput(f"that is not JSON: {wrong}", hint='text stands in quotes: "done"') from None
