"""Cedar itself, through cedarpy: nothing else imports that, and nothing before it is needed (21 ms)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import SCHEMA

if TYPE_CHECKING:
    import cedarpy

_NAMED: Final = re.compile(r"policy `([^`]*)`")

Entities: TypeAlias = "cedarpy.Entities"
"""Users and their groups, parsed."""

UNFINISHED: Final = "unexpected end of input"
"""What the parser says of a text that is the beginning of a policy."""


class Flaw(ValueError):
    """What Cedar has to say against a text."""


class Answer(NamedTuple):
    """`reasons` are the policies that led to the answer, by name and in any order; `broken` those that failed."""

    allowed: bool
    reasons: tuple[str, ...]
    errors: tuple[str, ...]
    broken: tuple[str, ...]


def parse(text: str) -> list[dict[str, Json]]:
    """The policies of a text in Cedar's JSON form, in their order.

    Raises Flaw for what is no policy, and for templates.
    See https://docs.cedarpolicy.com/policies/json-format.html.
    """
    import cedarpy

    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except (ValueError, RecursionError) as wrong:
        raise Flaw(str(wrong)) from None
    if parsed["templates"]:
        raise Flaw("`?principal` and `?resource` make a template, which decides nothing by itself")
    static: dict[str, dict[str, Json]] = parsed["staticPolicies"]
    return [static[f"policy{number}"] for number in range(len(static))]


def usable(policy: str) -> bool:
    """Whether a policy in Cedar's JSON form can be evaluated: one that parses may nest too deeply for that."""
    try:
        Evaluator({"0": policy})
    except ValueError:
        return False
    return True


def validate(text: str) -> list[tuple[int, str]]:
    """What the schema has against the policies of a text that parses: their numbers from 0, and what is wrong."""
    import cedarpy

    found = cedarpy.validate_policies(text, _schema()).errors
    return [(int(each.policy_id.removeprefix("policy") or 0), each.error) for each in found]


class Evaluator:
    """Policies that answer requests. They are given as texts in Cedar's JSON form, by names that are numbers."""

    def __init__(self, policies: Mapping[str, str]) -> None:
        import cedarpy

        every = ",".join(f'"{name}":{policy}' for name, policy in policies.items())
        whole = f'{{"templates":{{}},"staticPolicies":{{{every}}},"templateLinks":[]}}'
        self._policies = cedarpy.PolicySet.from_json_str(whole)
        self._ask = cedarpy.is_authorized
        self._allow = cedarpy.Decision.Allow

    def ask(self, question: dict[str, Json], entities: Entities) -> Answer:
        """`question` has principal, action and resource as {type, id} and the context as JSON text."""
        result = self._ask(question, self._policies, entities)
        diagnostics = result.diagnostics
        errors = sorted(diagnostics.errors)  # they come in any order
        return Answer(
            allowed=result.decision is self._allow,
            reasons=tuple(diagnostics.reasons),
            errors=tuple(errors),
            broken=tuple(name for error in errors for name in _NAMED.findall(error)[:1]),
        )


def entities_of(principal: str, groups: tuple[str, ...]) -> Entities:
    """A user and the groups it is in."""
    import cedarpy

    parents = [{"type": "Group", "id": group} for group in dict.fromkeys(groups)]
    known: list[dict[str, Any]] = [{"uid": {"type": "User", "id": principal}, "attrs": {}, "parents": parents}]
    known += [{"uid": parent, "attrs": {}, "parents": []} for parent in parents]
    return cedarpy.Entities.from_json_str(json.dumps(known))


@cache
def _schema() -> cedarpy.Schema:
    import cedarpy

    return cedarpy.Schema.from_str(SCHEMA)
