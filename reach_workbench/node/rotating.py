"""The node's own key: which it is by the audit log, and how another takes its place."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence

from reach_workbench.clock import Clock
from reach_workbench.errors import BadInput, EvidenceDamaged, KeysDamaged, ReachError
from reach_workbench.evidence.rotation import Rotation, lineage, read_rotation
from reach_workbench.keys.ed25519 import SigningKey, key_id
from reach_workbench.protocol.rotating import KeyRotation, NodeKeyView
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, is_signed_by, last_pins
from reach_workbench.storage.rotations import Recorded, put_rotation
from reach_workbench.storage.store import Store

Signer = Callable[..., SigningKey]
"""Gives the node's key: called with the id that it has by the audit log, or with nothing while it was never changed.

It raises a KeysError while the key can't be had, and may wait for a person.
"""


def due_key(store: Store) -> str | None:
    """The id of the key that the node signs with by its log; None while it was never changed."""
    found = store.read.rotations()
    return key_id(found[-1].rotation.after) if found else None


def own_key(signer: Signer, due: str | None) -> SigningKey:
    """The node's key, which must be the one with the id that is due. Raises a KeysError."""
    key = signer(due) if due is not None else signer()
    if due is not None and key.id != due:
        raise KeysDamaged(
            f"this home has key {key.id}, and its node signs with {due} since the key was changed",
            hint="bring back the keyring or keys.sealed as it is since then",
        )
    return key


def lineage_of(store: Store, public: bytes) -> tuple[bytes, ...]:
    """The keys of the node up to this one, which is the last. Raises EvidenceDamaged when the log tells otherwise."""
    return lineage([each.rotation for each in store.read.rotations()], public)


def views(store: Store) -> Sequence[NodeKeyView]:
    """The keys that the node had, the oldest first; none while the first was never changed."""
    found = store.read.rotations()
    if not found:
        return ()
    first = found[0].rotation.before
    return (_view(first, None), *(_view(each.rotation.after, each) for each in found))


def _view(public: bytes, since: Recorded | None) -> NodeKeyView:
    return NodeKeyView(
        key_id(public),
        b64encode(public).decode(),
        since.rotation.at if since is not None else None,
        since.record if since is not None else None,
        key_id(since.rotation.before) if since is not None else None,
    )


def read_given(given: KeyRotation) -> Rotation:
    """The statement of a request. Raises BadInput when it is none, or not signed by both keys."""
    try:
        return read_rotation({"body": given.body, "before": given.before, "after": given.after})
    except EvidenceDamaged as wrong:
        raise BadInput(wrong.message) from None


async def rotate(
    store: Store, settings: Settings, clock: Clock, rotation: Rotation, key: SigningKey | ReachError
) -> NodeKeyView:
    """Record that another key signs from now on. `key` is the node's own, or what keeps it from being had.

    Raises BadInput when it is not the node's key that gives way, or the new one was the node's before; `key` itself
    when neither it nor a checkpoint tells which is the node's.
    """
    found = store.read.rotations()
    known = {found[0].rotation.before, *(each.rotation.after for each in found)} if found else set()
    if found:
        fits = rotation.before == found[-1].rotation.after
    elif isinstance(key, SigningKey):
        fits = rotation.before == key.public
    else:
        pins = [each.signed for each in last_pins(file_of(settings)) if each.signed is not None]
        if not pins:
            raise key
        fits = is_signed_by(pins[-1], rotation.before)
    if not fits:
        raise BadInput(
            f"key {key_id(rotation.before)}, which is to give way, is not the one that this node signs with",
            hint="`reach key rotate`, on the machine of the node, changes it",
        )
    if rotation.after in known:
        raise BadInput(f"key {key_id(rotation.after)} was this node's before, and is not taken up again")
    unit = store.unit()
    put_rotation(unit, rotation, at=clock.now())
    await store.commit(unit)
    return views(store)[-1]
