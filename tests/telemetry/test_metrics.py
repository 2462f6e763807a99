"""Figures are counted as numbers and told in the format of Prometheus."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from reach_workbench.telemetry.metrics import QUICK, Figures, Spread, render


def samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("le", "") or sample.labels.get("status", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_spread_counts_each_value_in_one_class():
    spread = Spread()
    for seconds in (0.00005, 0.0001, 0.0002, 2.0, 60.0):
        spread.add(seconds)
    assert spread.count == 5
    assert (spread.counts[0], spread.counts[1], spread.counts[-1]) == (2, 1, 1)
    assert abs(spread.sum - 62.00035) < 1e-9


def test_what_was_counted_is_told():
    figures = Figures()
    figures.steps, figures.faulted, figures.failures, figures.leases_lost = 7, 1, 2, 3
    figures.commits.add(0.002)
    figures.request("GET", "/v1/runs/{id}", 200, 0.01)
    figures.request("GET", "/v1/runs/{id}", 503, 0.01)
    found = samples(render(figures, {"runs": {"held": 4}, "jobs": {"queued": 5}, "process": {"resident_bytes": 6}}))
    assert found[("reach_steps_total", "")] == 7
    assert found[("reach_leases_lost_total", "")] == 3
    assert found[("reach_commit_seconds_bucket", "0.001")] == 0
    assert found[("reach_commit_seconds_bucket", "+Inf")] == 1
    assert found[("reach_request_seconds_count", "503")] == 1
    assert found[("reach_runs", "held")] == 4
    assert found[("reach_jobs", "queued")] == 5
    assert found[("reach_resident_bytes", "")] == 6
    assert figures.errors == 3


def test_the_classes_rise():
    assert list(QUICK) == sorted(set(QUICK))


def test_the_page_lists_every_metric():
    figures = Figures()
    figures.request("GET", "/", 200, 0.1)
    text = render(figures, {"runs": {"held": 1}, "jobs": {"queued": 1}, "process": {"resident_bytes": 1}})
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text("utf-8")
    assert told == set(re.findall(r"^\| `(reach_\w+)`", page, re.M))
