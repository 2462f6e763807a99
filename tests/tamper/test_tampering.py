"""Whatever is done to a capsule is found, and named without a traceback; `make tamper` does more of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reach_workbench.clock import FixedClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.node import archive
from tests.tamper.capsules import NODE, make
from tests.tamper.storm import Storm


def test_every_tampering_is_found_and_named(tmp_path: Path) -> None:
    capsules = asyncio.run(make(tmp_path))
    for each in capsules:
        found = archive.verify(each, InProcess(), FixedClock(), keys=[NODE.public])
        assert found.ok, (each.name, found.message)
        assert {step.status for step in found.steps} == {"held"}
    storm = Storm(tmp_path, capsules, NODE, seed=1)
    tally = storm.run(20 * len(storm.ways))
    assert tally.missed == []
    assert set(tally.found) == {way.__name__ for way in storm.ways}
