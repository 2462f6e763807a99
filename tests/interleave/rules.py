"""The policies that are in force in turns, and what each of them means, said a second time without Cedar."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from reach_workbench.engine.canonical import canonical

Json = Any

FILE: Final = "local.cedar"
POISON: Final = 666
"""An argument that every policy forbids: nobody may edit it in."""


@dataclass(frozen=True)
class Rule:
    """What a policy says of one function, or of sub-workflows."""

    verdict: Literal["allow", "hold", "deny"] = "allow"
    quorum: int = 1
    groups: tuple[str, ...] = ()
    self_approval: bool = False
    expires: int | None = None
    otherwise: str = "fault"
    rate: tuple[int, int] | None = None


FREE: Final = Rule()
RATE: Final = (2, 5_000)

VARIANTS: Final[tuple[dict[str, Rule], ...]] = (
    {
        "gated": Rule("hold", expires=60_000),
        "pair": Rule("hold", quorum=2, groups=("finance", "legal")),
        "own": Rule("hold", self_approval=True, expires=8_000, otherwise="cancel"),
        "again": Rule("hold", quorum=2),
        "slow": Rule("hold"),
        "never": Rule("deny"),
        "paced": Rule(rate=RATE),
        "both": Rule("hold", rate=RATE),
    },
    {
        "gated": Rule("hold", quorum=2, expires=10_000),
        "pair": Rule("hold", groups=("legal",)),
        "never": Rule("deny"),
        "paced": Rule("hold", rate=RATE),
        "both": Rule(rate=RATE),
        "workflow": Rule("hold"),
    },
    {
        "gated": Rule("hold", self_approval=True),
        "pair": Rule("deny"),
        "again": Rule("hold"),
        "never": Rule("deny"),
        "paced": Rule(rate=RATE),
        "both": Rule("hold", expires=20_000, rate=RATE),
        "slow": Rule("deny"),
    },
)
BROKEN: Final = (
    "permit(principal, action, resource)\nforbid(oops);",
    '@gate("approvl") forbid(principal, action, resource);',
)


def text(rules: dict[str, Rule]) -> str:
    """The policy in Cedar."""
    lines = [
        '@id("all") permit(principal, action, resource);',
        '@id("poison") forbid(principal, action == Action::"function.call", resource)'
        f' when {{ context.args.arguments like "*{POISON}*" }};',
    ]
    for name, rule in rules.items():
        if name == "workflow":
            what = 'action == Action::"workflow.run", resource'
        else:
            what = f'action == Action::"function.call", resource == Function::"{name}:1.0.0"'
        if rule.verdict == "deny":
            lines.append(f'@id("{name}") forbid(principal, {what});')
        if rule.verdict == "hold":
            notes = f'@quorum("{rule.quorum}")'
            notes += f' @from("{",".join(rule.groups)}")' if rule.groups else ""
            notes += ' @self("allowed")' if rule.self_approval else ""
            notes += f' @expires("{rule.expires}ms")' if rule.expires else ""
            notes += f' @otherwise("{rule.otherwise}")'
            lines.append(f'@id("{name}-hold") @gate("approval") {notes} forbid(principal, {what});')
        if rule.rate:
            limit, window = rule.rate
            lines.append(f'@id("{name}-rate") @gate("rate") @limit("{limit}/{window}ms") forbid(principal, {what});')
    return "\n".join(lines) + "\n"


TEXTS: Final = tuple(map(text, VARIANTS))
BY_DIGEST: Final = {
    sha256(canonical({FILE: written})).hexdigest(): rules for written, rules in zip(TEXTS, VARIANTS, strict=True)
}


def rule_for(digest: str, kind: str, arguments: Json) -> Rule:
    """What the policies with that digest say of an action. Raises KeyError for policies that never were."""
    rules = BY_DIGEST[digest]
    if kind == "workflow.run":
        return rules.get("workflow", FREE)
    if str(POISON) in canonical(arguments.get("arguments")).decode():
        return Rule("deny")
    return rules.get(str(arguments.get("function")).partition(":")[0], FREE)
