"""A policy in words: what it covers, and what its gate asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from reach_workbench.engine.values import Json
from reach_workbench.policy.judging import Policy
from reach_workbench.policy.terms import ApprovalTerms, RateTerms, Terms

_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


def covers(policy: Policy) -> str:
    """What the head of a policy speaks about, such as `http.call at api.shop.example by finance, if …`."""
    parsed = policy.parsed
    action: dict[str, Json] = parsed["action"]
    named = [action["entity"]] if "entity" in action else action.get("entities")
    words = ", ".join(each["id"] for each in named) if named else "everything"
    if thing := _constraint(parsed["resource"]):
        words += f" at {thing}"
    if person := _constraint(parsed["principal"]):
        words += f" by {person}"
    kinds = [each["kind"] for each in parsed.get("conditions", [])]
    return words + "".join(f", {'if' if kind == 'when' else 'unless'} …" for kind in kinds)


def refusal(policies: Iterable[Policy], ids: Sequence[str]) -> str:
    """Why a command was denied: by which policies, with the sentences that they give; that none permits it."""
    if not ids:
        return "no policy permits it"
    known = {policy.id: policy.annotations.get("reason") for policy in policies}
    reasons = list(dict.fromkeys(reason for reason in map(known.get, ids) if reason))
    return f"denied by policy {', '.join(ids)}" + (f": {' '.join(reasons)}" if reasons else "")


def asks(terms: Terms) -> str:
    """What a gate asks for, such as `2 approvals, one of finance, within 24h`."""
    if isinstance(terms, RateTerms):
        return f"at most {terms.limit:,} in {span(terms.window_ms)} for each {' and '.join(terms.per)}"
    return approvals(terms)


def approvals(terms: ApprovalTerms) -> str:
    """What an approval gate asks for."""
    words = "1 approval" if terms.quorum == 1 else f"{terms.quorum} approvals"
    if terms.groups:
        words += f", one of each of {' and '.join(terms.groups)}" if terms.groups[1:] else f", one of {terms.groups[0]}"
    words += ", also by who asked" if terms.self_approval else ", not by who asked"
    return words + (f", within {span(terms.expires_ms)}" if terms.expires_ms is not None else "")


def span(milliseconds: int) -> str:
    """A length of time as annotations write it."""
    for unit, name in _UNITS:
        if milliseconds % unit == 0:
            return f"{milliseconds // unit}{name}"
    return f"{milliseconds}ms"


def _constraint(given: dict[str, Any]) -> str:
    match given["op"]:
        case "==" | "in":
            return str(given["entity"]["id"])
        case "is":
            inside = given.get("in")
            return str(inside["entity"]["id"] if inside is not None else f"any {given['entity_type']}")
    return ""
