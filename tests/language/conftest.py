"""A node of a home that is thrown away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reach_workbench.node.local import LocalNode
from reach_workbench.settings import Settings


@pytest.fixture
async def node(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[LocalNode]:
    """The real node, store and child process; only the home is new."""
    opened = await LocalNode.open(Settings(home=Path(tmp_path_factory.mktemp("node"))))
    yield opened
    await opened.close()
