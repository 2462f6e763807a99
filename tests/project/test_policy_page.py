"""docs/policy.md and the digests of the samples say what the code says, and the page's examples hold."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.engine.document import load_plain
from reach_workbench.policy.cases import cases_of, run_cases
from reach_workbench.policy.default import DEFAULT, FILE
from reach_workbench.policy.policyset import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/policy.md").read_text("utf-8")
POLICIES = re.findall(r"^```cedar\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CASES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def writing() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs/write_policy.py"))


def test_the_tables_are_current(writing: dict[str, Any]) -> None:
    assert writing["page"](PAGE) == PAGE, "run `make docs`"
    assert "| `http.call` | `Host` |" in PAGE
    assert "| `@quorum` |" in PAGE


def test_the_digests_are_those_of_the_samples(writing: dict[str, Any]) -> None:
    written = (ROOT / "reach_workbench/policy/shipped.py").read_text("utf-8")
    assert writing["shipped"]() == written, "run `make docs`"


@pytest.mark.parametrize("text", POLICIES, ids=lambda text: text.splitlines()[0])
def test_an_example_is_a_sound_policy(text: str) -> None:
    assert [each for each in load({"page.cedar": text}).diagnostics if each.severity == "error"] == []


def test_the_cases_are_decided_as_they_expect() -> None:
    policies = load({FILE: DEFAULT}).policies
    assert policies is not None
    assert len(CASES) == 1
    done = run_cases(cases_of(load_plain(CASES[0])), policies)
    assert [(case.name, case.differs(decision)) for case, decision in done] == [
        ("a shell command waits", False),
        ("a call does not", False),
    ]
