"""The key that a reviewer signs with: kept by this home, and known to the node."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from reach_workbench.cli.asking import ask_line, can_ask
from reach_workbench.cli.session import Interruption, Session
from reach_workbench.cli.unlocking import key_store, user
from reach_workbench.errors import ApprovalRefused, KeyMissing
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.reviewing import another_key

if TYPE_CHECKING:
    from reach_workbench.protocol.gates import GateView
    from reach_workbench.protocol.node import Node


async def reviewer(
    session: Session, node: Node, gate: GateView, interruption: Interruption | None = None
) -> tuple[str, SigningKey]:
    """Who decides here, and with what key; on a terminal it is made and let decide, once the person says so.

    Raises KeyMissing or ApprovalRefused where nobody can be asked, the answer is no, or the gate would not take it.
    """
    name = user(session, None)
    keys = key_store(session)
    add = session.line("reviewer", "add", name)
    known = {each.key_id: each for each in await node.reviewers()}
    if name not in keys.names() and (gate.requester == name and not gate.terms.self_approval):
        raise ApprovalRefused(
            f"{name} asked for this action, and its gate lets nobody decide about an action of their own",
            hint="somebody else has to decide: with REACH_KEYS_USER=NAME, or on a machine of theirs",
        )
    if name not in keys.names() and gate.terms.groups:
        groups = " or ".join(gate.terms.groups)
        add = session.line("reviewer", "add", name, "--group", "GROUP")
        raise KeyMissing(
            f"there is no key {name!r} to sign with, and the gate asks for a reviewer of {groups}",
            hint=f"`{add}` makes one, and lets it decide for that group",
        )
    if name not in keys.names():
        question = f"you have no key to sign with: make one for {name}, and let it decide about gates here? [y/N] "
        if not await _says_yes(session, question, interruption):
            raise KeyMissing(f"there is no key {name!r} to sign with", hint=f"`{add}` makes one, and lets it decide")
        key = keys.create(name)
        session.terminal.say(f"made the key of {name}, {key.id}; it is kept in {keys.place}")
    else:
        key = keys.signing_key(name)
        if key.id in known:
            if known[key.id].revoked_at is not None:
                raise ApprovalRefused(
                    f"the key {key.id} of {name} was revoked: it decides no more",
                    hint=f"what it signed before that stays; {another_key(name)}",
                )
            return known[key.id].name, key
        question = f"this node does not know your key {key.id}: let {name} decide about gates with it? [y/N] "
        if not await _says_yes(session, question, interruption):
            raise ApprovalRefused(
                f"the key {key.id} of {name} belongs to no reviewer of this node", hint=f"`{add}` lets it decide"
            )
    await node.add_reviewer(name, b64encode(key.public).decode())
    session.terminal.say(f"{name} may decide about gates with the key {key.id}, in no group")
    return name, key


async def _says_yes(session: Session, question: str, interruption: Interruption | None) -> bool:
    if not can_ask(session.terminal):
        return False
    answer = await ask_line(session.terminal, question, interruption=interruption)
    return (answer or "").lower() in ("y", "yes")
