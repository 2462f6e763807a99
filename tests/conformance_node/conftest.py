"""Every test of this folder runs once for each way to a node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import EventView, RunView, StartRun

from .doors import DOORS, HEAD, Place, through


class Visit:
    """A node behind one of the doors, and the workflows of a test."""

    def __init__(self, node: Node, place: Place, door: str) -> None:
        self.node = node
        self.place = place
        self.door = door

    def request(self, tasks: str, **more: Any) -> StartRun:
        """A workflow with these tasks (YAML, from `do:` on)."""
        return StartRun(HEAD + tasks, self.place.files / "example.yaml", **more)

    async def start(self, tasks: str, **more: Any) -> RunView:
        return await self.node.start(self.request(tasks, **more))

    async def run(self, tasks: str, **more: Any) -> RunView:
        """The run once it has ended, or is held."""
        return await self.node.wait((await self.start(tasks, **more)).id)

    async def events(self, run: str, **more: Any) -> list[EventView]:
        return [event async for event in self.node.events(run, **more)]


Prepare = Callable[[Place], None]
Meet = Callable[..., None]
"""Called with the body of a test, and what is done to its place before the node is opened, if anything."""


@pytest.fixture(params=DOORS)
def meet(request: pytest.FixtureRequest, tmp_path: Path) -> Meet:
    """Runs the body of a test with a node behind a door, for half a minute at most."""

    def run(body: Callable[[Visit], Coroutine[Any, Any, None]], prepare: Prepare | None = None) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                place = Place(tmp_path)
                if prepare is not None:
                    prepare(place)
                async with through(request.param, place) as node:
                    await body(Visit(node, place, request.param))

        asyncio.run(bounded())

    return run
