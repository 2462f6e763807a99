"""Who may decide about gates is kept, changed and told alike through every door, and each change is audited."""

from __future__ import annotations

from base64 import b64encode

import pytest

from reach_workbench.errors import BadInput, NotFound
from reach_workbench.keys.ed25519 import SigningKey

from .conftest import Meet, Visit

ADA = SigningKey.from_seed(bytes(range(32)))
GRACE = SigningKey.from_seed(bytes(range(1, 33)))


def public(key: SigningKey) -> str:
    return b64encode(key.public).decode()


def test_a_reviewer_is_added_listed_and_revoked(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        node = visit.node
        assert list(await node.reviewers()) == []
        ada = await node.add_reviewer("ada", public(ADA), ("ops", "finance", "ops"))
        assert (ada.key_id, ada.name, ada.public_key) == (ADA.id, "ada", public(ADA))
        assert (ada.groups, ada.revoked_at) == (("finance", "ops"), None)
        grace = await node.add_reviewer("grace", public(GRACE))
        assert list(await node.reviewers()) == sorted([ada, grace], key=lambda each: (each.added_at, each.key_id))
        revoked = await node.revoke_reviewer(ADA.id)
        assert revoked.revoked_at is not None and revoked.added_at == ada.added_at
        assert await node.revoke_reviewer(ADA.id) == revoked
        assert {each.key_id: each.revoked_at is None for each in await node.reviewers()} == {
            ADA.id: False,
            GRACE.id: True,
        }
        records = [record for record in (await node.audit())[::-1] if record.type.startswith("reviewer.")]
        assert [record.type for record in records] == ["reviewer.added", "reviewer.added", "reviewer.revoked"]
        assert records[0].data == {
            "key": ADA.id,
            "name": "ada",
            "public_key": ADA.public.hex(),
            "groups": ["finance", "ops"],
        }

    meet(body)


def test_adding_a_reviewer_again_changes_the_groups(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        node = visit.node
        first = await node.add_reviewer("ada", public(ADA), ("ops",))
        assert await node.add_reviewer("ada", public(ADA), ("ops",)) == first
        second = await node.add_reviewer("ada", public(ADA), ("finance",))
        assert (second.groups, second.added_at) == (("finance",), first.added_at)
        records = [record for record in (await node.audit())[::-1] if record.type.startswith("reviewer.")]
        assert [record.type for record in records] == ["reviewer.added", "reviewer.groups-changed"]
        assert records[1].data == {"key": ADA.id, "name": "ada", "groups": ["finance"], "before": ["ops"]}

    meet(body)


def test_a_key_keeps_its_name_and_a_revoked_one_stays_revoked(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        node = visit.node
        await node.add_reviewer("ada", public(ADA))
        with pytest.raises(BadInput, match="of 'ada', not of 'grace'"):
            await node.add_reviewer("grace", public(ADA))
        await node.revoke_reviewer(ADA.id)
        with pytest.raises(BadInput, match="was revoked"):
            await node.add_reviewer("ada", public(ADA))
        await node.add_reviewer("ada", public(GRACE))

    meet(body)


def test_what_is_no_key_no_name_and_nobody_is_refused(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        node = visit.node
        small_order = b64encode(bytes(32)).decode()
        for key in ("", "?", "AAAA", small_order, public(ADA)[:-1], public(ADA) + "A" * 100, ADA.public.hex()):
            with pytest.raises(BadInput):
                await node.add_reviewer("ada", key)
        for name in ("", " ada", "a\nb", "a\x1b[2J", "\u202eada", "a" * 129):
            with pytest.raises(BadInput):
                await node.add_reviewer(name, public(ADA))
            with pytest.raises(BadInput):
                await node.add_reviewer("ada", public(ADA), (name,))
        with pytest.raises(BadInput):
            await node.add_reviewer("ada", public(ADA), tuple(map(str, range(101))))
        for id in ("0123456789abcdef", ADA.id[:8], "no such/key"):
            with pytest.raises(NotFound):
                await node.revoke_reviewer(id)
        assert list(await node.reviewers()) == []

    meet(body)
