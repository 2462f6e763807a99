"""Held actions as they are shown to those who decide, and what such a person signs."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Final, Literal

from reach_workbench.engine.values import Json
from reach_workbench.evidence.approval import Approval, sign
from reach_workbench.keys.ed25519 import SigningKey

GateOutcome = Literal["approved", "denied", "expired", "cancelled", "superseded"]
"""How a gate ended. A timeout is neither a rejection nor a grant; each is kept apart for ever."""

GateState = Literal["open", "closed", "all"]
Verdict = Literal["approve", "deny", "delegate"]
"""`delegate` hands a decision over: whoever takes it decides for the groups of whoever gave it, at this gate alone."""

APPROVAL_STEP: Final = "human.approve"
"""The kind of a gate that a workflow asks for itself: `call: approve:1.0.0@default`."""


@dataclass(frozen=True, slots=True)
class GateTerms:
    """What lifts a gate: so many approvals, one of each group among them; what happens when it expires.

    `editors` have edited the action, and can't approve it where the requester can't.
    """

    quorum: int = 1
    groups: tuple[str, ...] = ()
    self_approval: bool = False
    otherwise: Literal["fault", "cancel"] = "fault"
    risk: Literal["normal", "high"] = "normal"
    editors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldingPolicy:
    """A policy that holds an action: its text, and the sentence that it gives as its reason.

    One that `counts` is a rate gate: it does not wait for people, but counts the action once it is approved.
    """

    id: str
    text: str
    reason: str | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What one reviewer has said about a gate. `key` is the id of the key that signed it.

    `to` is the reviewer to whom the decision was handed over; `void` says why it does not count, if it does not.
    """

    reviewer: str
    verdict: Verdict
    groups: tuple[str, ...]
    reason: str | None
    at: int
    key: str
    to: str | None = None
    void: str | None = None


@dataclass(frozen=True, slots=True)
class GateView:
    """An action that is held, whole. Times are milliseconds since 1970; `outcome` is None while it is open.

    `digest` is the SHA-256 over the canonical JSON of kind and arguments, `policy` that of the policies that decided,
    `missing` says in words what it still waits for. `holding` is filled in where one gate is asked for.
    """

    id: str
    run: str
    command: int
    task: str
    workflow: str
    kind: str
    arguments: Json
    digest: str
    requester: str
    policy: str
    policies: tuple[str, ...]
    terms: GateTerms
    nonce: str
    opened_at: int
    expires_at: int | None
    outcome: GateOutcome | None = None
    closed_at: int | None = None
    reason: str | None = None
    missing: str | None = None
    verdicts: tuple[VerdictView, ...] = ()
    holding: tuple[HoldingPolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedVerdict:
    """A reviewer's verdict: the statement that was signed, the id of the key, and the signature in base64."""

    body: str
    key: str
    signature: str


def approval_of(gate: GateView, verdict: Verdict, reviewer: str, reason: str | None, answer: Json = None) -> Approval:
    """What a reviewer signs about that gate: this very action, for this run, under these policies, once.

    `answer` is what the form of an approval step was filled in with, or {"to": NAME} of a delegation.
    """
    return Approval(
        gate=gate.id,
        verdict=verdict,
        action=gate.kind,
        arguments=gate.arguments,
        requester=gate.requester,
        run=gate.run,
        command=gate.command,
        task=gate.task,
        policy=gate.policy,
        nonce=gate.nonce,
        expires=gate.expires_at,
        reviewer=reviewer,
        reason=reason,
        answer=answer,
    )


def signed_verdict(
    gate: GateView, verdict: Verdict, reviewer: str, key: SigningKey, *, reason: str | None = None, answer: Json = None
) -> SignedVerdict:
    """A reviewer's verdict under the reviewer's key. Raises ValueError for what JSON can't carry."""
    made = sign(approval_of(gate, verdict, reviewer, reason, answer), key)
    return SignedVerdict(made.body.decode(), made.key_id, b64encode(made.signature).decode())
