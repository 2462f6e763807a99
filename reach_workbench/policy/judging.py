"""The rule by which policies decide, over those of them that can speak about a request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from reach_workbench.engine.values import Json
from reach_workbench.policy.cedar import Answer, Entities, Evaluator
from reach_workbench.policy.decision import Decision
from reach_workbench.policy.reads import Reads, reads_of
from reach_workbench.policy.terms import ApprovalTerms, Mode, RateTerms, Terms, combine

if TYPE_CHECKING:
    from reach_workbench.policy.request import Request


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of a set. `number` is its place among all of the set, `parsed` Cedar's JSON form, also as `json`."""

    number: int
    id: str
    file: str
    line: int
    effect: Literal["permit", "forbid"]
    annotations: dict[str, str]
    text: str
    mode: Mode
    terms: Terms | None
    parsed: dict[str, Json] = field(repr=False, compare=False)
    json: str = field(repr=False, compare=False)


class Bench:
    """Some policies of a set, parsed once, that judge requests together.

    Any error denies. A forbid without a gate denies, and beats every gate. What nothing permits
    is denied. What only gates are against is held for approval, or allowed under the rate gates
    among them. Policies of mode warn are asked aside.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self.policies = tuple(policies)
        self.reads = Reads.of_all(reads_of(policy.parsed) for policy in self.policies)
        self._by_name = {str(policy.number): policy for policy in self.policies}
        self._warned = any(policy.mode == "warn" for policy in self.policies)

    def judge(self, request: Request, context: str, entities: Entities) -> Decision:
        """The decision on a request, whose context is given as JSON text."""
        question = {
            "principal": {"type": "User", "id": request.principal},
            "action": {"type": "Action", "id": request.action},
            "resource": {"type": request.resource_type, "id": request.resource},
            "context": context,
        }
        warnings = self._warnings(question, entities) if self._warned else ()
        answer = self._enforced.ask(question, entities)
        if answer.errors:
            return Decision("deny", self._ids(answer.broken), warnings=warnings, error=self._told(answer))
        if answer.allowed:
            return Decision("allow", self._ids(answer.reasons), warnings=warnings)
        spoken = [self._by_name[str(number)] for number in sorted(map(int, answer.reasons))]
        final = [policy for policy in spoken if policy.terms is None]
        if final or not spoken:
            return Decision("deny", tuple(policy.id for policy in final), warnings=warnings)
        without = self._ungated.ask(question, entities)
        if not without.allowed:
            return Decision("deny", warnings=warnings)
        rates = tuple((policy.id, policy.terms) for policy in spoken if isinstance(policy.terms, RateTerms))
        approvals = [policy.terms for policy in spoken if isinstance(policy.terms, ApprovalTerms)]
        if approvals:
            ids = tuple(policy.id for policy in spoken)
            return Decision("hold", ids, combine(approvals), rates, warnings)
        return Decision("allow", self._ids(without.reasons), rates=rates, warnings=warnings)

    def prepare(self) -> None:
        """Parse the policies now rather than at the first request."""
        self._enforced  # noqa: B018 - worked out when it is asked for

    @cached_property
    def _enforced(self) -> Evaluator:
        return self._evaluator(policy for policy in self.policies if policy.mode == "enforce")

    @cached_property
    def _ungated(self) -> Evaluator:
        return self._evaluator(policy for policy in self.policies if policy.mode == "enforce" and policy.terms is None)

    @cached_property
    def _warners(self) -> tuple[Evaluator, ...]:
        """Permits and forbids apart: together the forbids would keep the permits from being named."""
        warned = [policy for policy in self.policies if policy.mode == "warn"]
        return tuple(
            self._evaluator(policy for policy in warned if policy.effect == effect) for effect in ("permit", "forbid")
        )

    def _evaluator(self, policies: Iterable[Policy]) -> Evaluator:
        return Evaluator({str(policy.number): policy.json for policy in policies})

    def _warnings(self, question: dict[str, Json], entities: Entities) -> tuple[str, ...]:
        answers = [warner.ask(question, entities) for warner in self._warners]
        return self._ids(name for answer in answers for name in (*answer.reasons, *answer.broken))

    def _told(self, answer: Answer) -> str:
        """The errors, with the ids that people know."""
        told = "; ".join(answer.errors)
        for name in answer.broken:
            told = told.replace(f"policy `{name}`", f"policy `{self._by_name[name].id}`")
        return told

    def _ids(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._by_name[str(number)].id for number in sorted(set(map(int, names))))
