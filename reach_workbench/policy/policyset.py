"""The policies in force, and their decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Final

import orjson

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import ACTIONS
from reach_workbench.policy.cedar import Entities, entities_of
from reach_workbench.policy.checking import check
from reach_workbench.policy.context import ATTRIBUTES, RUN_ATTRIBUTES, Context, Record
from reach_workbench.policy.decision import Decision
from reach_workbench.policy.judging import Bench, Policy
from reach_workbench.policy.memory import Memory
from reach_workbench.policy.reads import Path
from reach_workbench.policy.request import Request
from reach_workbench.policy.scope import Index, scope_of

_DECISIONS: Final = 8_192
_SCOPES: Final = 4_096
_BENCHES: Final = 4_096
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
        self._people: Memory[tuple[str, tuple[str, ...]], Entities] = Memory(_PEOPLE)

    def prepare(self) -> PolicySet:
        """Parse ahead what requests about the things that policies name will need: about 0.1 ms for each.

        Without it the first request about each of them takes a little longer.
        """
        for numbers in islice(self._index.sets(), _BENCHES):
            self._bench(numbers).bench.prepare()
        return self

    def decide(self, request: Request) -> Decision:
        """The decision on a command, by the policies whose head fits it. An error of any kind denies."""
        try:
            scope = (request.principal, request.groups, request.action, request.resource_type, request.resource)
            sliced = self._sliced.get(scope) or self._slice(scope, request)
            context = request.context
            key = None if sliced.whole or type(context) is not Context else sliced.key(request, context)
            if key is None:
                return self._judge(sliced, request)
            known = self._decisions.get(key)
            if known is None:
                known = self._judge(sliced, request)
                if known.error is None:
                    self._decisions.keep(key, known)
            return known
        except Exception as wrong:
            return _denied(wrong)

    def reads_context(self, request: Request) -> bool:
        """Whether the decision on such a request depends on more than who does what with which thing."""
        scope = (request.principal, request.groups, request.action, request.resource_type, request.resource)
        sliced = self._sliced.get(scope) or self._slice(scope, request)
        return sliced.reads_context

    def judge(self, request: Request) -> Decision:
        """The same decision, not remembered."""
        try:
            scope = (request.principal, request.groups, request.action, request.resource_type, request.resource)
            return self._judge(self._sliced.get(scope) or self._slice(scope, request), request)
        except Exception as wrong:
            return _denied(wrong)

    def without(self, request: Request, ids: Collection[str]) -> Decision:
        """The decision there would be if the policies of these ids were not there."""
        try:
            _require_sound(request)
            left = (self.policies[number] for number in self._index.find(request))
            return self._judge(_Sliced(Bench(policy for policy in left if policy.id not in ids)), request)
        except Exception as wrong:
            return _denied(wrong)

    def unsliced(self, request: Request) -> Decision:
        """The same decision by plain evaluation of every policy over the whole context: slow, for tests."""
        try:
            _require_sound(request)
            return self._judge(self._all, request)
        except Exception as wrong:
            return _denied(wrong)

    @cached_property
    def _all(self) -> _Sliced:
        every = _Sliced(Bench(self.policies))
        every.whole = True
        return every

    def _slice(self, scope: Scope, request: Request) -> _Sliced:
        """The policies whose head fits. Raises what `_require_sound` raises."""
        _require_sound(request)
        return self._sliced.keep(scope, self._bench(self._index.find(request)))

    def _bench(self, numbers: tuple[int, ...]) -> _Sliced:
        known = self._benches.get(numbers)
        if known is not None:
            return known
        return self._benches.keep(numbers, _Sliced(Bench(self.policies[number] for number in numbers)))

    def _judge(self, sliced: _Sliced, request: Request) -> Decision:
        person = (request.principal, request.groups)
        entities = self._people.get(person) or self._people.keep(person, entities_of(*person))
        context = request.context
        # Only of a context that is known to be sound a part may stand for the whole.
        told = sliced.told(context) if type(context) is Context else orjson.dumps(dict(context)).decode()
        return sliced.bench.judge(request, told, entities)


class _Sliced:
    """Policies that are judged together, and what of a context they read."""

    __slots__ = ("_action", "_args", "_ask", "_principal", "_resource", "_rest", "_run", "bench", "whole")

    def __init__(self, bench: Bench) -> None:
        reads = bench.reads
        self.bench = bench
        self.whole = reads.whole
        values = () if reads.whole else reads.values
        self._ask = tuple(sorted(reads.names))
        self._args = tuple(sorted(path[1] for path in values if path[0] == "args" and len(path) > 1))
        # The schema lets a name that does not exist pass where a condition can't come: it is never there to be read.
        run = {path[1] for path in values if path[0] == "run" and len(path) > 1}
        self._run = tuple(sorted(run & RUN_ATTRIBUTES))
        self._rest = tuple(sorted({path[0] for path in values if len(path) == 1} & ATTRIBUTES))
        self._principal = "principal" in reads.variables
        self._resource = "resource" in reads.variables
        self._action = bool("action" in reads.variables or self._args or self._ask)

    @property
    def reads_context(self) -> bool:
        """Whether any condition looks at the context at all."""
        return bool(self.whole or self._ask or self._args or self._run or self._rest)

    def key(self, request: Request, context: Context) -> tuple[object, ...] | None:
        """What the decision depends on; None when it should not be remembered.

        The heads of the policies are done with: they fit. So of principal, action and resource
        only what conditions read counts. The same policies ask for the same values in the same
        order, each of one type for the same action; what `has` finds follows from the action too.
        """
        key: list[object] = [self]
        if self._principal:
            key += (request.principal, request.groups)
        if self._resource:
            key += (request.resource_type, request.resource)
        if self._action:
            key.append(request.action)
        if self._args:
            record = context["args"]
            key += [record.get(name, _ABSENT) for name in self._args]
        if self._run:
            record = context["run"]
            key += [record[name] for name in self._run]
        for name in self._rest:
            key.append(context[name])
        for place, value in enumerate(key):
            if isinstance(value, list):
                key[place] = tuple(value)
            if isinstance(value, (str, list)) and len(value) > _LONG:
                return None
        return tuple(key)

    def told(self, context: Context) -> str:
        """The part of the context that the policies read, as JSON."""
        if self.whole:
            return orjson.dumps(context.plain()).decode()
        told: dict[str, Json] = {name: context[name] for name in self._rest}
        if self._args:
            record = context["args"]
            told["args"] = {name: record[name] for name in self._args if name in record}
        if self._run:
            record = context["run"]
            told["run"] = {name: record[name] for name in self._run}
        for path in self._ask:
            _tell(told, context, path)
        return orjson.dumps(told).decode()


def _tell(told: dict[str, Json], context: Context, path: Path) -> None:
    """Put what a `has` asks for into `told`, if it is there."""
    record: Json = context
    for name in path[:-1]:
        if not isinstance(record, Record) or name not in record:
            return
        record, told = record[name], told.setdefault(name, {})
    if isinstance(record, Record) and path[-1] in record:
        value = record[path[-1]]
        told.setdefault(path[-1], {} if isinstance(value, Record) else value)


def _require_sound(request: Request) -> None:
    """Raises for a request about an action that is none, or that is not made of texts.

    Cedar may never be asked about this very request, but about another that was decided by the
    same policies: so what it would refuse is refused here.
    """
    if request.action not in ACTIONS:
        raise ValueError(f"no policy can speak about the action {request.action!r}")
    for text in (request.principal, *request.groups, request.resource_type, request.resource):
        text.encode()


def _denied(wrong: Exception) -> Decision:
    return Decision("deny", error=f"the request could not be evaluated: {type(wrong).__name__}: {wrong}")
