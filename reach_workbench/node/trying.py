"""Other policies, tried on every action that this home has on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from reach_workbench.clock import Clock
from reach_workbench.engine.approving import COMMAND
from reach_workbench.engine.commands import Command
from reach_workbench.engine.values import Json
from reach_workbench.errors import PolicyInvalid
from reach_workbench.node.aside import Stopped
from reach_workbench.node.rulings import TOLD, first_groups, subject_in
from reach_workbench.policy.policyset import PolicySet
from reach_workbench.policy.request import Request
from reach_workbench.policy.trial import Action, Group, Kind, Said, Trial, Verdict, said
from reach_workbench.protocol.node_views import Progress
from reach_workbench.protocol.policies import TryPolicies, TryReport, VerdictChange, WarningCount
from reach_workbench.runner.guard import UNREADABLE, Guard, Subject, missing_capability
from reach_workbench.runner.loading import base_of
from reach_workbench.runner.shelf import PolicyShelf
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunOrigin
from reach_workbench.storage.searching import Told
from reach_workbench.storage.store import Store

_RUNS: Final = 500
"""Runs whose records are read at once."""

_EVERY: Final = 20_000
"""Events after which it is told how far it is."""


class GivenUp(Exception):
    """Nobody waits for the report any more."""


class _Issued(NamedTuple):
    """A command whose decision was not read yet."""

    kind: str
    arguments: Json
    at: int
    task: str | None


@dataclass(slots=True)
class _Run:
    """The run whose events are being read.

    `held` are the kinds of commands that a gate holds, which may be edited; `ids` the policies that decided last,
    `groups` those that the requester was in then, where that is known.
    """

    record: RunOrigin
    base: Path
    subject: Subject
    policies: PolicySet
    issued: dict[int, _Issued] = field(default_factory=dict)
    held: dict[int, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None


class Trying:
    """One trial, of policies that were found sound. It has a shelf of its own: it works in a thread."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, guard: Guard, asked: TryPolicies) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard
        self._asked = asked
        self._shelf = PolicyShelf(settings, store, clock)
        self._trial = Trial()
        self._own: PolicySet
        self._created: dict[int, dict[str, Json]] = {}
        self._undecided = 0
        self._runs = 0
        self._unreadable: dict[str, None] = {}

    def report(self, own: PolicySet, stopped: Stopped, progress: Progress | None) -> TryReport:
        """Look through everything with these policies in the place of the tenant's own.

        Raises GivenUp when it is stopped, PolicyInvalid for policies that are at odds with a workspace's.
        """
        began, self._own = self._clock.elapsed(), own
        last = self._store.read.last_run_key()
        total, done, told = self._store.read.event_count(last), 0, 0
        runs = self._records(last)
        run: _Run | None = None
        for key, length, found in self._store.read.sifted_all(TOLD, last):
            if stopped():
                raise GivenUp
            while run is None or run.record.key < key:
                self._leave(run)
                run = self._begin(next(runs))
            if found is None:
                self._unreadable[run.record.id] = None
            for each in found or ():
                self._take(run, each)
            done += length
            if progress is not None and done - told >= _EVERY:
                told = done
                progress(min(done, total), total)
        self._leave(run)
        self._trial.finish()
        if progress is not None and total:
            progress(total, total)
        return self._written(own.digest, self._clock.elapsed() - began)

    def _records(self, last: int) -> Iterator[RunOrigin]:
        key = 0
        while records := self._store.read.origins_after(key, limit=_RUNS):
            yield from (record for record in records if record.key <= last)
            key = records[-1].key

    def _begin(self, record: RunOrigin) -> _Run:
        # What a run was forked from is older, and was read before it.
        created = self._created.get(record.forked_from, {}) if record.forked_from is not None else {}
        self._created[record.key] = created
        base = base_of(record)
        self._runs += 1
        return _Run(record, base, subject_in(record, created), self._shelf.with_own(self._own, base))

    def _take(self, run: _Run, told: Told) -> None:
        data = told.data
        if told.type == "command.issued":
            self._issue(run, told.seq, data["kind"], data["arguments"], told)
        elif told.type == "policy.decided":
            number = data["command"]
            run.ids = tuple(data.get("policies", run.ids))
            run.groups = tuple(data["groups"]) if "groups" in data else run.groups
            issued = run.issued.pop(number, None)
            if issued is not None:
                if data.get("decision") == "hold" and "until" not in data:
                    run.held[number] = issued.kind
                self._judge(run, number, issued, data)
        elif told.type == "gate.closed":
            kind = run.held.pop(data["command"], None)
            if kind is not None and "arguments" in data:  # edited: another action, decided about anew
                self._issue(run, data["command"], kind, data["arguments"], told)
        else:
            given = data if told.type == "workflow.created" else data.get("created", {})
            known = self._created[run.record.key]
            self._created[run.record.key] = known | {name: given[name] for name in _GIVEN if name in given}
            run.subject = subject_in(run.record, self._created[run.record.key])
            run.groups = first_groups(self._created[run.record.key])

    def _issue(self, run: _Run, number: int, kind: str, arguments: Json, told: Told) -> None:
        asked = self._asked
        early = asked.since is not None and told.at < asked.since
        if not early and not (asked.until is not None and told.at > asked.until) and kind != COMMAND:
            run.issued[number] = _Issued(kind, arguments, told.at, told.task)

    def _leave(self, run: _Run | None) -> None:
        """The run has no more events: whatever was not decided about is judged by the policies in force."""
        if run is not None:
            for number, issued in run.issued.items():
                self._judge(run, number, issued, None)

    def _judge(self, run: _Run, number: int, issued: _Issued, decided: dict[str, Json] | None) -> None:
        kind, arguments, at, task = issued
        id = run.record.id
        if decided is None:
            self._undecided += 1
        command = Command(number, "", kind, task or "", 0, arguments, None)
        may = run.subject.may
        if may is not None and missing_capability(may, command):  # denied before any policy is asked
            self._trial.actions += 1
            return
        past = decided is not None and self._asked.basis == "recorded"
        request = self._guard.request(command, run.subject, run.groups if past else None)
        decision = run.policies.decide(request)
        if decided is not None and self._asked.basis == "recorded":
            verdict: Verdict = "wait" if "until" in decided else decided.get("decision", "allow")
            before = Said(verdict, run.ids)
        else:
            before = self._said_now(run, request)
        action = Action(id, number, at, request.action, request.resource_type, request.resource)
        self._trial.take(action, before, said(decision, request, id), decision.warnings)

    def _said_now(self, run: _Run, request: Request) -> Said:
        try:
            policies = self._shelf.in_force(run.base)
        except PolicyInvalid as wrong:
            return Said("deny", reason=UNREADABLE + wrong.message)
        return said(policies.decide(request), request, run.record.id)

    def _written(self, digest: str, seconds: float) -> TryReport:
        trial, limit = self._trial, self._asked.limit
        changes = tuple(_change(kind, group) for kind, group in islice(trial.largest(), limit))
        warned = sorted(trial.warned.items(), key=lambda each: (-each[1].count, each[0]))
        return TryReport(
            digest=digest,
            basis=self._asked.basis,
            runs=self._runs,
            actions=trial.actions,
            undecided=self._undecided,
            changed=trial.changed,
            groups=len(trial.groups),
            changes=changes,
            warnings=tuple(
                WarningCount(id, action, group.count, group.first.run, group.first.command)
                for (id, action), group in warned[:limit]
            ),
            unreadable=tuple(self._unreadable)[:limit],
            seconds=seconds,
        )


_GIVEN: Final = ("requester", "may", "behaviour", "parent")
"""What policies are told of what a run was created with."""


def _change(kind: Kind, group: Group) -> VerdictChange:
    return VerdictChange(
        before=kind.before,
        after=kind.after,
        action=kind.action,
        resource_type=kind.resource_type,
        resource=kind.resource,
        by=kind.policies,
        was_by=kind.policies_before,
        count=group.count,
        run=group.first.run,
        command=group.first.command,
        reason=group.reason,
    )
