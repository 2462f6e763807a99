"""Whether approvals prove that this very action may go on: looked at in the transaction that starts it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace

from reach_workbench.engine.approving import COMMAND
from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.errors import ApprovalRefused, EvidenceDamaged
from reach_workbench.evidence.approval import Approval, SignedApproval, check
from reach_workbench.keys.ed25519 import key_id
from reach_workbench.runner.guard import action_digest, requester_of
from reach_workbench.storage.records import ApprovalRecord, GateRecord


def refusal(state: State, fact: Fact, command: Command, opening: Event) -> ApprovalRefused | None:
    """Why the approvals that `fact` carries do not let the command go on; None when they do.

    Everything is made again from the run itself: the action from the event that recorded it, what the gate asks
    from `opening`, the event that opened it. What the approvals were collected from is not believed.
    """
    gate = state.gates[fact.data["command"]]
    opened = opening.data or {}
    if gate.expires is not None and max(fact.at, state.at) > gate.expires:
        return ApprovalRefused(f"gate {gate.id} expired before it was approved")
    if action_digest(command) != opened["digest"]:
        return ApprovalRefused(
            f"the action at gate {gate.id} is not the one that was held",
            hint="the history of the run was changed: `reach verify` names the event",
        )
    given = fact.data.get("approvals") or []
    for each in given:
        try:
            _checked(each, state, command, opened, gate.expires)
        except (EvidenceDamaged, ValueError, KeyError, TypeError) as wrong:
            return ApprovalRefused(f"an approval of gate {gate.id} does not hold: {wrong}")
    if command.kind == COMMAND and fact.data.get("output") != output_of(given):
        return ApprovalRefused(f"what gate {gate.id} would give its task is not what its reviewers filled in")
    return lacking(opened["terms"], requester_of(state), approvers_of(given), gate.id)


def counts(
    gate: GateRecord, given: Sequence[ApprovalRecord], state: State, command: Command, policy: str, now: int
) -> bool:
    """Whether what reviewers signed at a gate that was approved before lets the command be begun now.

    The signatures are weighed again, over the action as it is now: between then and now lies all that a file can meet.
    """
    verdicts: list[dict[str, Json]] = []
    for each in given:
        try:
            said = check(SignedApproval(each.body, key_id(each.public_key), each.signature), each.public_key)
            wanted = replace(
                said,
                gate=gate.id,
                action=command.kind,
                arguments=command.arguments,
                requester=requester_of(state),
                run=state.run,
                command=command.number,
                task=command.task,
                policy=policy,
            )
            if wanted.statement() != each.body or (said.expires is not None and now > said.expires):
                return False
        except (EvidenceDamaged, ValueError, KeyError, TypeError):
            return False
        answer = {"answer": said.answer} if said.answer is not None else {}
        verdicts.append({"reviewer": said.reviewer, "verdict": said.verdict, "groups": list(each.groups), **answer})
    return lacking(gate.terms, requester_of(state), approvers_of(verdicts), gate.id) is None


def approvers_of(verdicts: Sequence[dict[str, Json]]) -> dict[str, frozenset[str]]:
    """Who has approved: each with the groups they are in, and those of whoever handed the decision over to them."""
    lent = lent_groups(verdicts)
    return {
        each["reviewer"]: frozenset(each["groups"]) | lent.get(each["reviewer"], frozenset())
        for each in verdicts
        if each["verdict"] == "approve"
    }


def lent_groups(verdicts: Sequence[dict[str, Json]]) -> dict[str, frozenset[str]]:
    """For which groups a reviewer may decide because others handed their decision over, in the order they did."""
    lent: dict[str, frozenset[str]] = {}
    for each in verdicts:
        if each["verdict"] == "delegate":
            own = frozenset(each["groups"]) | lent.get(each["reviewer"], frozenset())
            to = each["answer"]["to"]
            lent[to] = lent.get(to, frozenset()) | own
    return lent


def output_of(approvals: Sequence[dict[str, Json]]) -> Json:
    """What an approval step gives its task: the form as it was filled in last, or else who approved."""
    approving = [each for each in approvals if each["verdict"] == "approve"]
    answers = [each["answer"] for each in approving if each.get("answer") is not None]
    return answers[-1] if answers else {"approved": True, "by": [each["reviewer"] for each in approving]}


def lacking(
    terms: dict[str, Json], requester: str, approvers: dict[str, frozenset[str]], gate: str
) -> ApprovalRefused | None:
    """What is still missing: reviewers by name, with their groups, against what the gate asks for."""
    barred = not_to_decide(terms, requester)
    approvers = {name: groups for name, groups in approvers.items() if name not in barred}
    count = terms["quorum"]
    absent = [group for group in terms["groups"] if not any(group in groups for groups in approvers.values())]
    if len(approvers) < count:
        among = f"; one of {' and one of '.join(absent)} must be among them" if approvers and absent else ""
        return ApprovalRefused(
            f"gate {gate} needs {count} approval{'s' * (count != 1)} and has {len(approvers)}{among}"
        )
    if absent:
        return ApprovalRefused(f"gate {gate} needs an approval from the group {absent[0]}")
    return None


def not_to_decide(terms: dict[str, Json], requester: str) -> frozenset[str]:
    """Who can't approve: whoever asked for the action, and whoever edited it, unless the policies let them."""
    return frozenset() if terms["self"] else frozenset({requester, *terms.get("not", ())})


def statement_of(
    verdict: dict[str, Json], state: State, command: Command, opened: dict[str, Json], expires: int | None
) -> Approval:
    """What a reviewer must have signed for this verdict on this action."""
    return Approval(
        gate=opened["gate"],
        verdict=verdict["verdict"],
        action=command.kind,
        arguments=command.arguments,
        requester=requester_of(state),
        run=state.run,
        command=command.number,
        task=command.task,
        policy=opened["policy"],
        nonce=opened["nonce"],
        expires=expires,
        reviewer=verdict["reviewer"],
        reason=verdict.get("reason"),
        answer=verdict.get("answer"),
    )


def _checked(
    verdict: dict[str, Json], state: State, command: Command, opened: dict[str, Json], expires: int | None
) -> None:
    """Raises EvidenceDamaged unless the reviewer's key signed exactly this."""
    if verdict["verdict"] not in ("approve", "delegate"):
        raise EvidenceDamaged(f"{verdict['reviewer']} did not approve")
    if verdict["verdict"] == "delegate":
        _ = verdict["answer"]["to"]  # whoever has no name can't be meant
    body = statement_of(verdict, state, command, opened, expires).statement()
    public = b64decode(verdict["key"])
    signed = SignedApproval(body, verdict["id"], b64decode(verdict["signature"]))
    check(signed, public)
