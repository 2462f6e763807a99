"""Adding, revoking and listing those who may decide about gates."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.errors import BadInput, NotFound
from reach_workbench.keys.ed25519 import is_public_key, key_id
from reach_workbench.protocol.reviewing import ReviewerView, another_key
from reach_workbench.storage import reviewers as stored
from reach_workbench.storage.records import LOCAL_TENANT, ReviewerRecord
from reach_workbench.storage.store import Store

NAME_LENGTH: Final = 128
GROUPS_MOST: Final = 100


async def add(store: Store, clock: Clock, name: str, public_key: str, groups: Sequence[str]) -> ReviewerView:
    """Let a key decide in that name; of one that does already the groups are changed.

    Raises BadInput for what is no key, no name, a key of another name, or one that was revoked.
    """
    public = _public(public_key)
    for each in (name, *groups):
        _check_name(each)
    if len(groups) > GROUPS_MOST:
        raise BadInput(f"a reviewer is in {GROUPS_MOST} groups at most, not {len(groups)}")
    wanted = tuple(sorted(set(groups)))
    unit, now = store.unit(), clock.now()
    before = store.read.reviewer(key_id(public))
    if before is None:
        stored.add_reviewer(unit, ReviewerRecord(LOCAL_TENANT, key_id(public), name, public, wanted, now, None))
    elif before.revoked_at is not None:
        raise BadInput(
            f"the key {before.key_id} of {before.name} was revoked, and is not taken up again",
            hint=another_key(before.name),
        )
    elif before.name != name:
        raise BadInput(
            f"the key {before.key_id} is that of {before.name!r}, not of {name!r}",
            hint="a key decides in one name only",
        )
    elif before.groups == wanted:
        return view(before)
    else:
        stored.change_groups(unit, before, wanted, at=now)
    await store.commit(unit)
    return view(_known(store, key_id(public)))


async def revoke(store: Store, clock: Clock, key: str) -> ReviewerView:
    """Let a key decide no more; one that was revoked before stays so. Raises NotFound."""
    record = _known(store, key)
    if record.revoked_at is None:
        unit = store.unit()
        stored.revoke_reviewer(unit, record, at=clock.now())
        await store.commit(unit)
    return view(_known(store, key))


def listed(store: Store) -> Sequence[ReviewerView]:
    """All that are or were, the oldest first."""
    return tuple(map(view, store.read.reviewers()))


def view(record: ReviewerRecord) -> ReviewerView:
    return ReviewerView(
        record.key_id,
        record.name,
        b64encode(record.public_key).decode(),
        record.groups,
        record.added_at,
        record.revoked_at,
    )


def _known(store: Store, key: str) -> ReviewerRecord:
    found = store.read.reviewer(key)
    if found is None:
        raise NotFound(f"there is no reviewer with the key {key!r}", hint="`reach reviewer list` shows their keys' ids")
    return found


def _public(text: str) -> bytes:
    try:
        public = b64decode(text, validate=True)
    except ValueError:
        public = b""
    if not is_public_key(public):
        raise BadInput(
            "this is no public key of Ed25519, 32 bytes in base64", hint="`reach key show` prints one on its machine"
        )
    return public


def _check_name(name: str) -> None:
    if not name or len(name) > NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise BadInput(
            f"{name!r} can't be the name of a reviewer or a group",
            hint=f"one to {NAME_LENGTH} characters that show, without spaces at its ends",
        )
