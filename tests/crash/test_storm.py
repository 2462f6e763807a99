"""A short form of `make crash`."""

from __future__ import annotations

from pathlib import Path

from tests.crash.storm import Storm, crash_points


def test_nothing_is_lost_or_repeated_silently_when_the_process_is_killed(tmp_path: Path) -> None:
    storm = Storm(tmp_path, seed=11)
    storm.rage(24)
    verdict = storm.verdict
    assert (verdict.lost, verdict.repeated, verdict.unproved, verdict.wrong) == ([], [], [], [])
    assert sum(verdict.kills.values()) == 24
    assert verdict.runs["completed"] > 10
    assert verdict.effects > 50


def test_the_program_has_crash_points_around_every_commit_and_effect() -> None:
    assert set(crash_points()) >= {
        "driver.before-commit",
        "driver.after-commit",
        "driver.before-effect",
        "driver.after-effect",
        "writer.before-commit",
        "writer.after-commit",
    }
