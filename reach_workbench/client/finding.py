"""The node of a home: the one that serves it, or a new one that outlives whoever wanted it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from reach_workbench.client.address import LOG, serves
from reach_workbench.client.connecting import connect
from reach_workbench.client.remote import PATIENCE, RemoteNode
from reach_workbench.client.starting import start, started_ahead
from reach_workbench.clock import Clock, SystemClock
from reach_workbench.errors import HomeInUse, NodeUnreachable

DEADLINE: Final = 15.0
"""Seconds in which a new node must answer."""

_RIVAL: Final = 3.0
"""Seconds in which the process that was quicker to take the home must turn out to be a node."""

_LOOK: Final = 0.02


async def find_or_start(
    home: Path,
    *,
    patience: float = PATIENCE,
    deadline: float = DEADLINE,
    clock: Clock | None = None,
    requester: str | None = None,
) -> RemoteNode:
    """Attach to the node of `home`; when none serves it, start one that outlives this process while it is needed.

    Its output goes to `<home>/node.log`. Raises what kept it from starting (HomeInUse while a command
    such as `reach run` has the home), or NodeUnreachable after `deadline` seconds.
    """
    folder = home.expanduser().absolute()
    ahead = started_ahead(folder)
    if ahead is not None and ahead.ended():
        ahead = None  # whatever kept it from starting may be over
    if serves(folder):
        try:
            return await connect(home=folder, patience=patience, requester=requester)
        except NodeUnreachable:
            pass  # it ended just now
    time = clock or SystemClock()
    until = time.elapsed() + deadline
    started = ahead or start(folder)
    rival = time.elapsed() + _RIVAL
    while time.elapsed() < until:
        if serves(folder):
            try:
                return await connect(home=folder, patience=patience, requester=requester)
            except NodeUnreachable:
                pass
        elif started.ended():
            wrong = started.failure()
            if not isinstance(wrong, HomeInUse) or time.elapsed() > rival:
                raise wrong
        await asyncio.sleep(_LOOK)
    raise NodeUnreachable(
        f"the node did not answer within {deadline:g} s",
        where=str(folder),
        hint=f"{folder / LOG} has what it said",
    )
