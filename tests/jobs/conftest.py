"""A queue over a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.jobs.queue import Queue
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    with Store.open(Settings(home=tmp_path / "home"), write=True, clock=clock) as opened:
        yield opened


@pytest.fixture
def queue(store: Store, clock: FixedClock) -> Queue:
    return Queue(store, clock, "node-a", lease_seconds=30)
