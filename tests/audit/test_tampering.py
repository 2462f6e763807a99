"""Whatever is done to an audit log or its checkpoints is found, and the place named; `make audit` does more of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.logs import Log
from tests.audit.tampering import storm

SIZES = (3, 16, 37, 64)


@pytest.mark.parametrize("extra", [0, 9])
def test_every_tampering_is_found_and_named(tmp_path: Path, extra: int) -> None:
    log = Log(tmp_path / "home").grow(*SIZES)
    if extra:
        log.add(extra)
    assert log.verify().ok
    done, wrong = storm(log, SIZES, 252, seed=extra)
    assert min(done.values()) == 12
    assert wrong == []
    assert log.verify().ok
