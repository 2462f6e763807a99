"""What a node lets a command do: capabilities of its run, then the policies in force, then the counts of rate gates."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from reach_workbench.clock import Clock
from reach_workbench.engine.approving import COMMAND, asked
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.commands import Command
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, PolicyInvalid
from reach_workbench.policy.actions import ACTIONS, UNPERFORMED
from reach_workbench.policy.errands import errands, strictest
from reach_workbench.policy.shipped import PROGRAMS
from reach_workbench.runner.noting import EffectNotes
from reach_workbench.settings import Settings
from reach_workbench.storage.gates import put_policies
from reach_workbench.storage.reader import SEQ_BEYOND
from reach_workbench.storage.records import ApprovalRecord, GateRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

if TYPE_CHECKING:
    from reach_workbench.policy.decision import Decision
    from reach_workbench.policy.policyset import PolicySet
    from reach_workbench.policy.request import Request
    from reach_workbench.policy.terms import ApprovalTerms
    from reach_workbench.runner.rates import Rates
    from reach_workbench.runner.shelf import Changed, PolicyShelf

_AGAIN: Final = 1_000
"""Milliseconds until policies that can't be read are looked for again."""

LACKING: Final = "the run was not given the capability "
UNREADABLE: Final = "no policy can be read: "
"""How the reasons of denials begin for which no policy was asked."""

_KNOWN: Final = 4_096
"""Rulings remembered: those that depend on nothing but who does what with which thing."""

SAMPLES: Final = Path(__file__).resolve().parents[2] / "workflows"
"""Where the samples that came with Reach lie."""

_SHIPPED: Final = frozenset(digest for each in PROGRAMS.values() for digest in each.values())

Verdict = Literal["allow", "hold", "deny", "wait"]


class Ruling(NamedTuple):
    """What is to become of a command.

    `policies` are the ids of those that decided, `policy` the digest of all in force. `terms` are what lifts the
    gate of `hold`; `wait` is for a rate gate, to be asked again at `until`. `counts` are, with `allow`, the counts
    of rate gates to be kept with what starts the effect. `reason` says why it is denied.
    """

    verdict: Verdict
    policies: tuple[str, ...] = ()
    policy: str = ""
    terms: ApprovalTerms | None = None
    until: int | None = None
    counts: tuple[tuple[str, list[int]], ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str | None = None


class Subject(NamedTuple):
    """What policies are told about a run."""

    requester: str
    run: str
    workflow: str
    version: str
    program: str
    may: tuple[str, ...] | None
    origin: str = ""


@dataclass(slots=True)
class Known:
    """What is known of one run to be allowed whatever its commands are given, while nothing changes.

    `resources` are the things, by the kind of command, that `policies` allow; it counts until `until`, when the files
    are looked at again, and for one `version` of the files and of who is in which group.
    """

    until: float = 0.0
    version: tuple[int, int] = (-1, -1)
    policies: list[str] | None = None
    resources: set[tuple[str, str]] = field(default_factory=set)


class Guard:
    """One for a node."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._shelf: PolicyShelf | None = None
        self._rates: Rates | None = None
        self._kept: dict[frozenset[str], str] = {}
        self.notes = EffectNotes(settings.audit)
        self._known: dict[tuple[Hashable, ...], Ruling] = {}
        self._groups: dict[str, tuple[str, ...]] | None = None
        self._version = 0

    @property
    def shelf(self) -> PolicyShelf:
        """The policy files; Cedar is loaded when the first command has to be decided about."""
        if self._shelf is None:
            from reach_workbench.runner.shelf import PolicyShelf

            self._shelf = PolicyShelf(self._settings, self._store, self._clock)
        return self._shelf

    @property
    def rates(self) -> Rates:
        """What rate gates have counted."""
        if self._rates is None:
            from reach_workbench.runner.rates import Rates

            self._rates = Rates(self._store, self._clock)
        return self._rates

    def rule(self, state: State, command: Command, base: Path, subject: Subject, memory: Known) -> Ruling:
        """Decide about a command of a run whose workflow lies in `base`. An `allow` takes the counts of rate gates.

        `memory` learns what the run is allowed whatever it is given.
        """
        missing = missing_capability(subject.may, command)
        if missing is not None:
            return Ruling("deny", reason=LACKING + missing)
        if command.kind == COMMAND:
            return _asked(command)
        try:
            policies = self.shelf.in_force(base)
        except PolicyInvalid as wrong:
            return Ruling("deny", reason=f"{UNREADABLE}{wrong.message} ({wrong.where})")
        groups = self.groups_of(subject.requester)
        action = ACTIONS.get(command.kind)
        resource = action.resource(command.arguments) if action is not None else ""
        key = (policies, subject.requester, groups, command.kind, resource)
        others = errands(command.kind, command.arguments)
        known = self._known.get(key) if not others else None
        if known is not None:
            if subject.may is None:
                self._learn(memory, base, command, resource, known)
            return known
        request = self.request(command, subject)
        decision = self._decided(policies, request, command, subject, others)
        ruling = self._ruling(decision, request, state, command.number, policies)
        if ruling.verdict == "allow" and not decision.rates and not others and not policies.reads_context(request):
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[key] = ruling
            if subject.may is None:
                self._learn(memory, base, command, resource, ruling)
        return ruling

    def still(
        self, command: Command, base: Path, subject: Subject, policy: str | None, approved: Callable[[str], bool]
    ) -> Ruling | None:
        """Whether a command that was allowed before it is begun may be begun now: `allow`, with its counts, or `wait`.

        None when it is to be decided about afresh: other policies than `policy` are in force and no gate let it go on,
        they forbid it now, or they hold it and it was not `approved` under those with that digest.
        """
        if missing_capability(subject.may, command) is not None or command.kind == COMMAND:
            return None
        try:
            policies = self.shelf.in_force(base)
        except PolicyInvalid:
            return Ruling("wait", until=self._clock.now() + _AGAIN)
        request = self.request(command, subject)
        decision = self._decided(policies, request, command, subject)
        if decision.verdict == "deny" or (decision.verdict == "hold" and not approved(policies.digest)):
            return None
        if decision.verdict == "allow" and policy != policies.digest:
            return None
        return self._room(decision, request, subject.run, command.number) if decision.rates else Ruling("allow")

    def holds(self, command: Command, base: Path, subject: Subject) -> Ruling:
        """What is decided about a command now, without regard to rate gates, and with nothing counted.

        Raises PolicyInvalid when no policies can be read.
        """
        if command.kind == COMMAND:
            return _asked(command)
        policies = self.shelf.in_force(base)
        decision = self._decided(policies, self.request(command, subject), command, subject)
        return Ruling(decision.verdict, decision.policies, policies.digest, terms=decision.approval)

    def _decided(
        self,
        policies: PolicySet,
        request: Request,
        command: Command,
        subject: Subject,
        others: Sequence[Json] | None = None,
    ) -> Decision:
        """The decision on a command and on all that it does on its way: to hand over a secret for a token is one."""
        decision = policies.decide(request)
        for arguments in errands(command.kind, command.arguments) if others is None else others:
            also = policies.decide(self.request(command._replace(arguments=arguments), subject))
            decision = strictest(decision, also)
        return decision

    def was_approved_here(self, run: str, number: int) -> str | None:
        """The gate of that command that was approved last, by what this node's own audit log says.

        A history that came from elsewhere may tell of approvals that nobody here has weighed.
        """
        last = SEQ_BEYOND
        while found := self._store.read.audit_newest(run=run, type="gate.approved", before=last):
            for record in found:
                if record.payload["command"] == number:
                    return str(record.payload["gate"])
            last = found[-1].id
        return None

    def approvals(self, gate: str) -> tuple[GateRecord, tuple[ApprovalRecord, ...]]:
        """A gate, and what reviewers said about it."""
        return self._store.read.gate(gate), self._store.read.approvals(gate)

    def has_run(self, run: str) -> bool:
        """Whether there is a run of that id."""
        return self._store.read.has_run(run)

    def leave(self, run: str, number: int) -> None:
        """The command no longer waits for a rate gate."""
        if self._rates is not None:
            self._rates.leave((run, number))

    def request(self, command: Command, subject: Subject, groups: tuple[str, ...] | None = None) -> Request:
        """The command as policies see it; the requester is in these groups, or in those of now with None."""
        from reach_workbench.policy.request import request_of

        requester, run, workflow, version, program, _, origin = subject
        return request_of(
            command.kind,
            command.arguments,
            requester=requester,
            groups=self.groups_of(requester) if groups is None else groups,
            run=run,
            workflow=workflow,
            version=version,
            program=program,
            task=command.task,
            tenant="local",
            origin=origin,
        )

    def subject(self, state: State, base: Path) -> Subject:
        """What policies are told about a run whose workflow lies in `base`."""
        program, may = state.program, state.created.get("may")
        origin = origin_of(program.digest, base, state.created)
        if origin and any(self._came(run) for run in (state.run, state.created["run"])):
            origin = ""
        name = f"{program.namespace}/{program.name}"
        capabilities = tuple(may) if may is not None else None
        return Subject(requester_of(state), state.run, name, program.version, program.digest, capabilities, origin)

    def _came(self, run: str) -> bool:
        """Whether the run was imported: it lies in no folder of its own."""
        return self._store.read.has_run(run) and self._store.read.run(run).base is None

    def groups_of(self, name: str) -> tuple[str, ...]:
        """The groups that a person is in: those that the keys of that name may decide for."""
        if self._groups is None:
            found: dict[str, set[str]] = {}
            for reviewer in self._store.read.reviewers():
                if reviewer.revoked_at is None:
                    found.setdefault(reviewer.name, set()).update(reviewer.groups)
            self._groups = {name: tuple(sorted(groups)) for name, groups in found.items()}
        return self._groups.get(name, ())

    def forget_groups(self) -> None:
        """Reviewers have changed: look again who is in which group."""
        self._groups = None
        self._version += 1

    def allows(self, known: Known, command: Command) -> bool:
        """Whether it is allowed as one before it was, and nothing has been changed since."""
        if not known.resources or known.version != self._edition() or self._clock.elapsed() >= known.until:
            return False
        if errands(command.kind, command.arguments):
            return False
        action = ACTIONS.get(command.kind)
        return action is not None and (command.kind, action.resource(command.arguments)) in known.resources

    def _edition(self) -> tuple[int, int]:
        return self._version, self.shelf.edition

    def _learn(self, known: Known, base: Path, command: Command, resource: str, ruling: Ruling) -> None:
        policies, until = list(ruling.policies), self.shelf.fresh_until(base)
        if (known.version, known.until, known.policies) != (self._edition(), until, policies):
            known.version, known.until, known.policies = self._edition(), until, policies
            known.resources.clear()
        known.resources.add((command.kind, resource))

    def keep_policies(self, digest: str, writes: list[Callable[[Unit], None]]) -> None:
        """Have the texts of the policies with that digest kept by the next unit: those last in force of their files."""
        policies = self.shelf.by_digest(digest)
        if policies is not None and self._kept.get(names := frozenset(policies.files)) != digest:
            self._kept[names] = digest
            now = self._clock.now()
            writes.append(lambda unit: put_policies(unit, digest, policies.files, at=now))

    def keep_changes(self, writes: list[Callable[[Unit], None]], *, by: str | None = None) -> None:
        """Have the next unit audit that other policies are in force, and keep their texts.

        `by` is who changed them through the node; without it the files were changed by hand.
        """
        if self._shelf is None or not self._shelf.changes:
            return
        changes, self._shelf.changes = self._shelf.changes, []
        writes += [partial(_note_change, each, by, self._clock.now()) for each in changes]

    def _ruling(self, decision: Decision, request: Request, state: State, number: int, policies: PolicySet) -> Ruling:
        verdict: Verdict = decision.verdict
        digest = policies.digest
        given = (decision.policies, digest)
        if verdict == "deny":
            from reach_workbench.policy.describing import refusal

            reason = decision.error or refusal(policies.policies, decision.policies)
            if self.shelf.problems:
                wrong = self.shelf.problems[0]
                reason += f"; the newest policy file has errors and is not in force ({wrong.where}: {wrong.message})"
            return Ruling("deny", *given, warnings=decision.warnings, reason=reason)
        if verdict == "hold":
            return Ruling("hold", *given, terms=decision.approval, warnings=decision.warnings)
        if decision.rates:
            return self._room(decision, request, state.run, number)._replace(
                policies=decision.policies, policy=digest, warnings=decision.warnings
            )
        return Ruling("allow", *given, warnings=decision.warnings)

    def _room(self, decision: Decision, request: Request, run: str, number: int) -> Ruling:
        from reach_workbench.policy.windows import count_of

        counted = [(count_of(id, terms, request, run, "local"), terms) for id, terms in decision.rates]
        until = self.rates.ask((run, number), counted)
        if until is not None:
            return Ruling("wait", until=until)
        return Ruling("allow", counts=self.rates.take((run, number), counted))


def _note_change(changed: Changed, by: str | None, at: int, unit: Unit) -> None:
    policies = changed.policies
    said: dict[str, Json] = {"before": changed.before, "after": policies.digest, "files": sorted(policies.files)}
    if changed.workspace is not None:
        said["workspace"] = str(changed.workspace)
    if by is not None:
        said["by"] = by
    unit.audit("policy.changed", said, at=at)
    put_policies(unit, policies.digest, policies.files, at=at)


def requester_of(state: State) -> str:
    """Who asked for the run; runs of before there were policies belong to whoever is at the machine."""
    return str(state.created.get("requester") or "local")


def origin_of(program: str, base: Path | None, created: Mapping[str, Json]) -> str:
    """`sample` for the very document that came with Reach, where it came, run by nobody else's workflow.

    A copy in another folder is none: what its commands do depends on the files beside it, and on what it is given.
    """
    is_one = base == SAMPLES and created.get("parent") is None and program in _SHIPPED
    return "sample" if is_one else ""


def action_digest(command: Command) -> str:
    """What an approval is bound to: SHA-256 in hex over the canonical JSON of kind and arguments."""
    return sha256(canonical({"kind": command.kind, "arguments": command.arguments})).hexdigest()


def capability_of(command: Command) -> str:
    """The narrowest capability that covers the command."""
    from reach_workbench.policy.request import request_of

    resource = request_of(
        command.kind,
        command.arguments,
        requester="",
        groups=(),
        run="",
        workflow="",
        version="",
        program="",
        task="",
        tenant="",
    ).resource
    return f"{command.kind}:{resource}"


def check_capabilities(capabilities: Iterable[str]) -> None:
    """Raises BadInput for one that could never cover a command."""
    for capability in capabilities:
        kind, colon, resource = capability.partition(":")
        kinds = [each for each in (*ACTIONS, COMMAND) if each not in UNPERFORMED]
        if kind not in kinds:
            close = get_close_matches(kind, kinds, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(kinds)}"
            raise BadInput(f"no command is of the kind {kind!r}", where=f"capability {capability!r}", hint=hint)
        if colon and not resource:
            raise BadInput(
                f"the capability {capability!r} names no resource",
                hint=f"write {kind}:RESOURCE, or {kind} alone for all of that kind",
            )


def missing_capability(capabilities: tuple[str, ...] | None, command: Command) -> str | None:
    """The capability that the command lacks; None when `KIND` or `KIND:RESOURCE` covers it, or all were given."""
    if capabilities is None or command.kind in capabilities:
        return None
    for arguments in (command.arguments, *errands(command.kind, command.arguments)):
        wanted = capability_of(command._replace(arguments=arguments))
        if wanted not in capabilities:
            return wanted
    return None


def _asked(command: Command) -> Ruling:
    """The gate that a workflow asks for itself."""
    from reach_workbench.policy.terms import ApprovalTerms

    wanted = asked(command.arguments)
    terms = ApprovalTerms(
        quorum=wanted.quorum,
        groups=wanted.groups,
        self_approval=wanted.self_approval,
        expires_ms=wanted.expires_ms,
        risk="high" if wanted.high_risk else "normal",
    )
    return Ruling("hold", ("workflow",), "", terms=terms)
