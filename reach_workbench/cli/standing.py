"""Where a run stands that has not ended: the task, its line, the data, and the ways to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reach_workbench.cli.history import one_event
from reach_workbench.cli.pending import waits
from reach_workbench.cli.session import Session
from reach_workbench.cli.source import Source, show_line
from reach_workbench.cli.terminal import brief
from reach_workbench.protocol.node_views import EventView, RunView, StateView

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node


async def stand(session: Session, node: Node, view: RunView, source: Source | None) -> None:
    """Say on standard error where the run stands and how to go on."""
    terminal = session.terminal
    if view.status == "held":
        line = source.line(view.position) if source is not None else None
        terminal.say("  before ", str(view.position), f"  ({line})" if line is not None else "")
        if line is not None:
            show_line(terminal, line)
        state = await node.state(view.id)
        terminal.say("  data: ", brief(state.data, 400))
        terminal.say(f"  take a step: {session.line('step', view.id)}")
        terminal.say(f"  go on:       {session.line('resume', view.id)}")
    elif view.status == "suspended":
        terminal.say(f"  go on with: {session.line('resume', view.id)}")
    else:
        from reach_workbench.cli.gatepage import held_in

        state = await node.state(view.id)
        for each in waits(state, session.line, await doubtful(node, state), await held_in(node, view.id)):
            terminal.say("  ", each)


async def doubtful(node: Node, state: StateView) -> dict[int, EventView]:
    """The `command.issued` events of the effects in doubt."""
    found: dict[int, EventView] = {}
    for pending in state.pending:
        if pending.kind == "in-doubt":
            issued = await one_event(node, state.run, pending.number - 1)
            if issued is not None:
                found[pending.number] = issued
    return found
