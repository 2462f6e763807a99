"""A home of its own for each test, and a way to open nodes on it that are closed again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.functions import Functions
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import load
from tests import unheld
from tests.node.gated import Gated

HEAD = "document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}\n"


class Home:
    """A data folder with workflows beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir()
        self.environment: dict[str, str] = {"REACH_RUNNER_POLL_SECONDS": "0.02", **unheld.VARIABLES}
        self.functions = Functions()

    @asynccontextmanager
    async def node(self, *, write: bool = True) -> AsyncIterator[LocalNode]:
        settings = load(self.folder / "home", self.environment)
        node = await LocalNode.open(settings, write=write, functions=self.functions)
        try:
            yield node
        finally:
            await node.close()

    def request(self, body: str, **more: Any) -> StartRun:
        """A workflow with this body, in a file of its own."""
        return StartRun(HEAD + body, self.files / "example.yaml", **more)

    async def run(self, node: LocalNode, body: str, **more: Any) -> RunView:
        """Start it and wait for its end, or for what holds it."""
        return await node.wait((await node.start(self.request(body, **more))).id)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def go() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
    """Run an async test body, for half a minute at most."""

    def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await body()

        asyncio.run(bounded())

    return run


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    return Gated(tmp_path)
