"""What every test can rely on: no setting of the person's own, a home thrown away, a policy that holds nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import unheld

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the person's `REACH_*` variables, point `REACH_HOME` at a folder of this session, and hold nothing."""
    before = {name: value for name, value in os.environ.items() if name.startswith("REACH_")}
    for name in before:
        del os.environ[name]
    os.environ["REACH_HOME"] = str(tmp_path_factory.mktemp("home") / "reach")
    os.environ.update(unheld.VARIABLES)
    yield
    for name in ("REACH_HOME", *unheld.VARIABLES):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the only event loop that the program uses."""
    return "asyncio"


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT
