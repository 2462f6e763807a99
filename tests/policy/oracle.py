"""Decisions worked out from the generated policies themselves, without Cedar.

A policy here is data (`Rule`), of which `text` makes Cedar's text. `decide` is a second reading of
the rule in `docs/policy.md`, written from that page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reach_workbench.policy.decision import Decision
from reach_workbench.policy.terms import ApprovalTerms, RateTerms

Expr = tuple[Any, ...]
"""(operator, operands…): `and`, `or`, `not`, `eq`, `less`, `like`, `contains`, `one-of`, `has`, `path`, `value`,
`principal-is`, `in-group`, `resource-is`, `action-is`, `plus`, `whole`, `if`."""

LARGEST = 2**63 - 1


class Failed(Exception):
    """An expression that can't be evaluated."""


@dataclass(frozen=True)
class Rule:
    """One policy. `principal` and `resource` are ("any",), ("is", type), ("eq", type, id), ("in", type, id) or both."""

    id: str
    effect: Literal["permit", "forbid"]
    principal: tuple[str, ...] = ("any",)
    actions: tuple[str, ...] = ()
    resource: tuple[str, ...] = ("any",)
    conditions: tuple[tuple[Literal["when", "unless"], Expr], ...] = ()
    gate: ApprovalTerms | RateTerms | None = None
    warn: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The policy in Cedar."""
        lines = [f"@id({quoted(self.id)})", *(f"@{name}({quoted(value)})" for name, value in self.annotations.items())]
        if self.warn:
            lines.append('@mode("warn")')
        action = "action"
        if len(self.actions) == 1:
            action = f"action == Action::{quoted(self.actions[0])}"
        elif self.actions:
            action = f"action in [{', '.join(f'Action::{quoted(each)}' for each in self.actions)}]"
        lines.append(
            f"{self.effect} ({_head('principal', self.principal)}, {action}, {_head('resource', self.resource)})"
        )
        lines += [f"{kind} {{ {written(condition)} }}" for kind, condition in self.conditions]
        return "\n".join(lines) + ";"

    def matches(self, question: Mapping[str, Any]) -> bool:
        """Whether head and conditions fit; raises Failed."""
        if not _fits(self.principal, ("User", question["principal"]), question["groups"]):
            return False
        if self.actions and question["action"] not in self.actions:
            return False
        if not _fits(self.resource, (question["type"], question["resource"]), ()):
            return False
        for kind, condition in self.conditions:
            found = value_of(condition, question)
            if not isinstance(found, bool):
                raise Failed("no truth value")
            if found is not (kind == "when"):
                return False
        return True


def decide(rules: list[Rule], question: Mapping[str, Any]) -> Decision:
    """The decision on a question of principal, groups, action, type, resource and context."""
    spoken: list[Rule] = []
    broken: list[Rule] = []
    warned: list[Rule] = []
    for rule in rules:
        try:
            if rule.matches(question):
                (warned if rule.warn else spoken).append(rule)
        except Failed:
            (warned if rule.warn else broken).append(rule)
    warnings = tuple(rule.id for rule in warned)
    permits = [rule for rule in spoken if rule.effect == "permit"]
    final = [rule for rule in spoken if rule.effect == "forbid" and rule.gate is None]
    gates = [rule for rule in spoken if rule.gate is not None]
    if broken:
        return Decision("deny", tuple(rule.id for rule in broken), warnings=warnings, error="failed")
    if final or not permits:
        return Decision("deny", tuple(rule.id for rule in final), warnings=warnings)
    rates = tuple((rule.id, rule.gate) for rule in gates if isinstance(rule.gate, RateTerms))
    approvals = [rule.gate for rule in gates if isinstance(rule.gate, ApprovalTerms)]
    if not approvals:
        return Decision("allow", tuple(rule.id for rule in permits), rates=rates, warnings=warnings)
    groups: list[str] = []
    for terms in approvals:
        groups += [group for group in terms.groups if group not in groups]
    expiries = sorted(terms.expires_ms for terms in approvals if terms.expires_ms is not None)
    together = ApprovalTerms(
        quorum=sorted(terms.quorum for terms in approvals)[-1],
        groups=tuple(groups),
        self_approval=False not in [terms.self_approval for terms in approvals],
        expires_ms=expiries[0] if expiries else None,
        otherwise="cancel" if "cancel" in [terms.otherwise for terms in approvals] else "fault",
        risk="high" if "high" in [terms.risk for terms in approvals] else "normal",
    )
    return Decision("hold", tuple(rule.id for rule in gates), together, rates, warnings)


def value_of(expr: Expr, question: Mapping[str, Any]) -> Any:
    """The value of an expression; raises Failed."""
    match expr:
        case ("value", value):
            return value
        case ("path", path):
            return _at(question["context"], path)
        case ("has", path):
            record = _at(question["context"], path[:-1])
            if not isinstance(record, dict):
                raise Failed("no record")
            return path[-1] in record
        case ("and", left, right):
            return _truth(left, question) and _truth(right, question)
        case ("or", left, right):
            return _truth(left, question) or _truth(right, question)
        case ("not", part):
            return not _truth(part, question)
        case ("if", condition, yes, no):
            return value_of(yes if _truth(condition, question) else no, question)
        case ("eq", left, right):
            return _same(value_of(left, question), value_of(right, question))
        case ("less", left, right):
            return _number(left, question) < _number(right, question)
        case ("plus", left, right):
            total = _number(left, question) + _number(right, question)
            if abs(total) > LARGEST:
                raise Failed("overflow")
            return total
        case ("like", part, pattern):
            text = value_of(part, question)
            if not isinstance(text, str):
                raise Failed("no text")
            return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
        case ("contains", part, value):
            among = value_of(part, question)
            if not isinstance(among, list):
                raise Failed("no set")
            return value_of(value, question) in among
        case ("one-of", part, values):
            return value_of(part, question) in values
        case ("principal-is", name):
            return bool(question["principal"] == name)
        case ("in-group", name):
            return name in question["groups"]
        case ("resource-is", kind, name):
            return (question["type"], question["resource"]) == (kind, name)
        case ("action-is", name):
            return bool(question["action"] == name)
        case ("whole", name, value):
            return _same(_at(question["context"], (name,)), value)
    raise AssertionError(expr)


def written(expr: Expr) -> str:
    """An expression in Cedar."""
    match expr:
        case ("value", value):
            return _literal(value)
        case ("path", path):
            return _path(path)
        case ("has", path):
            return f"{_path(path[:-1])} has {path[-1]}"
        case ("and" | "or" as word, left, right):
            return f"({written(left)} {'&&' if word == 'and' else '||'} {written(right)})"
        case ("not", part):
            return f"!({written(part)})"
        case ("if", condition, yes, no):
            return f"(if {written(condition)} then {written(yes)} else {written(no)})"
        case ("eq" | "less" | "plus" as word, left, right):
            return f"({written(left)} { {'eq': '==', 'less': '<', 'plus': '+'}[word] } {written(right)})"
        case ("like", part, pattern):
            return f"{written(part)} like {quoted(pattern)}"
        case ("contains", part, value):
            return f"{written(part)}.contains({written(value)})"
        case ("one-of", part, values):
            return f"[{', '.join(map(_literal, values))}].contains({written(part)})"
        case ("principal-is", name):
            return f"principal == User::{quoted(name)}"
        case ("in-group", name):
            return f"principal in Group::{quoted(name)}"
        case ("resource-is", kind, name):
            return f"resource == {kind}::{quoted(name)}"
        case ("action-is", name):
            return f"action == Action::{quoted(name)}"
        case ("whole", name, value):
            return f"context.{name} == {_literal(value)}"
    raise AssertionError(expr)


def quoted(text: str) -> str:
    """A text in Cedar's quotes."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\0": "\\0"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_literal(part)}' for name, part in value.items())}}}"
    return quoted(value)


def _path(path: tuple[str, ...]) -> str:
    return ".".join(("context", *path))


def _head(name: str, constraint: tuple[str, ...]) -> str:
    match constraint:
        case ("is", kind):
            return f"{name} is {kind}"
        case ("eq", kind, thing):
            return f"{name} == {kind}::{quoted(thing)}"
        case ("in", kind, thing):
            return f"{name} in {kind}::{quoted(thing)}"
        case ("is-in", kind, holder, thing):
            return f"{name} is {kind} in {holder}::{quoted(thing)}"
    return name


def _fits(constraint: tuple[str, ...], thing: tuple[str, str], groups: Any) -> bool:
    match constraint:
        case ("is", kind):
            return thing[0] == kind
        case ("eq", kind, name):
            return thing == (kind, name)
        case ("in", kind, name):
            return thing == (kind, name) or (kind == "Group" and name in groups)
        case ("is-in", kind, holder, name):
            return thing[0] == kind and (thing == (holder, name) or (holder == "Group" and name in groups))
    return True


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise Failed(name)
        value = value[name]
    return value


def _truth(expr: Expr, question: Mapping[str, Any]) -> bool:
    found = value_of(expr, question)
    if not isinstance(found, bool):
        raise Failed("no truth value")
    return found


def _number(expr: Expr, question: Mapping[str, Any]) -> int:
    found = value_of(expr, question)
    if isinstance(found, bool) or not isinstance(found, int):
        raise Failed("no number")
    return found


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return set(map(repr, left)) == set(map(repr, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    return type(left) is type(right) and bool(left == right)
