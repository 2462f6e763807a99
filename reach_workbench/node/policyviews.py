"""Policies as views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from reach_workbench.policy.decision import Decision
from reach_workbench.policy.describing import approvals, asks, covers, refusal
from reach_workbench.policy.judging import Policy
from reach_workbench.policy.policyset import PolicySet
from reach_workbench.policy.request import Request
from reach_workbench.policy.terms import ApprovalTerms, RateTerms
from reach_workbench.protocol.gates import GateTerms
from reach_workbench.protocol.policies import Judgement, PolicyView, Ruled, Without

_EACH: Final = 20
"""Policies of one decision that are left out one by one to see what it hangs on."""


def policy_view(policy: Policy) -> PolicyView:
    return PolicyView(
        id=policy.id,
        file=policy.file,
        line=policy.line,
        effect=policy.effect,
        mode=policy.mode,
        gate="rate" if isinstance(policy.terms, RateTerms) else "approval" if policy.terms is not None else None,
        covers=covers(policy),
        asks=asks(policy.terms) if policy.terms is not None else None,
        reason=policy.annotations.get("reason"),
        text=policy.text,
    )


def judgement(policies: PolicySet, request: Request) -> Judgement:
    """What these policies say about a request, and what would change it."""
    decision = policies.decide(request)
    known = {policy.id: policy for policy in policies.policies}
    reason = decision.error
    if decision.verdict == "deny" and reason is None:
        reason = refusal(policies.policies, decision.policies)
    terms = decision.approval
    return Judgement(
        verdict=decision.verdict,
        digest=policies.digest,
        policies=_named(known, decision.policies),
        warnings=_named(known, decision.warnings),
        reason=reason,
        gate=gate_terms(terms) if terms is not None else None,
        asks=approvals(terms) if terms is not None else None,
        rates=tuple(f"{id}: {asks(each)}" for id, each in decision.rates),
        without=_without(policies, request, decision),
    )


def gate_terms(terms: ApprovalTerms) -> GateTerms:
    return GateTerms(terms.quorum, terms.groups, terms.self_approval, terms.otherwise, terms.risk)


def _without(policies: PolicySet, request: Request, decision: Decision) -> tuple[Without, ...]:
    """What would be decided without each policy that decided, and, where none alone changes it, without all."""
    ids = decision.policies
    found = []
    for id in ids[:_EACH]:
        other = policies.without(request, {id})
        if other.verdict != decision.verdict:
            found.append(Without((id,), _ruled(other), other.policies))
    if not found and len(ids) > 1:
        other = policies.without(request, set(ids))
        if other.verdict != decision.verdict:
            found.append(Without(ids, _ruled(other), other.policies))
    return tuple(found)


def _ruled(decision: Decision) -> Ruled:
    return decision.verdict


def _named(known: Mapping[str, Policy], ids: Iterable[str]) -> tuple[PolicyView, ...]:
    return tuple(policy_view(known[id]) for id in ids if id in known)
