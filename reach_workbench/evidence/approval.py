"""What a reviewer signs: one verdict on one action, so closely described that it can be used for nothing else.

The statement is canonical JSON (RFC 8785) whose `_type` keeps it from being taken for anything
else that the same key signs, and the other way round.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, NoReturn

import rfc8785

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.keys.ed25519 import SigningKey, key_id, verify

Json = Any

Verdict = Literal["approve", "deny", "delegate"]
"""`delegate` hands the decision over to the reviewer whom the `answer`, {"to": NAME}, names."""

APPROVAL_TYPE: Final = "urn:reach:approval:1"
MAX_DEPTH: Final = 500
"""How deeply arguments may be nested, as anything that a run records."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One reviewer's verdict on one gated action.

    `action` is its kind, such as `shell.run`, and `arguments` what it would be performed with;
    `command` is its number in the `run`, `policy` the digest of the policy set that holds it,
    `nonce` the gate's own chance, `expires` the millisecond after which the verdict counts no
    more, `reviewer` the name the reviewer goes by, `answer` what the form of an approval step was filled in with.
    """

    gate: str
    verdict: Verdict
    action: str
    arguments: Json
    requester: str
    run: str
    command: int
    task: str
    policy: str
    nonce: str
    expires: int | None
    reviewer: str
    reason: str | None
    answer: Json = None

    def statement(self) -> bytes:
        """The bytes that are signed. Two approvals are the same exactly if these are.

        Raises ValueError for arguments that JSON can't carry.
        """
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        parts: list[bytes] = []
        try:
            _write({"_type": APPROVAL_TYPE, **members}, parts, MAX_DEPTH + 1)
        except (TypeError, UnicodeError, rfc8785.CanonicalizationError) as wrong:
            raise ValueError(f"an approval can't carry it: {wrong}") from None
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """The exact bytes that were signed, the id of the key that did, and the signature (64 bytes)."""

    body: bytes
    key_id: str
    signature: bytes


def sign(approval: Approval, key: SigningKey) -> SignedApproval:
    """The approval under a reviewer's signature; raises ValueError as `Approval.statement`."""
    body = approval.statement()
    return SignedApproval(body, key.id, key.sign(body))


def check(signed: SignedApproval, public: bytes) -> Approval:
    """What the owner of the public key approved or denied.

    Raises EvidenceDamaged unless exactly these bytes were signed with that key. Whether the key
    may decide, and whether the action is the one approved, is for the caller to say: the
    latter by comparing statements.
    """
    if signed.key_id != key_id(public):
        raise EvidenceDamaged(f"the approval names key {signed.key_id}, not {key_id(public)}")
    if not verify(public, signed.body, signed.signature):
        raise EvidenceDamaged("the approval is not what its reviewer signed")
    return read(signed.body)


def read(body: bytes) -> Approval:
    """Read a statement without believing it; raises EvidenceDamaged for whatever is not exactly one."""
    try:
        found = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise EvidenceDamaged("the approval is no JSON") from None
    match found:
        case {
            "_type": str(kind),
            "gate": str(),
            "verdict": "approve" | "deny" | "delegate",
            "action": str(),
            "arguments": _,
            "requester": str(),
            "run": str(),
            "command": int(command),
            "task": str(),
            "policy": str(),
            "nonce": str(),
            "expires": None | int() as expires,
            "reviewer": str(),
            "reason": None | str(),
            "answer": _,
        } if kind == APPROVAL_TYPE and not isinstance(command, bool) and not isinstance(expires, bool):
            del found["_type"]
        case _:
            raise EvidenceDamaged("the approval lacks a member, or has one of the wrong type")
    try:
        approval = Approval(**found)
        exact = approval.statement() == body
    except (TypeError, ValueError, RecursionError):  # TypeError for a member that no approval has
        exact = False
    if not exact:
        raise EvidenceDamaged("the approval is not in its one form, canonical JSON")
    return approval


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _write(value: Json, parts: list[bytes], levels: int) -> None:
    """RFC 8785, but for integers beyond the doubles': written with all their digits, as wherever a run records them."""
    if isinstance(value, int) and not isinstance(value, bool):
        parts.append(b"%d" % value)
        return
    if not isinstance(value, (dict, list, tuple)):
        parts.append(rfc8785.dumps(value))
        return
    if not levels:
        raise ValueError(f"the arguments are nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for place, name in enumerate(sorted(value, key=_utf16)):
            parts += (b"," if place else b"{", rfc8785.dumps(name), b":")
            _write(value[name], parts, levels - 1)
        parts.append(b"}" if value else b"{}")
    else:
        for place, part in enumerate(value):
            parts.append(b"," if place else b"[")
            _write(part, parts, levels - 1)
        parts.append(b"]" if value else b"[]")


def _utf16(name: Json) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"JSON can't carry an object key of type {type(name).__name__}")
    return name.encode("utf-16-be")
