"""Held actions at a node: who may decide, what a verdict has to prove, and when a gate has what it asks for."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.effects.checking import flaw
from reach_workbench.engine.approving import check_answer
from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import reveal
from reach_workbench.engine.state import State
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import (
    ApprovalRefused,
    AuditDamaged,
    BadInput,
    EvidenceDamaged,
    GateClosed,
    NotFound,
    ReachError,
)
from reach_workbench.evidence.approval import Approval, SignedApproval, check
from reach_workbench.keys.ed25519 import key_id
from reach_workbench.protocol.gates import (
    APPROVAL_STEP,
    GateState,
    GateTerms,
    GateView,
    HoldingPolicy,
    SignedVerdict,
    VerdictView,
    approval_of,
)
from reach_workbench.protocol.reviewing import another_key
from reach_workbench.runner.loading import base_of, load_state
from reach_workbench.runner.permits import written_terms
from reach_workbench.runner.proving import approvers_of, lacking, lent_groups, not_to_decide, output_of
from reach_workbench.runner.runner import Runner
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, last_pins
from reach_workbench.storage.gates import give_approval
from reach_workbench.storage.records import ApprovalRecord, GateRecord, ReviewerRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit
from reach_workbench.telemetry.crashpoints import crash_point

_OUTCOMES: Final = {"approve": "approved", "deny": "denied"}
_PORTION: Final = 100
_NEEDED: Final = {
    "function.call": ("function",),
    "workflow.run": ("process", "await", "return"),
    "event.emit": ("type", "id", "source", "specversion"),
}
_TARGETS: Final = ("endpoint", "method", "document", "operationId", "process", "command", "image")
"""Members that say what an action is about: without one of them it is none that a policy was written for."""


def views(store: Store, state: GateState, run: str | None, limit: int, after: str | None) -> list[GateView]:
    """See `protocol.Node.gates`."""
    if run is not None:
        name = store.read.run(run).id
        found = [gate for gate in reversed(store.read.gates_of(name)) if state in ("all", _state(gate))][:limit]
    elif state == "open":
        found = list(store.read.open_gates(limit=limit, after=store.read.gate(after) if after else None))
    else:
        before = store.read.gate(after).opened_at if after else 1 << 60
        found = list(store.read.closed_gates(limit=limit, before=before))
        if state == "all" and not after:
            found = [*reversed(store.read.open_gates(limit=limit)), *found][:limit]
    return [gate_view(store, gate) for gate in found]


def _state(gate: GateRecord) -> GateState:
    return "open" if gate.outcome is None else "closed"


def gate_view(store: Store, gate: GateRecord, *, whole: bool = False) -> GateView:
    """The view of a held action; `whole` with the texts of the policies that hold it."""
    approvals = store.read.approvals(gate.id)
    terms = GateTerms(
        quorum=gate.terms["quorum"],
        groups=tuple(gate.terms["groups"]),
        self_approval=gate.terms["self"],
        otherwise=gate.terms["otherwise"],
        risk=gate.terms["risk"],
        editors=tuple(gate.terms.get("not", ())),
    )
    missing, void = None, {}
    if gate.outcome is None:
        void = _void(store, approvals)
        counting = [_written(each) for each in _counting(store, gate)]
        wrong = lacking(gate.terms, gate.requester, approvers_of(counting), gate.id)
        missing = wrong.message if wrong is not None else None
    return GateView(
        id=gate.id,
        run=gate.run,
        command=gate.command,
        task=gate.task,
        workflow=gate.workflow,
        kind=gate.kind,
        arguments=gate.arguments,
        digest=gate.digest,
        requester=gate.requester,
        policy=gate.policy,
        policies=gate.policies,
        terms=terms,
        nonce=gate.nonce,
        opened_at=gate.opened_at,
        expires_at=gate.expires_at,
        outcome=gate.outcome,
        closed_at=gate.closed_at,
        reason=gate.reason,
        missing=missing,
        verdicts=tuple(
            VerdictView(
                each.reviewer,
                each.verdict,
                each.groups,
                each.reason,
                each.at,
                key_id(each.public_key),
                _taker(each),
                void.get(each.public_key),
            )
            for each in approvals
        ),
        holding=_holding(store, gate.policy, gate.policies) if whole else (),
    )


@lru_cache(maxsize=64)
def _holding(store: Store, digest: str, ids: tuple[str, ...]) -> tuple[HoldingPolicy, ...]:
    from reach_workbench.policy.policyset import load
    from reach_workbench.policy.terms import RateTerms

    try:
        policies = load(store.read.policies(digest).files).policies
    except NotFound:
        return ()
    known = {policy.id: policy for policy in policies.policies} if policies is not None else {}
    found = [known[id] for id in ids if id in known]
    return tuple(
        HoldingPolicy(each.id, each.text, each.annotations.get("reason"), isinstance(each.terms, RateTerms))
        for each in found
    )


async def decide(runner: Runner, store: Store, clock: Clock, name: str, verdict: SignedVerdict) -> GateRecord:
    """Take a verdict, and close the gate once it has what it asks for. Raises GateClosed or ApprovalRefused."""
    gate = _open_gate(store, name)
    await _refuse_expired(runner, store, clock, gate)
    reviewer, approval = _signed(store, gate, verdict)
    await _refuse_other_policy(runner, store, clock, gate)
    _refuse_unentitled(gate, reviewer, store)
    _refuse_wrong_answer(gate, approval, store)
    await settle(runner, store, clock, gate)
    now = clock.now()
    record = ApprovalRecord(
        gate=gate.id,
        reviewer=reviewer.name,
        tenant=gate.tenant,
        verdict=approval.verdict,
        groups=reviewer.groups,
        public_key=reviewer.public_key,
        body=verdict.body.encode(),
        signature=b64decode(verdict.signature),
        reason=approval.reason,
        at=now,
    )
    unit = Unit()
    give_approval(unit, record)
    said = {"gate": gate.id, "reviewer": reviewer.name, "verdict": approval.verdict, "key": verdict.key}
    unit.audit("gate.verdict", {**said, "reason": approval.reason}, at=now, run=gate.run)
    await store.commit(unit)
    crash_point("gating.before-close")
    await settle(runner, store, clock, gate)
    after = store.read.gate(gate.id)
    if after.outcome is not None and after.outcome != _OUTCOMES.get(approval.verdict, after.outcome):
        raise GateClosed(
            f"gate {gate.id} was {after.outcome} at the same moment: this verdict came too late to count",
            hint="it stands in the gate's history",
        )
    return after


async def settle(runner: Runner, store: Store, clock: Clock, gate: GateRecord) -> None:
    """Close the gate when a reviewer has denied, or when it has all the approvals that it asks for."""
    approvals = _counting(store, gate)
    written = [_written(each) for each in approvals]
    denied = [each for each in approvals if each.verdict == "deny"]
    data: dict[str, Json] = {"command": gate.command, "gate": gate.id}
    if denied:
        data |= {"outcome": "denied", "approvals": [_written(each) for each in denied]}
        if denied[0].reason:
            data["reason"] = denied[0].reason
    elif lacking(gate.terms, gate.requester, approvers_of(written), gate.id) is None:
        data |= {"outcome": "approved", "approvals": written}
        if gate.kind == APPROVAL_STEP:
            data["output"] = output_of(written)
    else:
        return
    await runner.tell(store.read.run(gate.run), Fact("gate.closed", clock.now(), data))


async def recover(runner: Runner, store: Store, clock: Clock, settings: Settings) -> None:
    """Close the gates that had what they ask for when the process before this one died."""
    try:
        refuse_restored(store, settings)
    except AuditDamaged:
        return  # whoever decides is told
    after: GateRecord | None = None
    while found := store.read.open_gates(limit=_PORTION, after=after):
        for gate in found:
            if not store.read.approvals(gate.id):
                continue
            try:
                await _refuse_expired(runner, store, clock, gate)
                await _refuse_other_policy(runner, store, clock, gate)
                await settle(runner, store, clock, gate)
            except ReachError:
                continue  # it has another outcome, or goes on waiting; a run that is damaged keeps no node shut
        after = found[-1]


def refuse_restored(store: Store, settings: Settings) -> None:
    """Raises AuditDamaged for a database that is older than a checkpoint of its audit log.

    Its gates may have been approved, and their actions performed, after it was copied.
    """
    size = store.read.audit_head().tree.size
    for pin in last_pins(file_of(settings)):
        if pin.signed is not None and pin.signed.checkpoint.size > size:
            raise AuditDamaged(
                f"an older copy of the database was put in its place: checkpoint {pin.number} vouches for "
                f"{pin.signed.checkpoint.size:,} records of its audit log, and it has {size:,}",
                where=str(store.file),
                hint="what is held here may have been approved and performed since: put the newer database back. "
                "`reach audit verify` tells what is missing; where it is lost for good, move the file "
                f"{file_of(settings)} away once you know what was performed",
            )


def _counting(store: Store, gate: GateRecord) -> tuple[ApprovalRecord, ...]:
    """The verdicts of those who may decide here and now, for the groups that they still are in.

    A gate that came with a capsule brings verdicts of people whom nobody here may know.
    """
    given = store.read.approvals(gate.id)
    if not given:
        return given
    known = {(each.public_key, each.name): each.groups for each in store.read.reviewers() if each.revoked_at is None}
    return tuple(
        replace(each, groups=tuple(group for group in each.groups if group in known[each.public_key, each.reviewer]))
        for each in given
        if (each.public_key, each.reviewer) in known
    )


def _void(store: Store, approvals: Sequence[ApprovalRecord]) -> dict[bytes, str]:
    """Why verdicts do not count at an open gate, by the key that signed them; see `_counting`."""
    known = {each.public_key: each for each in store.read.reviewers()} if approvals else {}
    found: dict[bytes, str] = {}
    for approval in approvals:
        reviewer = known.get(approval.public_key)
        if reviewer is None or reviewer.name != approval.reviewer:
            found[approval.public_key] = f"{approval.reviewer} is no reviewer of this node with this key"
        elif reviewer.revoked_at is not None:
            found[approval.public_key] = f"the key was revoked at {iso8601(reviewer.revoked_at)}"
    return found


async def _refuse_expired(runner: Runner, store: Store, clock: Clock, gate: GateRecord) -> None:
    """A gate whose time is over has its outcome, even if nothing has driven its run since."""
    if gate.expires_at is None:
        return
    now = max(clock.now(), gate.opened_at)
    if now <= gate.expires_at:
        return
    data = {"command": gate.command, "gate": gate.id, "outcome": "expired", "otherwise": gate.terms["otherwise"]}
    await runner.tell(store.read.run(gate.run), Fact("gate.closed", now, data))
    raise GateClosed(
        f"gate {gate.id} has expired: nobody had decided about it in time",
        hint=f"`reach fork {gate.run} --at {gate.command}` asks for the action again",
    )


def _written(approval: ApprovalRecord) -> dict[str, Json]:
    """A verdict as the run records it: with the key and the signature, whoever reads the run can check it."""
    statement = _statement(approval)
    written: dict[str, Json] = {
        "reviewer": approval.reviewer,
        "verdict": approval.verdict,
        "groups": list(approval.groups),
        "id": key_id(approval.public_key),
        "key": b64encode(approval.public_key).decode(),
        "signature": b64encode(approval.signature).decode(),
    }
    if approval.reason is not None:
        written["reason"] = approval.reason
    if statement.answer is not None:
        written["answer"] = statement.answer
    return written


def _statement(approval: ApprovalRecord) -> Approval:
    key = approval.public_key
    return check(SignedApproval(approval.body, key_id(key), approval.signature), key)


async def edit(runner: Runner, store: Store, clock: Clock, name: str, arguments: Json, by: str) -> GateRecord | None:
    """See `protocol.Node.edit_gate`. Who edits has made an action of their own, and can't approve it alone."""
    gate = _open_gate(store, name)
    await _refuse_expired(runner, store, clock, gate)
    if gate.kind == APPROVAL_STEP:
        raise BadInput("an approval step has nothing to edit: approve it with an answer, or deny it")
    if not isinstance(arguments, dict):
        raise BadInput("the arguments of an action are a JSON object")
    if arguments == gate.arguments:
        raise BadInput("nothing was changed", hint="approve or deny the action as it is")
    _refuse_unperformable(gate, arguments)
    _refuse_wrong(gate, arguments)
    _refuse_foreign_secrets(load_state(store, store.read.run(gate.run)), arguments)
    data = {
        "command": gate.command,
        "gate": gate.id,
        "outcome": "superseded",
        "reason": f"edited by {by}",
        "arguments": arguments,
        "by": sorted({*gate.terms.get("not", ()), by}),
    }
    if not await runner.tell(store.read.run(gate.run), Fact("gate.closed", clock.now(), data)):
        raise GateClosed(f"gate {gate.id} was decided meanwhile")
    opened = [each for each in store.read.gates_of(gate.run) if each.command == gate.command and each.outcome is None]
    return opened[-1] if opened else None


def _refuse_unperformable(gate: GateRecord, arguments: dict[str, Json]) -> None:
    """What tells which thing is acted on has to be there; adapters judge the rest, see `_refuse_wrong`."""
    needed = _NEEDED.get(gate.kind, ())
    wrong = next((each for each in needed if not isinstance(arguments.get(each), type(gate.arguments[each]))), None)
    if wrong is None and gate.kind == "workflow.run":
        process = arguments["process"]
        wrong = next(
            (each for each in ("namespace", "name", "version") if not isinstance(process.get(each), str)), None
        )
    elif wrong is None and gate.kind == "event.emit" and not arguments["type"]:
        wrong = "type"
    if wrong is None:
        wrong = _lost(gate.arguments, arguments)
    if wrong is not None:
        raise BadInput(
            f"the edited action does not say {wrong!r} as the action that is held does",
            hint="change other values only, or deny the action and correct the workflow",
        )


def _refuse_wrong(gate: GateRecord, arguments: dict[str, Json]) -> None:
    """What its adapter would fault once it is approved is refused at once; what it held against before is no edit's."""
    command = Command(gate.command, f"{gate.run}:{gate.command}", gate.kind, gate.task, 0, arguments, None)
    wrong = flaw(command, arguments)
    if wrong is not None and wrong != flaw(command, gate.arguments):
        raise BadInput(wrong, where="the edited arguments", hint="`reach gates GATE` shows those of the held action")


def _lost(held: Json, edited: Json) -> str | None:
    """The first member that says what the held action is about and that the edited one does not have."""
    if not isinstance(held, dict) or not isinstance(edited, dict):
        return None
    lost = next((each for each in _TARGETS if held.get(each) is not None and edited.get(each) is None), None)
    return lost or _lost(held.get("process"), edited.get("process"))


def _refuse_foreign_secrets(state: State, arguments: Json) -> None:
    """An action can be given no secret that its run was not given: nobody gets hold of one by editing."""
    try:
        reveal(arguments, state.created.get("secrets") or {})
    except (KeyError, TypeError) as wrong:
        raise BadInput(
            f"the edited action names a secret that its run was not given: {wrong.args[0]}",
            hint="placeholders stand for the secrets of the run, and for no other",
        ) from None


def _open_gate(store: Store, name: str) -> GateRecord:
    gate = store.read.gate(name)
    if gate.outcome is not None:
        raise GateClosed(
            f"gate {gate.id} is closed: {gate.outcome}" + (f" ({gate.reason})" if gate.reason else ""),
            hint="`reach gates` lists those that are open",
        )
    return gate


def _signed(store: Store, gate: GateRecord, verdict: SignedVerdict) -> tuple[ReviewerRecord, Json]:
    """Whose verdict it is. Raises ApprovalRefused unless a known reviewer signed one about this very action."""
    reviewer = next((each for each in store.read.reviewers() if each.key_id == verdict.key), None)
    if reviewer is None:
        raise ApprovalRefused(
            f"the key {verdict.key} belongs to no reviewer of this node",
            hint="`reach reviewer add NAME` lets somebody decide",
        )
    if reviewer.revoked_at is not None:
        raise ApprovalRefused(
            f"the key {verdict.key} of {reviewer.name} was revoked at {iso8601(reviewer.revoked_at)}: "
            "it decides no more",
            hint=f"what it signed before that stays; {another_key(reviewer.name)}",
        )
    try:
        signature = b64decode(verdict.signature, validate=True)
        if (
            b64encode(signature).decode() != verdict.signature
        ):  # stray bits in the last character: one of many spellings
            raise ValueError("its signature is not in the one form of base64")
        signed = SignedApproval(verdict.body.encode(), verdict.key, signature)
        approval = check(signed, reviewer.public_key)
    except (EvidenceDamaged, ValueError) as wrong:
        raise ApprovalRefused(f"the verdict is not what its reviewer signed: {wrong}") from None
    view = gate_view(store, gate)
    wanted = approval_of(view, approval.verdict, reviewer.name, approval.reason, approval.answer)
    if wanted.statement() != signed.body:
        raise ApprovalRefused(
            "this verdict is about another action than the one at this gate",
            hint="look at the gate again: it may have been edited, or have been opened anew",
        )
    return reviewer, approval


async def _refuse_other_policy(runner: Runner, store: Store, clock: Clock, gate: GateRecord) -> None:
    """What the policies say now counts: under others the action is decided about afresh."""
    run = store.read.run(gate.run)
    driver = runner.driver(run.id)
    state = driver.state if driver is not None else load_state(store, run)
    command = Command(gate.command, f"{gate.run}:{gate.command}", gate.kind, gate.task, 0, gate.arguments, None)
    base = base_of(run)
    now = runner.guard.holds(command, base, runner.guard.subject(state, base))
    if (now.policy or state.program.digest) != gate.policy:
        reason, why = "the policies changed", "the policies changed since it was opened"
    elif now.terms is None or _asked(gate) != (written_terms(now.terms), now.terms.expires_ms):
        reason = why = "it asks for something else than this node does"
    else:
        return
    data = {"command": gate.command, "gate": gate.id, "outcome": "superseded", "reason": reason}
    await runner.tell(run, Fact("gate.closed", clock.now(), data))
    raise GateClosed(
        f"gate {gate.id} is superseded: {why}",
        hint="the action was decided about afresh: `reach gates` shows whether it is held again",
    )


def _asked(gate: GateRecord) -> tuple[dict[str, Json], int | None]:
    """What a gate asks for, and how long it stays open: it may have come with a capsule, and ask for what it likes."""
    terms = {name: value for name, value in gate.terms.items() if name != "not"}
    return terms, gate.expires_at - gate.opened_at if gate.expires_at is not None else None


def _taker(approval: ApprovalRecord) -> str | None:
    """The reviewer to whom the decision was handed over."""
    return _statement(approval).answer["to"] if approval.verdict == "delegate" else None


def _refuse_wrong_answer(gate: GateRecord, approval: Approval, store: Store) -> None:
    """The form of an approval step is filled in by whoever approves; a decision goes to a reviewer who may take it."""
    if approval.verdict == "delegate":
        _refuse_wrong_taker(gate, approval, store)
        return
    if gate.kind != APPROVAL_STEP or approval.verdict == "deny":
        if approval.answer is not None:
            raise BadInput("there is no form to fill in here")
        return
    try:
        check_answer(gate.arguments, approval.answer)
    except Fault as fault:
        raise BadInput(fault.detail, hint="`reach gates GATE` shows the form's fields") from None


def _refuse_wrong_taker(gate: GateRecord, approval: Approval, store: Store) -> None:
    match approval.answer:
        case {"to": str(to), **rest} if not rest:
            pass
        case _:
            raise BadInput("a decision is handed over to one reviewer, by name")
    known = {each.name for each in store.read.reviewers() if each.revoked_at is None}
    if to not in known:
        raise BadInput(f"{to} is no reviewer of this node", hint="`reach reviewer list` shows who is")
    if to == approval.reviewer:
        raise BadInput("the decision is yours already")
    if to in not_to_decide(gate.terms, gate.requester):
        did = "asked for" if to == gate.requester else "edited"
        raise ApprovalRefused(f"{to} {did} this action, and may not decide about it")
    if any(each.reviewer == to for each in _counting(store, gate)):
        raise BadInput(f"{to} has decided about this gate before")


def _refuse_unentitled(gate: GateRecord, reviewer: ReviewerRecord, store: Store) -> None:
    terms = gate.terms
    lent = lent_groups([_written(each) for each in _counting(store, gate)]).get(reviewer.name, frozenset())
    if reviewer.name in not_to_decide(terms, gate.requester):
        did = "asked for" if reviewer.name == gate.requester else "edited"
        raise ApprovalRefused(
            f"{reviewer.name} {did} this action, and its gate lets nobody decide about an action of their own",
            hint='somebody else has to decide; a policy may say @self("allowed")',
        )
    if terms["groups"] and not set(terms["groups"]) & {*reviewer.groups, *lent}:
        named = ", ".join(terms["groups"])
        raise ApprovalRefused(
            f"{reviewer.name} is in none of the groups that decide about this action: {named}",
            hint="`reach reviewer list` shows who is",
        )
