"""The node's key gives way to another as it has signed, through every door alike; nothing else changes it."""

from __future__ import annotations

import pytest

from reach_workbench.errors import BadInput, KeyMissing
from reach_workbench.evidence.rotation import Rotation, rotate
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.rotating import KeyRotation

from .conftest import Meet, Visit
from .doors import Place

FIRST, SECOND, THIRD = (SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))


class Holder:
    """Has the key of the node, or none yet."""

    def __init__(self) -> None:
        self.key: SigningKey | None = None

    def __call__(self, id: str | None = None) -> SigningKey:
        if self.key is None:
            raise KeyMissing("there is none yet")
        return self.key

    def prepare(self, place: Place) -> None:
        place.signer = self


def asked(rotation: Rotation) -> KeyRotation:
    said = rotation.to_json()
    return KeyRotation(said["body"], said["before"], said["after"])


def test_a_change_is_recorded_listed_and_gone_on_from(meet: Meet) -> None:
    holder = Holder()

    async def body(visit: Visit) -> None:
        node = visit.node
        holder.key = FIRST
        assert list(await node.node_keys()) == []
        second = await node.rotate_key(asked(rotate(FIRST, SECOND, 1000)))
        assert (second.key_id, second.since, second.endorsed_by) == (SECOND.id, 1000, FIRST.id)
        holder.key = SECOND
        third = await node.rotate_key(asked(rotate(SECOND, THIRD, 2000)))
        first, *later = await node.node_keys()
        assert (first.key_id, first.since, first.record, first.endorsed_by) == (FIRST.id, None, None, None)
        assert later == [second, third]
        records = [each for each in (await node.audit())[::-1] if each.type == "node.key-rotated"]
        assert [(each.data["from"], each.data["to"]) for each in records] == [
            (FIRST.id, SECOND.id),
            (SECOND.id, THIRD.id),
        ]
        assert [each.seq for each in records] == [second.record, third.record]

    meet(body, holder.prepare)


def test_nothing_else_changes_it(meet: Meet) -> None:
    holder = Holder()

    async def body(visit: Visit) -> None:
        node = visit.node
        with pytest.raises(KeyMissing):
            await node.rotate_key(asked(rotate(FIRST, SECOND, 1000)))  # nothing tells which key is this node's
        holder.key = FIRST
        with pytest.raises(BadInput, match="is not the one that this node signs with"):
            await node.rotate_key(asked(rotate(SECOND, THIRD, 1000)))
        right = asked(rotate(FIRST, SECOND, 1000))
        with pytest.raises(BadInput, match="not signed by key"):
            await node.rotate_key(KeyRotation(right.body, right.after, right.after))
        with pytest.raises(BadInput, match="one form"):
            await node.rotate_key(KeyRotation("{}", right.before, right.after))
        await node.rotate_key(right)
        with pytest.raises(BadInput, match="is not the one"):
            await node.rotate_key(right)
        with pytest.raises(BadInput, match="was this node's before"):
            await node.rotate_key(asked(rotate(SECOND, FIRST, 1000)))
        assert [each.key_id for each in await node.node_keys()] == [FIRST.id, SECOND.id]

    meet(body, holder.prepare)
