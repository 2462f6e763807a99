"""Histories recorded by earlier versions replay to the same events, and show the same states."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach_workbench.clock import SystemClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.node import archive

ARCHIVES = sorted(Path(__file__).parent.glob("*.reach"))


def test_there_are_histories():
    assert len(ARCHIVES) >= 4


@pytest.mark.parametrize("file", ARCHIVES, ids=lambda file: file.stem)
def test_a_recorded_history_replays_to_the_same_digests(file):
    found = archive.verify(file, InProcess(), SystemClock())
    assert found.ok, found.message
    loaded = archive.load(file)
    assert (found.digest, found.events) == (loaded.digest, loaded.total)
    assert loaded.state().ended


@pytest.mark.parametrize("file", ARCHIVES, ids=lambda file: file.stem)
def test_every_event_of_a_recorded_history_can_be_looked_at(file):
    loaded = archive.load(file)
    for event, _ in loaded.events():
        assert loaded.state(event.seq).seq == event.seq
