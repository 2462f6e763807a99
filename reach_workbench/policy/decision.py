"""The answer to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reach_workbench.policy.terms import ApprovalTerms, RateTerms

Verdict = Literal["allow", "hold", "deny"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a command.

    `policies` are the ids of those that decided: the permits of an allow, the gates of a hold,
    the forbids of a deny (none when nothing permits), the broken ones of an error. `approval`
    says what a hold waits for. `rates` are the rate gates that apply to an allow or a hold, by
    id: the caller reserves a place in each, or waits. `warnings` are the policies of mode warn
    that would have spoken. `error` says what went wrong in evaluation, which denies.
    """

    verdict: Verdict
    policies: tuple[str, ...] = ()
    approval: ApprovalTerms | None = None
    rates: tuple[tuple[str, RateTerms], ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
