"""What every test can rely on: no setting or keyring of the person's, a home thrown away, nothing that is held."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import unheld

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the person's `REACH_*` variables and keyring, point `REACH_HOME` at a new folder, hold nothing."""
    ours = {
        "REACH_HOME": str(tmp_path_factory.mktemp("home") / "reach"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        **unheld.VARIABLES,
    }
    before = {name: value for name, value in os.environ.items() if name.startswith("REACH_") or name in ours}
    for name in before:
        del os.environ[name]
    os.environ.update(ours)
    yield
    for name in ours:
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
