"""Another process of the home has its node change the reviewers."""

from __future__ import annotations

from base64 import b64encode

import pytest

from reach_workbench.errors import BadInput, NotFound
from reach_workbench.keys.ed25519 import SigningKey

KEY = SigningKey.from_seed(bytes(range(32)))


def test_what_another_process_asks_for_is_done_by_the_homes_node(home, go):
    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            added = await reader.add_reviewer("ada", b64encode(KEY.public).decode(), ("ops",))
            assert list(await owner.reviewers()) == [added]
            with pytest.raises(BadInput):
                await reader.add_reviewer("ada", "no key")
            with pytest.raises(NotFound):
                await reader.revoke_reviewer("nobody")
            revoked = await reader.revoke_reviewer(added.key_id)
            assert revoked.revoked_at is not None
            assert list(await reader.reviewers()) == [revoked]

    go(body)
