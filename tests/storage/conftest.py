"""Homes, stores and made-up histories for the tests of the storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.engine.events import GENESIS, Event, digest
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store

History = tuple[list[Event], list[bytes]]
MakeHistory = Callable[..., History]
AddRun = Callable[..., int]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings, write=True, clock=FixedClock()) as opened:
        yield opened


@pytest.fixture
def history() -> MakeHistory:
    """`history(first, last, before)`: events `first` to `last` with their digests after the digest `before`."""

    def make(first: int, last: int, before: bytes = GENESIS, mark: object = None) -> History:
        events, digests = [], []
        for seq in range(first, last + 1):
            data = None if seq % 3 else {"index": seq, "mark": mark}
            events.append(Event(seq, "task.started", 1_700_000_000_000 + seq, f"/do/{seq % 5}/t", seq // 7, data))
            before = digest(before, events[-1])
            digests.append(before)
        return events, digests

    return make


@pytest.fixture
def add_run(store: Store) -> AddRun:
    """`add_run("id", ...)`: a run of a kept program, committed; returns its key."""

    def add(id: str, **more: object) -> int:
        key = store.new_run_key()
        unit = store.unit()
        unit.add_program(
            digest="p1", source="do: []", file="w.yaml", namespace="n", name="w", version="1.0.0", created_at=1
        )
        unit.create_run(key=key, id=id, program="p1", namespace="n", name="w", version="1.0.0", created_at=5, **more)
        store.commit_now(unit)
        return key

    return add
