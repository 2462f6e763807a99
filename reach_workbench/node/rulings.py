"""What was decided about the commands of a run, why, and what the policies of now would say."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from reach_workbench.engine.approving import COMMAND
from reach_workbench.engine.commands import Command
from reach_workbench.engine.values import Json
from reach_workbench.errors import NotFound, PolicyInvalid
from reach_workbench.node.policyviews import judgement
from reach_workbench.policy.context import Context
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.policy.request import Request
from reach_workbench.protocol.policies import CommandRuling, DecisionView, GateNote, Judgement, RequestView, Ruled
from reach_workbench.runner.guard import LACKING, UNREADABLE, Guard, Subject, missing_capability, origin_of
from reach_workbench.runner.loading import base_of
from reach_workbench.storage.records import RunOrigin, RunRecord
from reach_workbench.storage.searching import Needle, Told
from reach_workbench.storage.store import Store

TOLD: Final = Needle(
    types=frozenset({"workflow.created", "workflow.forked", "command.issued", "policy.decided", "gate.closed"})
)
"""What is read of a history to know what was decided in it."""

_WITH_GATES: Final = Needle(types=frozenset({*(TOLD.types or ()), "gate.opened"}))


@dataclass(slots=True)
class _Story:
    """What is known of one command."""

    number: int
    at: int
    task: str | None
    kind: str
    arguments: Json
    owner: int
    groups: tuple[str, ...] | None = None
    """Those that the requester was in at the last decision; None where that is not known."""

    decisions: list[DecisionView] = field(default_factory=list)
    gates: list[GateNote] = field(default_factory=list)


def explain(store: Store, guard: Guard, record: RunRecord, command: int | None) -> list[CommandRuling]:
    """See `protocol.Node.explain_policy`. Raises NotFound for a command that the run has not."""
    created: dict[str, Json] = {}
    stories: dict[int, _Story] = {}
    digest: str | None = None
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    owners = store.read.lineage(record.key)
    for chunk in store.read.sifted(record.key, _WITH_GATES):
        for told in chunk:
            data = told.data
            if told.type == "workflow.created":
                created = data
                groups = first_groups(created)
            elif told.type == "workflow.forked":
                created = {**created, **data.get("created", {})}
                digest, ids, groups = None, (), first_groups(created)
            elif told.type == "command.issued":
                owner = next(key for key, _, first, last in owners if first < told.seq <= last)
                stories[told.seq] = _Story(told.seq, told.at, told.task, data["kind"], data["arguments"], owner)
            else:
                if told.type == "policy.decided":
                    digest, ids = data.get("policy", digest), tuple(data.get("policies", ids))
                    groups = tuple(data["groups"]) if "groups" in data else groups
                story = stories.get(data["command"])
                if story is not None:
                    story.groups = groups if told.type == "policy.decided" else story.groups
                    _add(story, told, digest, ids)
    if command is not None and command not in stories:
        known = ", ".join(map(str, list(stories)[:20])) or "none"
        raise NotFound(f"run {record.id} has no command {command}", hint=f"its commands: {known}")
    wanted = stories.values() if command is None else (stories[command],)
    return [_ruling(store, guard, record, created, story) for story in wanted]


def _add(story: _Story, told: Told, digest: str | None, ids: tuple[str, ...]) -> None:
    data = told.data
    if told.type == "policy.decided":
        verdict: Ruled = "wait" if "until" in data else data.get("decision", "allow")
        warnings = tuple(data.get("warnings") or ())
        reason = data.get("reason")
        asked = story.kind != COMMAND and not str(reason).startswith((LACKING, UNREADABLE))
        of = digest if asked else None
        said = DecisionView(told.seq, told.at, verdict, ids, of, warnings, reason, data.get("until"))
        story.decisions.append(said)
    elif told.type == "gate.opened":
        story.gates.append(GateNote(data["gate"], told.at))
    else:
        opened = next((note for note in story.gates if note.gate == data["gate"]), None)
        by = tuple(str(each["reviewer"]) for each in data.get("approvals") or ())
        edited = "arguments" in data
        closed = GateNote(
            data["gate"],
            opened.opened_at if opened else told.at,
            data["outcome"],
            told.at,
            by,
            data.get("reason"),
            edited,
        )
        story.gates = [note for note in story.gates if note is not opened] + [closed]
        if edited:
            story.arguments = data["arguments"]


def _ruling(store: Store, guard: Guard, record: RunRecord, created: dict[str, Json], story: _Story) -> CommandRuling:
    run = record if story.owner == record.key else store.read.run_by_key(story.owner)
    subject = subject_in(run, created)
    command = Command(story.number, f"{run.id}:{story.number}", story.kind, story.task or "", 0, story.arguments, None)
    request = guard.request(command, subject, story.groups)
    last = story.decisions[-1] if story.decisions else None
    then = _then(store, last.digest, request) if last is not None and last.digest else None
    return CommandRuling(
        run=record.id,
        command=story.number,
        at=story.at,
        kind=story.kind,
        task=story.task,
        arguments=story.arguments,
        request=request_view(request),
        decisions=tuple(story.decisions),
        gates=tuple(story.gates),
        then=then,
        now=_now(guard, run, command, subject),
    )


def first_groups(created: dict[str, Json]) -> tuple[str, ...] | None:
    """The groups of a run's requester before a decision tells of any; None for runs of when none did."""
    return () if created.get("behaviour") else None


def subject_in(run: RunRecord | RunOrigin, created: dict[str, Json]) -> Subject:
    """What policies were told about a run of which only the record and what it was created with is at hand."""
    may = created.get("may")
    return Subject(
        str(created.get("requester") or "local"),
        run.id,
        f"{run.namespace}/{run.name}",
        run.version,
        run.program,
        tuple(may) if may is not None else None,
        origin_of(run.program, run.base, created),
    )


def request_view(request: Request) -> RequestView:
    context = request.context.plain() if isinstance(request.context, Context) else dict(request.context)
    return RequestView(
        request.principal, request.groups, request.action, request.resource_type, request.resource, context
    )


def _then(store: Store, digest: str, request: Request) -> Judgement | None:
    policies = _kept(store, digest)
    return judgement(policies, request) if policies is not None else None


@lru_cache(maxsize=16)
def _kept(store: Store, digest: str) -> PolicySet | None:
    """Policies of before, if their texts are kept and still are policies."""
    try:
        return load(store.read.policies(digest).files).policies
    except NotFound:
        return None


def _now(guard: Guard, run: RunRecord, command: Command, subject: Subject) -> Judgement:
    missing = missing_capability(subject.may, command)
    if missing is not None:
        return Judgement("deny", None, reason=LACKING + missing)
    if command.kind == COMMAND:
        return Judgement("hold", None, reason="the workflow itself asks for an approval")
    try:
        return judgement(guard.shelf.in_force(base_of(run)), guard.request(command, subject))
    except PolicyInvalid as wrong:
        return Judgement("deny", None, reason=f"{UNREADABLE}{wrong.message} ({wrong.where})")
