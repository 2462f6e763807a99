"""Policies as they are shown: those in force, what they decided about a command and why, what others would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json
from reach_workbench.protocol.gates import GateTerms

Ruled = Literal["allow", "hold", "wait", "deny"]
"""What is to become of a command. `wait`: a rate gate has no free place yet; it goes on by itself."""

Basis = Literal["recorded", "now"]
"""What a trial compares with: what was decided at the time, or what the policies in force would say now."""

GROUPS_MOST: Final = 1_000
"""Groups of changes in one report at most."""


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One policy. `covers` says in words what its head speaks about, `asks` what its gate asks for."""

    id: str
    file: str
    line: int
    effect: Literal["permit", "forbid"]
    mode: Literal["enforce", "warn"]
    gate: Literal["approval", "rate"] | None
    covers: str
    asks: str | None
    reason: str | None
    text: str

    @property
    def kind(self) -> str:
        """In a word: `permit`, `forbid`, `gate` or `rate`, with a question mark where it only warns."""
        word = {"approval": "gate", "rate": "rate"}.get(self.gate or "", self.effect)
        return f"{word}?" if self.mode == "warn" else word


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A file that is in force. `path` is None for the built-in policy, `workspace` the folder whose file it is."""

    name: str
    text: str
    path: str | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """What is wrong with a file, so that the text before it is still in force."""

    message: str
    where: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """The policies in force. `file` is where the tenant's own are written, and `digest` those without a workspace's.

    `text` is that of the file as it is now, the built-in policy's while there is none; it is not in force while
    `problems` tell of it. Workspaces are those that lie above workflows which this node has run since it began.
    """

    file: str
    text: str
    digest: str | None
    builtin: bool
    files: tuple[PolicyFile, ...]
    policies: tuple[PolicyView, ...]
    problems: tuple[PolicyProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyCheck:
    """What is to be said about a text before it is in force: all findings, and the policies if none is an error."""

    diagnostics: tuple[Diagnostic, ...]
    policies: tuple[PolicyView, ...] = ()
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case of a file of cases, decided. `expected` and `given` are in words; `error` is why there is no more."""

    file: str
    name: str
    passed: bool
    expected: str
    given: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RequestView:
    """A command as policies see it."""

    principal: str
    groups: tuple[str, ...]
    action: str
    resource_type: str
    resource: str
    context: Json


@dataclass(frozen=True, slots=True)
class Without:
    """What would be decided if those policies were not there, and by which."""

    policies: tuple[str, ...]
    verdict: Ruled
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What policies say about a command. `policies` are those that decided, `warnings` those that only warn.

    `digest` is that of all that were in force; `reason` says why it is denied. `gate` is what lifts a hold, in words
    `asks`; `rates` are rate gates that apply. `without` says what would change it.
    """

    verdict: Ruled
    digest: str | None
    policies: tuple[PolicyView, ...] = ()
    warnings: tuple[PolicyView, ...] = ()
    reason: str | None = None
    gate: GateTerms | None = None
    asks: str | None = None
    rates: tuple[str, ...] = ()
    without: tuple[Without, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision as it was recorded: event `seq` of the run. `until` is when a rate gate was to be asked again."""

    seq: int
    at: int
    verdict: Ruled
    policies: tuple[str, ...]
    digest: str | None
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class GateNote:
    """What became of a gate of a command: its outcome, by whom, and whether the action was edited."""

    gate: str
    opened_at: int
    outcome: str | None = None
    closed_at: int | None = None
    by: tuple[str, ...] = ()
    reason: str | None = None
    edited: bool = False


@dataclass(frozen=True, slots=True)
class CommandRuling:
    """What was decided about one command of a run, and why; see `Judgement`.

    `then` is what the policies say that decided last, None when none did, or when their texts are not kept; `now` is
    what those in force would say. `arguments` are the last ones, as a reviewer may have edited them.
    """

    run: str
    command: int
    at: int
    kind: str
    task: str | None
    arguments: Json
    request: RequestView
    decisions: tuple[DecisionView, ...]
    gates: tuple[GateNote, ...]
    then: Judgement | None
    now: Judgement


@dataclass(frozen=True, slots=True)
class TryPolicies:
    """Policies to be tried on the actions of the past, in the place of the tenant's own; workspaces keep theirs.

    `files` maps names to texts. Only actions from `since` up to `until` (milliseconds since 1970) are asked about;
    `limit` is for the groups of changes that are listed.
    """

    files: Mapping[str, str]
    basis: Basis = "recorded"
    since: int | None = None
    until: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """Actions whose verdict would be another one; `run` and `command` are the first of them.

    `by` are the policies that decide in the new policies, `was_by` those that did before; `reason` is an error's.
    """

    before: Ruled
    after: Ruled
    action: str
    resource_type: str
    resource: str
    by: tuple[str, ...]
    was_by: tuple[str, ...]
    count: int
    run: str
    command: int
    reason: str | None = None

    @property
    def example(self) -> str:
        return f"{self.run}:{self.command}"


@dataclass(frozen=True, slots=True)
class WarningCount:
    """How many actions a policy of mode warn would have spoken about; `run` and `command` are the first of them."""

    policy: str
    action: str
    count: int
    run: str
    command: int


@dataclass(frozen=True, slots=True)
class TryReport:
    """What other policies would change about `actions` recorded actions of `runs` runs; the largest groups first.

    `changed` counts actions and `groups` their groups, of which `changes` may be a part. `undecided` actions had no
    decision on record and were judged by the policies in force. `unreadable` runs could not be read whole.
    """

    digest: str
    basis: Basis
    runs: int
    actions: int
    undecided: int
    changed: int
    groups: int
    changes: tuple[VerdictChange, ...]
    warnings: tuple[WarningCount, ...]
    unreadable: tuple[str, ...]
    seconds: float


def without_said(without: Without) -> str:
    """In words: `without "shells" it would be allowed by everything`."""
    named = " and ".join(f'"{id}"' for id in without.policies)
    verdict = {"allow": "allowed", "hold": "held", "wait": "kept waiting", "deny": "denied"}[without.verdict]
    if without.by:
        return f"without {named} it would be {verdict} by {', '.join(without.by)}"
    return f"without {named} it would be {verdict}" + (": nothing permits it" if without.verdict == "deny" else "")
