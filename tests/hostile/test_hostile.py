"""The quick ones of the hostile cases; `make hostile` tries them all."""

from __future__ import annotations

import os

import pytest

from tests.hostile.__main__ import attempt, flaw
from tests.hostile.cases import CASES

QUICK = (
    "10,000 nested tasks",
    "10,000 nested values",
    "a YAML bomb",
    "a document of 50 MB",
    "a function that calls itself",
    "a body without end",
    "a small body that unpacks to gigabytes",
    "gigabytes on standard output",
    "a loop of pure tasks without end",
    "a long text made by jq",
    "10,000 levels made by jq",
    "an input of 10,000 levels",
    "a slow pattern in a listen filter",
)


@pytest.mark.parametrize("name", QUICK)
def test_a_hostile_case_costs_its_own_run_an_error(name: str) -> None:
    found = attempt(name)
    assert flaw(CASES[name], found) == "", found


def test_an_endless_expression_is_ended_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TRIAL_LIMITS_EXPRESSION_SECONDS", "0.5")
    for name in ("endless jq in set", "endless jq in a listen filter", "endless jq in switch"):
        found = attempt(name)
        assert flaw(CASES[name], found) == "", found
        assert found["seconds"] < 5
