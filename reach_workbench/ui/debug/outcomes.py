"""The recorded outcome of a command near the cursor: what a fork may put another in place of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reach_workbench.protocol.debugging import Query
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView

OUTCOMES: Final = ("command.completed", "command.faulted", "command.resolved")


@dataclass(frozen=True, slots=True)
class Recorded:
    """Event `event` is the outcome; `kind` says what the command was."""

    event: EventView
    kind: str


async def outcome_at(node: Node, run: str, at: int) -> Recorded | None:
    """The outcome at an event, or the last one before it; None when no command had ended by then."""
    found = await node.find(run, Query(types=OUTCOMES), after=at + 1, backwards=True, limit=1)
    while not found.seqs and not found.done:
        found = await node.find(run, Query(types=OUTCOMES), after=found.scanned, backwards=True, limit=1)
    if not found.seqs:
        return None
    page = await node.page(run, found.seqs[0], 1)
    if not page.events:
        return None
    event = page.events[0]
    number = (event.data or {}).get("command")
    kind = ""
    if isinstance(number, int) and number > 0:
        issued = (await node.page(run, number, 1)).events
        if issued and issued[0].type == "command.issued":
            kind = str((issued[0].data or {}).get("kind", ""))
    return Recorded(event, kind)
