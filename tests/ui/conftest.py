"""The workbench as a person uses it: keys pressed over a real node in this process, in a home of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from reach_workbench.clock import Clock
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import load
from reach_workbench.ui.app import Workbench
from tests import unheld

HEAD = "document: {{dsl: 1.0.3, namespace: tests, name: {name}, version: 1.0.0}}\n"
TWO = "do: [{first: {set: {x: 1}}}, {second: {set: {y: 2}}}]"
FAULTY = "do: [{fail: {raise: {error: {type: 'https://example.org/broken', status: 500, title: Broken}}}}]"
LISTENING = "do: [{wait: {listen: {to: {one: {with: {type: go}}}}}}]"


class Desk:
    """A person at a workbench over a node."""

    def __init__(self, node: LocalNode, app: Workbench, pilot: Pilot[None], folder: Path) -> None:
        self.node, self.app, self.pilot, self.folder = node, app, pilot, folder

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for what an event or an answer brings; fails after ten seconds."""
        async with asyncio.timeout(10):
            while not holds():
                await self.pilot.pause(0.01)

    async def until_screen(self, name: str) -> None:
        """Wait until a screen or dialog of that class is in front and drawn."""
        await self.until(lambda: type(self.app.screen).__name__ == name and self.app.screen.is_running)
        await self.pilot.pause()

    def shown(self) -> str:
        """The text on the screen."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()
        )

    async def until_shown(self, words: str) -> None:
        try:
            await self.until(lambda: words in self.shown())
        except TimeoutError:
            raise AssertionError(f"{words!r} is not shown:\n{self.shown()}") from None


class Place:
    """A home, a workspace, and the folders of the configuration and the session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.config = folder / "config"
        self.workspace.mkdir()
        self.config.mkdir()

    def remember(self, **values: Any) -> None:
        """What an earlier start left behind."""
        (self.config / "session.json").write_text(json.dumps(values), "utf-8")

    @asynccontextmanager
    async def node(self, clock: Clock | None = None) -> AsyncIterator[LocalNode]:
        variables = {"REACH_RUNNER_POLL_SECONDS": "0.02", **unheld.VARIABLES}
        node = await LocalNode.open(load(self.folder / "home", variables), clock=clock)
        try:
            yield node
        finally:
            await node.close()

    @asynccontextmanager
    async def desk(
        self, node: LocalNode, screen: str = "runs", size: tuple[int, int] = (120, 36), **more: Any
    ) -> AsyncIterator[Desk]:
        """Sit down at that screen of a new workbench, connected."""
        self.remember(screen=screen)

        async def connect() -> LocalNode:
            return node

        app = Workbench(connect, workspace=self.workspace, config=self.config, **more)
        async with app.run_test(size=size) as pilot:
            desk = Desk(node, app, pilot, self.folder)
            await desk.until(lambda: app.connected and len(app.screen_stack) > 1 and app.screen.is_running)
            await pilot.pause()
            yield desk

    async def run(self, node: LocalNode, body: str = TWO, name: str = "example", **more: Any) -> RunView:
        """Start a workflow of that body, and wait until it has ended or waits."""
        file = self.workspace / f"{name}.yaml"
        started = await node.start(StartRun(HEAD.format(name=name) + body, file, **more))
        return started if body == LISTENING else await node.wait(started.id)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def go() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    """Run an async test body, for half a minute at most."""

    def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await body()

        asyncio.run(bounded())

    return run
