"""Holding decisions against plain Cedar and against the oracle."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

from reach_workbench.policy.context import Context
from reach_workbench.policy.decision import Decision
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.policy.request import Request
from tests.policy import generating, oracle


def agree(draw: Random, requests: int) -> Counter[str]:
    """Ask that many requests of one random set of policies; returns how often each verdict was given."""
    rules = generating.rules(draw)
    files = {
        "a.cedar": "\n".join(rule.text() for rule in rules[::2]),
        "b.cedar": "\n".join(rule.text() for rule in rules[1::2]),
    }
    rules = [*rules[::2], *rules[1::2]]
    policies = loaded(files)
    found: Counter[str] = Counter()
    for _ in range(requests):
        command = generating.command(draw)
        request = command.request()
        expected = oracle.decide(rules, question(request))
        for decision in (policies.decide(request), policies.decide(command.request()), policies.unsliced(request)):
            same(decision, expected, (files, command))
        assert policies.judge(command.request()) == policies.decide(request), (files, command)
        found["error" if expected.error else expected.verdict] += 1
    return found


def agree_on_broken(draw: Random, contexts: int) -> Counter[str]:
    """The same for contexts that are not sound."""
    rules = generating.rules(draw)
    policies = loaded({"a.cedar": "\n".join(rule.text() for rule in rules)})
    found: Counter[str] = Counter()
    for _ in range(contexts):
        sound = generating.command(draw).request()
        assert isinstance(sound.context, Context)
        request = replace(sound, context=generating.broken_context(draw, sound.context))
        policies.decide(sound)  # what is remembered of it must not help the broken one
        decision, plain = policies.decide(request), policies.unsliced(request)
        assert (decision.verdict, decision.policies) == (plain.verdict, plain.policies), (rules, request)
        assert (decision.error is None) == (plain.error is None), (rules, request)
        if not sayable(request.context):
            assert (decision.verdict, decision.error is None) == ("deny", False), (rules, request)
        elif not _foreign(request.context):
            same(decision, oracle.decide(rules, question(request)), (rules, request))
        found["error" if decision.error else decision.verdict] += 1
    return found


def never_allow_broken(draw: Random, texts: int) -> Counter[str]:
    """Broken texts never load, or load as what they say now: then nothing may be lost of it."""
    found: Counter[str] = Counter()
    for _ in range(texts):
        rules = [*generating.rules(draw, 4), generating.rule(draw, "last")]
        text = generating.broken_text(draw, "\n".join(rule.text() for rule in rules))
        result = load({"a.cedar": text})
        if result.policies is None:
            errors = [each for each in result.diagnostics if each.severity == "error"]
            assert errors, text
            lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
            assert all(1 <= each.line <= lines and each.column >= 1 and each.file == "a.cedar" for each in errors), text
            found["refused"] += 1
            continue
        request = generating.command(draw).request()
        decision = result.policies.decide(request)
        plain = result.policies.unsliced(request)
        assert (decision.verdict, decision.policies) == (plain.verdict, plain.policies), (text, request)
        assert decision.error is None or decision.verdict == "deny", (text, request)
        found["still policies"] += 1
    return found


def loaded(files: dict[str, str]) -> PolicySet:
    result = load(files)
    assert result.policies is not None, "\n".join([*map(str, result.diagnostics), *files.values()])
    return result.policies


def question(request: Request) -> dict[str, Any]:
    context = request.context
    return {
        "principal": request.principal,
        "groups": request.groups,
        "action": request.action,
        "type": request.resource_type,
        "resource": request.resource,
        "context": context.plain() if isinstance(context, Context) else context,
    }


def same(decision: Decision, expected: Decision, about: object) -> None:
    """Alike but for the words of an error."""
    told = replace(decision, error=expected.error) if decision.error and expected.error else decision
    assert told == expected, f"{decision}\n{expected}\n{about}"


def sayable(value: Any) -> bool:
    """Whether Cedar has a type for it."""
    if isinstance(value, dict):
        return all(sayable(part) for part in value.values())
    if isinstance(value, list):
        return all(map(sayable, value))
    if isinstance(value, str):
        return "\ud800" not in value
    return isinstance(value, bool) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def _foreign(value: Any) -> bool:
    """Whether it holds Cedar's own escapes, which the oracle does not know."""
    return "__entity" in repr(value) or "__extn" in repr(value)
