"""What gates ask for, and what several at once ask for together."""

from __future__ import annotations

import pytest

from reach_workbench.policy.terms import ANNOTATIONS, ApprovalTerms, RateTerms, combine, terms_of


def test_an_approval_gate_says_all_it_can() -> None:
    terms = terms_of(
        "forbid",
        {
            "gate": "approval",
            "quorum": "2",
            "from": "finance, legal",
            "not": "requester",
            "expires": "24h",
            "otherwise": "cancel",
            "risk": "high",
        },
    )
    assert terms == ApprovalTerms(2, ("finance", "legal"), False, 86_400_000, "cancel", "high")


def test_an_approval_gate_that_says_nothing_asks_one_other_person() -> None:
    assert terms_of("forbid", {"gate": "approval"}) == ApprovalTerms(1, (), False, None, "fault", "normal")
    assert terms_of("forbid", {"gate": "approval", "self": "allowed"}) == ApprovalTerms(self_approval=True)


@pytest.mark.parametrize(
    ("limit", "per", "terms"),
    [
        ("10/1m", None, RateTerms(10, 60_000, ("tenant",))),
        ("1/250ms", "principal,resource", RateTerms(1, 250, ("principal", "resource"))),
        ("3/2d", "run", RateTerms(3, 172_800_000, ("run",))),
    ],
)
def test_a_rate_gate(limit: str, per: str | None, terms: RateTerms) -> None:
    assert terms_of("forbid", {"gate": "rate", "limit": limit} | ({"per": per} if per else {})) == terms


def test_a_policy_without_a_gate_has_no_terms() -> None:
    assert terms_of("permit", {"id": "a", "reason": "b", "mode": "warn"}) is None


def test_several_gates_are_all_to_be_satisfied() -> None:
    one = ApprovalTerms(1, ("legal",), True, None, "cancel", "normal")
    other = ApprovalTerms(3, ("ops", "legal"), False, 60_000, "fault", "high")
    third = ApprovalTerms(expires_ms=5_000, self_approval=True)
    assert combine([one, other, third]) == ApprovalTerms(3, ("legal", "ops"), False, 5_000, "cancel", "high")
    assert combine([one]) == one
    with pytest.raises(ValueError, match="no terms"):
        combine([])


def test_no_annotation_is_described_twice() -> None:
    assert len({row.name for row in ANNOTATIONS}) == len(ANNOTATIONS)
