"""Cases: commands with the decisions that policies are expected to give on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import ACTIONS
from reach_workbench.policy.decision import Decision
from reach_workbench.policy.policyset import PolicySet
from reach_workbench.policy.request import Request, request_of

_VERDICTS: Final = ("allow", "hold", "deny")
_RUN: Final = {
    "id": "01run",
    "workflow": "default/workflow",
    "version": "1.0.0",
    "program": "",
    "task": "/do/0/task",
    "origin": "",
}
"""What a case that says nothing of its run is about."""

_EXPECTED: Final = ("verdict", "policies", "rates", "warnings")
_MEMBERS: Final = ("name", "principal", "groups", "action", "arguments", "run", "tenant", "expect")


class BadCase(ValueError):
    """A file of cases that is none; `where` is the JSON pointer (RFC 6901) of what is wrong."""

    def __init__(self, where: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.where = where
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Case:
    """`expect` has what is given of verdict, policies, rates and warnings; the lists are of ids."""

    name: str
    request: Request
    expect: Mapping[str, str | tuple[str, ...]]

    def differs(self, decision: Decision) -> bool:
        """Whether the decision is another one than expected. The order of ids does not matter."""
        given = outcome(decision)
        return any(
            given[name] != wanted if isinstance(wanted, str) else sorted(given[name]) != sorted(wanted)
            for name, wanted in self.expect.items()
        )


def outcome(decision: Decision) -> dict[str, str | tuple[str, ...]]:
    """What of a decision a case can expect."""
    return {
        "verdict": decision.verdict,
        "policies": decision.policies,
        "rates": tuple(name for name, _ in decision.rates),
        "warnings": decision.warnings,
    }


def in_words(parts: dict[str, str | tuple[str, ...]]) -> str:
    """A decision, or what was expected of one, in words: `hold by hold-shell, rates slow`."""
    words = [str(parts["verdict"])] if "verdict" in parts else []
    for name, word in (("policies", "by"), ("rates", "rates"), ("warnings", "warnings")):
        if name in parts and (parts[name] or "verdict" not in parts):
            words.append(f"{word} {', '.join(parts[name]) or 'none'}")
    return " ".join(words)


def cases_of(document: Json) -> tuple[Case, ...]:
    """The cases of a parsed file, `{cases: […]}` or the list alone. Raises BadCase."""
    listed, where = document, ""
    if isinstance(document, dict):
        _known(document, ("policies", "cases"), "")
        listed, where = document.get("cases"), "/cases"
    if not isinstance(listed, list) or not listed:
        raise BadCase(
            where, "a list of cases is needed", "such as: cases: [{name: …, action: http.call, expect: allow}]"
        )
    return tuple(_case(each, f"{where}/{place}") for place, each in enumerate(listed))


def run_cases(cases: tuple[Case, ...], policies: PolicySet) -> tuple[tuple[Case, Decision], ...]:
    """Each case with its decision."""
    return tuple((case, policies.decide(case.request)) for case in cases)


def _case(given: Json, where: str) -> Case:
    if not isinstance(given, dict):
        raise BadCase(where, "a case is an object", "with name, action, arguments and expect")
    _known(given, _MEMBERS, where)
    action = _text(given, "action", where)
    if action not in ACTIONS:
        raise BadCase(f"{where}/action", f"there is no action {action!r}", _similar(action, tuple(ACTIONS)))
    run = given.get("run") or {}
    if not isinstance(run, dict):
        raise BadCase(f"{where}/run", "the run is an object", f"with some of {', '.join(_RUN)}")
    _known(run, tuple(_RUN), f"{where}/run")
    words = {name: _text(run, name, f"{where}/run", default) for name, default in _RUN.items()}
    request = request_of(
        action,
        given.get("arguments", {}),
        requester=_text(given, "principal", where, "somebody"),
        groups=_texts(given, "groups", where),
        run=words["id"],
        workflow=words["workflow"],
        version=words["version"],
        program=words["program"],
        task=words["task"],
        origin=words["origin"],
        tenant=_text(given, "tenant", where, "default"),
    )
    return Case(_text(given, "name", where, f"{action} {where.rpartition('/')[2]}"), request, _expect(given, where))


def _expect(given: dict[str, Json], where: str) -> dict[str, str | tuple[str, ...]]:
    expect = given.get("expect")
    where = f"{where}/expect"
    if isinstance(expect, str):
        expect = {"verdict": expect}
    if not isinstance(expect, dict) or not expect:
        raise BadCase(
            where, "a case needs what it expects", "such as: expect: allow, or expect: {verdict: hold, policies: […]}"
        )
    _known(expect, _EXPECTED, where)
    wanted: dict[str, str | tuple[str, ...]] = {}
    if "verdict" in expect:
        wanted["verdict"] = _text(expect, "verdict", where)
        if wanted["verdict"] not in _VERDICTS:
            raise BadCase(f"{where}/verdict", f"{wanted['verdict']!r} is no verdict", f"one of {', '.join(_VERDICTS)}")
    wanted |= {name: _texts(expect, name, where) for name in _EXPECTED[1:] if name in expect}
    return wanted


def _known(given: dict[str, Json], members: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in members:
            raise BadCase(f"{where}/{name}", f"nothing is called {name!r} here", _similar(str(name), members))


def _text(given: dict[str, Json], name: str, where: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        said = "is missing" if value is None else "must be a text"
        raise BadCase(f"{where}/{name}", f"{name} {said}")
    return value


def _texts(given: dict[str, Json], name: str, where: str) -> tuple[str, ...]:
    value = given.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadCase(f"{where}/{name}", f"{name} must be a list of texts")
    return tuple(value)


def _similar(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
