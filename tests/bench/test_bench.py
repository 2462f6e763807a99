"""The measurements work, on little work; what they give is for `make bench`, `make seek` and `make cold`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import ours
from tests.bench.__main__ import Go, ratios, verdicts
from tests.bench.chart import chart


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORKFLOWS": 3, "STEPS": 12, "LONG": 60, "JOBS": 100, "PURE": 1000}.items():
        monkeypatch.setattr(ours, name, value)


@pytest.mark.parametrize("test", ["seq", "seq_for", "conc", "conc_for", "jobs", "jobs_alone", "pure"])
def test_each_measurement_gives_a_rate(test: str, tmp_path: Path) -> None:
    figures = asyncio.run(ours.TESTS[test](tmp_path))
    assert all(figures[name] > 0 for name in figures if name.endswith("_s"))


def test_a_step_takes_few_bytes_when_there_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "WORKFLOWS", 10)
    monkeypatch.setattr(ours, "STEPS", 300)
    assert asyncio.run(ours.TESTS["seq"](tmp_path))["bytes_step"] <= 400


def test_a_long_run_goes_on_after_its_process_died_and_can_be_forked(tmp_path: Path) -> None:
    environment = os.environ | {"BENCH_LONG": "60"}
    said = ""
    for test in ("long_prepare", "long_recover"):
        command = [sys.executable, "-m", "tests.bench.ours", test, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said = done.stdout
    assert '"new_steps": 29' in said


@pytest.mark.parametrize("shape", ["nested", "flat"])
def test_the_run_to_seek_in_has_about_the_events_asked_for(shape: str, tmp_path: Path) -> None:
    environment = os.environ | {"SHAPE": shape, "EVENTS": "3000"}
    found = {}
    for stage in ("record", "seek", "verify"):
        command = [sys.executable, "-m", "tests.bench.seek", stage, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found |= json.loads(done.stdout.splitlines()[-1])
    assert 2_000 < found["events"] < 4_000
    assert found["p99_ms"] > 0
    assert found["replayed_s"] > 0


def test_a_ratio_is_taken_round_by_round_and_missing_rounds_are_left_out() -> None:
    assert ratios([4.0, 9.0, float("nan")], [2.0, 3.0, 1.0]) == [2.0, 3.0]


def test_a_go_without_figures_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    go = Go({})
    go.figures[("reach", "pure")] = [{}]
    assert verdicts(go) is False
    assert "FAILS" in capsys.readouterr().out


def test_the_chart_shows_every_point() -> None:
    drawn = chart({10: 100.0, 1000: 900.0, 100_000: 500.0})
    assert drawn.count("●") == 3
    assert "100,000 tasks" in drawn
