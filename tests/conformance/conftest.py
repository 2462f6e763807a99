"""One node for all tests of a process, a folder for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Bench
from .service import Service


@pytest.fixture(scope="session")
def shared_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


@pytest.fixture
def bench(shared_bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """A node where workflows are run; `bench.folder` is where this test's documents lie."""
    shared_bench.folder = tmp_path
    yield shared_bench
    shared_bench.clear()


@pytest.fixture
def service() -> Iterator[Service]:
    """An HTTP service on loopback."""
    with Service() as running:
        yield running
