"""The built-in policy holds what runs programs, and lets the shipped samples run."""

from __future__ import annotations

from typing import Any

import pytest

from reach_workbench.policy.default import DEFAULT, FILE
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.policy.request import request_of
from reach_workbench.policy.shipped import PROGRAMS
from reach_workbench.policy.terms import ApprovalTerms

WORDS: dict[str, Any] = dict.fromkeys(("requester", "run", "workflow", "version", "program", "task", "tenant"), "x")


@pytest.fixture(scope="module")
def default() -> PolicySet:
    loaded = load({FILE: DEFAULT})
    assert loaded.diagnostics == ()
    assert loaded.policies is not None
    return loaded.policies


@pytest.mark.parametrize("kind", ["shell.run", "script.run", "container.run"])
def test_what_runs_programs_waits_for_an_approval_which_may_be_ones_own(default: PolicySet, kind: str) -> None:
    decision = default.decide(request_of(kind, {}, groups=(), **WORDS))
    assert (decision.verdict, decision.policies) == ("hold", (f"hold-{kind.partition('.')[0]}",))
    assert decision.approval == ApprovalTerms(self_approval=True, expires_ms=86_400_000)


@pytest.mark.parametrize("kind", ["http.call", "openapi.call", "resource.get", "workflow.run", "function.call"])
def test_all_else_is_allowed(default: PolicySet, kind: str) -> None:
    assert default.decide(request_of(kind, {}, groups=(), **WORDS)).verdict == "allow"


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_shipped_sample_runs_at_once_and_a_changed_one_does_not(default: PolicySet, kind: str) -> None:
    for digest in PROGRAMS[kind].values():
        words = WORDS | {"program": digest, "origin": "sample"}
        assert default.decide(request_of(kind, {}, groups=(), **words)).verdict == "allow"
        assert default.decide(request_of(kind, {}, groups=(), **(words | {"origin": ""}))).verdict == "hold"
        changed = digest[:-1] + ("0" if digest[-1] != "0" else "1")
        assert default.decide(request_of(kind, {}, groups=(), **(words | {"program": changed}))).verdict == "hold"


def test_each_policy_has_a_name_and_a_reason(default: PolicySet) -> None:
    assert all(policy.annotations["reason"].endswith(".") for policy in default.policies)
    assert [policy.id for policy in default.policies] == ["everything", "hold-shell", "hold-script", "hold-container"]
