"""Leaving: whether runs are active, and so whether the node should go on."""

from __future__ import annotations

from collections.abc import Sequence

from reach_workbench.errors import ReachError
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView, Status


async def active_runs(node: Node) -> list[RunView]:
    """The runs that go on by themselves; none when the node can't say."""
    statuses: tuple[Status, ...] = ("running", "waiting", "pending")
    try:
        return [view for status in statuses for view in await node.runs(status=status, limit=20)]
    except ReachError:
        return []


def question(runs: Sequence[RunView]) -> str:
    """What the dialog says of them."""
    names = [f"  {run.id[:12]}  {run.name}  {run.status}" for run in runs[:5]]
    more = [f"  and {len(runs) - 5} more"] if len(runs) > 5 else []
    count = "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"
    return "\n".join([f"{count} active:", *names, *more])


CHOICES = (
    ("leave", "Leave; the node goes on with them"),
    ("stop", "Leave and stop the node; they go on when it is started again"),
    ("stay", "Stay here"),
)
"""What can be done while runs are active."""
