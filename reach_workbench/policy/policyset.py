"""The policies in force, and their decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import orjson

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import ACTIONS
from reach_workbench.policy.cedar import entities_of
from reach_workbench.policy.checking import check
from reach_workbench.policy.context import Context
from reach_workbench.policy.decision import Decision
from reach_workbench.policy.judging import Bench, Policy
from reach_workbench.policy.memory import Memory
from reach_workbench.policy.reads import Path, Reads
from reach_workbench.policy.request import Request
from reach_workbench.policy.scope import Index, scope_of

if TYPE_CHECKING:
    import cedarpy

_DECISIONS: Final = 8_192
_SCOPES: Final = 4_096
_BENCHES: Final = 512
_PEOPLE: Final = 256
_LONG: Final = 512
"""Decisions that depend on a longer text are not remembered: it is unlikely to come again."""

_ABSENT: Final = object()

Scope = tuple[str, tuple[str, ...], str, str, str]
"""All of a request but its context."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of policy files: the policies unless there is an error, and every finding."""

    policies: PolicySet | None
    diagnostics: tuple[Diagnostic, ...]


def load(files: Mapping[str, str]) -> Loaded:
    """Reads policies: `files` maps the name of each file to its text. Never raises for what stands in them."""
    policies, findings = check(files)
    if any(each.severity == "error" for each in findings):
        return Loaded(None, findings)
    return Loaded(PolicySet(files, policies), findings)


class PolicySet:
    """Policies that were found without a flaw. Immutable, but for what it remembers of its own answers."""

    def __init__(self, files: Mapping[str, str], policies: tuple[Policy, ...]) -> None:
        self.policies = policies
        self.files = dict(files)
        self.digest = sha256(canonical(dict(files))).hexdigest()
        self._index = Index(scope_of(policy.parsed) for policy in policies)
        self._benches: Memory[tuple[int, ...], _Sliced] = Memory(_BENCHES)
        self._sliced: Memory[Scope, _Sliced] = Memory(_SCOPES)
        self._decisions: Memory[tuple[object, ...], Decision] = Memory(_DECISIONS)
        self._people: Memory[tuple[str, tuple[str, ...]], cedarpy.Entities] = Memory(_PEOPLE)

    def decide(self, request: Request) -> Decision:
        """The decision on a command, by the policies whose head fits it. An error of any kind denies."""
        try:
            scope = (request.principal, request.groups, request.action, request.resource_type, request.resource)
            sliced = self._sliced.get(scope) or self._slice(scope, request)
            context = request.context
            key = sliced.key(scope, context) if type(context) is Context else None
            if key is None:
                return self._judge(sliced.bench, request, sliced.reads)
            known = self._decisions.get(key)
            if known is None:
                known = self._judge(sliced.bench, request, sliced.reads)
                if known.error is None:
                    self._decisions.keep(key, known)
            return known
        except Exception as wrong:
            return _denied(wrong)

    def reads_context(self, request: Request) -> bool:
        """Whether the decision on such a request depends on more than who does what with which thing."""
        scope = (request.principal, request.groups, request.action, request.resource_type, request.resource)
        sliced = self._sliced.get(scope) or self._slice(scope, request)
        return sliced.reads.whole or bool(sliced.reads.values)

    def unsliced(self, request: Request) -> Decision:
        """The same decision by plain evaluation of every policy over the whole context: slow, for tests."""
        try:
            return self._judge(self._all, request, None)
        except Exception as wrong:
            return _denied(wrong)

    @cached_property
    def _all(self) -> Bench:
        return Bench(self.policies)

    def _slice(self, scope: Scope, request: Request) -> _Sliced:
        numbers = self._index.find(request)
        sliced = self._benches.get(numbers)
        if sliced is None:
            sliced = self._benches.keep(numbers, _Sliced(Bench(self.policies[number] for number in numbers)))
        return self._sliced.keep(scope, sliced)

    def _judge(self, bench: Bench, request: Request, reads: Reads | None) -> Decision:
        if request.action not in ACTIONS:
            return Decision("deny", error=f"no policy can speak about the action {request.action!r}")
        person = (request.principal, request.groups)
        entities = self._people.get(person) or self._people.keep(person, entities_of(*person))
        return bench.judge(request, _context(request.context, reads), entities)


class _Sliced:
    """Policies that are judged together, and what of a context they read."""

    __slots__ = ("_readers", "bench", "reads")

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.reads = bench.reads
        self._readers = None if self.reads.whole else tuple(_reader(path) for path in sorted(self.reads.values))

    def key(self, scope: Scope, context: Context) -> tuple[object, ...] | None:
        """What the decision depends on; None when it should not be remembered.

        A type in front of each value is not needed: the same path has the same type for the same action.
        """
        if self._readers is None:
            return None
        key: list[object] = [*scope]
        for read in self._readers:
            value = read(context)
            if value.__class__ is list:
                value = tuple(value)
            if (value.__class__ is str or value.__class__ is tuple) and len(value) > _LONG:
                return None
            key.append(value)
        return tuple(key)


def _reader(path: Path) -> Callable[[Context], object]:
    """Reads one path; a context has attributes and records of attributes, and nothing deeper."""
    first = path[0]
    if len(path) == 1:
        return lambda context: context[first]
    second = path[1]

    def read(context: Context) -> object:
        record = context[first]
        return record.get(second, _ABSENT)

    return read


def _context(context: Mapping[str, Json], reads: Reads | None) -> str:
    """The context as JSON text: of one that is known to be sound, only what is read."""
    if not isinstance(context, Context):
        return orjson.dumps(dict(context)).decode()
    if reads is None or reads.whole:
        return orjson.dumps(context.plain()).decode()
    told: dict[str, Json] = {}
    for path in (*reads.values, *reads.names):
        record: Mapping[str, Json] = context
        into = told
        for name in path[:-1]:
            if name not in record or not isinstance(record[name], Mapping):
                break
            record = record[name]
            into = into.setdefault(name, {})
        else:
            last = path[-1]
            if last in record:
                into[last] = {} if isinstance(record[last], Mapping) else record[last]
    return orjson.dumps(told).decode()


def _denied(wrong: Exception) -> Decision:
    return Decision("deny", error=f"the request could not be evaluated: {type(wrong).__name__}: {wrong}")
