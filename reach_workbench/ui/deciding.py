"""Deciding about an effect in doubt: repeat it, give its result, or let it fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reach_workbench.errors import BadInput
from reach_workbench.protocol.node_views import Decision, RunView
from reach_workbench.ui.doubt import Doubt

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench

DECISIONS: Final = (
    ("repeat", "Repeat it: it did not happen, or it may happen twice"),
    ("result", "It happened: give its result"),
    ("fail", "It failed: go on with an error"),
)
"""What a person may decide, with what it means."""


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
            given = await workbench.ask_text("Its result", "as JSON:", "{}", _is_result)
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


async def _is_result(text: str) -> None:
    result_of(text)


def result_of(text: str) -> object:
    """What was typed as a result, as JSON. Raises BadInput."""
    import json

    try:
        return json.loads(text)
    except ValueError as wrong:
        raise BadInput(f"that is not JSON: {wrong}", hint='text stands in quotes: "done"') from None
