"""Why no run took a published event: the runs that nearly did, and what keeps each from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reach_workbench.cli.pending import awaited, described
from reach_workbench.cli.session import Session
from reach_workbench.engine.values import Json
from reach_workbench.errors import NobodyWaits

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

_MOST: Final = 20
"""Runs of a status that are looked at, the newest first."""


async def explained(session: Session, node: Node, event: dict[str, Json], wrong: NobodyWaits) -> NobodyWaits:
    """The same refusal, naming a run that waits for events of this type when there is one."""
    for view in await node.runs(status="suspended", limit=_MOST):
        found = await _nearest(node, view.id, event)
        if found is not None:
            return NobodyWaits(
                f"{wrong.message}: run {view.id} would wait for it at {found[0]}, but is suspended",
                where=wrong.where,
                hint=f"resume it with `{session.line('resume', view.id)}`, then publish again",
            )
    for view in await node.runs(status="waiting", limit=_MOST):
        found = await _nearest(node, view.id, event)
        if found is not None:
            return NobodyWaits(
                f"{wrong.message}: run {view.id} waits for this type at {found[0]}, but its filter did not fit",
                where=wrong.where,
                hint=f"it asks for {described(found[1])}",
            )
    return wrong


async def _nearest(node: Node, run: str, event: dict[str, Json]) -> tuple[str, dict[str, Json]] | None:
    """The task of the run that waits for events of that type, and what it asks of them."""
    for pending in (await node.state(run)).pending:
        if pending.kind == "event":
            for wanted in list(awaited(pending.detail)) or [{}]:
                if wanted.get("type") in (None, event.get("type")):
                    return pending.task, wanted
    return None
