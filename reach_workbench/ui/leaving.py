"""Leaving: whether runs are active, and so whether the node should go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reach_workbench.errors import ReachError
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView, Status
from reach_workbench.ui.words import shortened

_MOST: Final = 1000
"""Runs of one status that are counted."""


async def active_runs(node: Node) -> list[RunView]:
    """The runs that go on by themselves; none when the node can't say."""
    statuses: tuple[Status, ...] = ("running", "waiting", "pending")
    try:
        return [view for status in statuses for view in await node.runs(status=status, limit=_MOST)]
    except ReachError:
        return []


def question(runs: Sequence[RunView]) -> str:
    """What the dialog says of them."""
    names = [f"  {shortened(run.id)}  {run.name}  {run.status}" for run in runs[:5]]
    more = [f"  and {len(runs) - 5} more"] if len(runs) > 5 else []
    count = "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"
    return "\n".join([f"{count} active:", *names, *more])


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The node that was left behind: its home, its process, and how many runs it goes on with."""

    home: str
    pid: int
    runs: int

    def words(self) -> str:
        """The line that the terminal shows afterwards."""
        count = {0: "no run is active", 1: "1 run is active"}.get(self.runs, f"{self.runs:,} runs are active")
        stopped = f"`kill {self.pid}` stops it" + (", and they go on with the next node" if self.runs else "")
        return f"The node of {self.home} goes on, {count}: `reach` attaches again, {stopped}."


async def goes_on(node: Node, runs: int) -> GoesOn | None:
    """What is left behind; None when the node can't say."""
    try:
        info = await node.info()
    except ReachError:
        return None
    return GoesOn(info.home, info.pid, runs)


CHOICES = (
    ("leave", "Leave; the node goes on with them"),
    ("stop", "Leave and stop the node; they go on when it is started again"),
    ("stay", "Stay here"),
)
"""What can be done while runs are active."""
