"""Short forms of `make determinism`."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from tests.determinism.__main__ import compare
from tests.determinism.flips import Flips


def test_two_processes_under_different_hash_seeds_record_the_same() -> None:
    statuses, events, wrong = compare(5_000, 25)
    assert wrong == []
    assert statuses["completed"] > 0
    assert events > 400


def test_every_flipped_bit_is_found_and_its_event_named(tmp_path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        flips = Flips(tmp_path, 17, runs=5)
    flips.in_store(60)
    flips.in_archives(40)
    assert flips.tally.missed == []
    assert flips.tally.found > 80
