"""Actions of the past under other policies: which verdicts would change, counted in groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from reach_workbench.policy.decision import Decision
from reach_workbench.policy.request import Request
from reach_workbench.policy.terms import RateTerms
from reach_workbench.policy.windows import Windows, count_of

Verdict = Literal["allow", "hold", "wait", "deny"]

_TENANT: Final = "local"

Rates = tuple[tuple[str, str, RateTerms], ...]
"""The ids of the rate gates of an allowed action, what each counts it under (see `count_of`), and what it asks for."""


class Said(NamedTuple):
    """What one side says about an action. `rates` are still to be asked, in the order of time."""

    verdict: Verdict
    policies: tuple[str, ...] = ()
    reason: str | None = None
    rates: Rates = ()


class Action(NamedTuple):
    """One action of the past: the command of a run, when, and where it was asked for."""

    run: str
    command: int
    at: int
    action: str
    resource_type: str
    resource: str


class Kind(NamedTuple):
    """What the actions of one group of changes have in common."""

    before: Verdict
    after: Verdict
    action: str
    resource_type: str
    resource: str
    policies: tuple[str, ...]
    policies_before: tuple[str, ...]


@dataclass(slots=True)
class Group:
    """How many there are, and the first of them, with the reason that the new policies give."""

    first: Action
    reason: str | None
    count: int = 0


@dataclass(slots=True)
class Trial:
    """Take every action, then `finish`. `groups` and `warned` (by policy and action) are complete after that."""

    actions: int = 0
    changed: int = 0
    groups: dict[Kind, Group] = field(default_factory=dict)
    warned: dict[tuple[str, str], Group] = field(default_factory=dict)
    _later: list[tuple[Action, Said, Said]] = field(default_factory=list)

    def take(self, action: Action, before: Said, after: Said, warnings: tuple[str, ...] = ()) -> None:
        self.actions += 1
        for id in warnings:
            self.warned.setdefault((id, action.action), Group(action, None)).count += 1
        if before.rates or after.rates:
            self._later.append((action, before, after))
        elif before.verdict != after.verdict:
            self._count(action, before, after)

    def finish(self) -> None:
        """Ask the rate gates, for which the order of time matters."""
        old, new = Windows(), Windows()
        for action, *sides in sorted(self._later, key=lambda each: each[0].at):
            before, after = _waited(old, sides[0], action.at), _waited(new, sides[1], action.at)
            if before.verdict != after.verdict:
                self._count(action, before, after)
        self._later.clear()

    def largest(self) -> Iterator[tuple[Kind, Group]]:
        """The groups of changes, the largest first, and among equals the oldest."""
        yield from sorted(self.groups.items(), key=lambda each: (-each[1].count, each[1].first.at, each[0]))

    def _count(self, action: Action, before: Said, after: Said) -> None:
        self.changed += 1
        of = (action.action, action.resource_type, action.resource)
        kind = Kind(before.verdict, after.verdict, *of, after.policies, before.policies)
        group = self.groups.get(kind)
        if group is None:
            group = self.groups[kind] = Group(action, after.reason)
        group.count += 1


def said(decision: Decision, request: Request, run: str) -> Said:
    """What a decision says; the rate gates of an allow are counted apart."""
    rates: Rates = ()
    if decision.rates and decision.verdict == "allow":
        rates = tuple((id, count_of(id, terms, request, run, _TENANT), terms) for id, terms in decision.rates)
    return Said(decision.verdict, decision.policies, decision.error, rates)


def _waited(windows: Windows, side: Said, at: int) -> Said:
    if not side.rates or not windows.waits([(count, terms) for _, count, terms in side.rates], at):
        return side
    return side._replace(verdict="wait", policies=tuple(id for id, _, _ in side.rates))
