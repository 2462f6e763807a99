"""Going on with every run that a crash, a restart or Ctrl-C left behind."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from reach_workbench.cli.giving import with_secrets
from reach_workbench.cli.outcome import UNFINISHED, exit_code, result
from reach_workbench.cli.runpage import STYLES
from reach_workbench.cli.session import Session, interruptible, unless_interrupted
from reach_workbench.cli.standing import stand
from reach_workbench.cli.terminal import Painted
from reach_workbench.cli.watching import duration, problem
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.protocol.node_views import RunView

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

_MOST = 1_000_000
_ENDED = ("completed", "faulted", "cancelled")


async def resume_all(session: Session) -> int:
    """Go on with all suspended runs and all that were cut off; returns the worst exit code."""
    terminal = session.terminal
    views: list[RunView] = []
    with interruptible(session) as interruption:
        interruption.last_words = lambda: terminal.say(f"left; go on with: {session.line('resume', '--all')}")
        async with session.owning() as node:
            suspended = [view.id for view in await node.runs(status="suspended", limit=_MOST)]
            runs = await _recovered(node)
            for run in reversed(suspended):
                await with_secrets(session, node, run, (), partial(_resume, node, run))
                runs.append(run)
            if not runs and not terminal.json:
                terminal.say("no run is suspended or was cut off")
            if runs:
                ending = asyncio.gather(*(_ended(session, node, run) for run in runs))
                done = await unless_interrupted(ending, interruption)
                views = done if done is not None else await _suspend(session, node, runs)
    if terminal.json:
        terminal.print_json({"runs": [result(view) for view in views]})
    codes = {exit_code(view) for view in views}
    return next((code for code in (1, UNFINISHED) if code in codes), 0)


async def _resume(node: Node, run: str, secrets: dict[str, Json]) -> RunView:
    return await node.resume(run, secrets=secrets)


async def _recovered(node: Node) -> list[str]:
    """The runs that were cut off, going on now. A node that serves went on with them when it began."""
    from reach_workbench.node.local import LocalNode

    return await node.recover() if isinstance(node, LocalNode) else []


async def _ended(session: Session, node: Node, run: str) -> RunView:
    """The run once it has ended or stopped, with a line about it."""
    terminal = session.terminal
    try:
        view = await node.wait(run)
    except ReachError as wrong:
        terminal.say(Painted("  ✗ ", "red"), f"run {run}: {wrong.message}")
        return await node.run(run)
    if not terminal.json:
        took = f", {duration(view.ended_at - view.created_at)}" if view.ended_at is not None else ""
        what = f": {problem(view.error)}" if view.error is not None else ""
        terminal.say(
            "  ", Painted(view.status, STYLES.get(view.status, "dim")), f"  run {run}, {view.workflow}{took}{what}"
        )
        if view.status not in _ENDED:
            await stand(session, node, view, None)
    return view


async def _suspend(session: Session, node: Node, runs: list[str]) -> list[RunView]:
    session.terminal.say("suspending, once what is under way has ended (Ctrl-C again leaves at once)")

    async def one(run: str) -> RunView:
        view = await node.run(run)
        return view if view.status in _ENDED else await node.suspend(run, "interrupted")

    return list(await asyncio.gather(*map(one, runs)))
