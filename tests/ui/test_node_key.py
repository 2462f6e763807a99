"""Who is attached to a node learns in a sentence that it signs with another key, and on the Nodes screen since when."""

from __future__ import annotations

import pytest

from reach_workbench.evidence.rotation import rotate
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.rotating import KeyRotation
from reach_workbench.settings import load
from reach_workbench.ui import attached as workbench
from tests.ui.conftest import Place
from tests.ui.test_inbox import notified
from tests.ui.writing import Go

FIRST, SECOND = (SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2))


def test_a_change_is_said_once_and_shown_since(place: Place, go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "_KEY", 0.05)

    async def body() -> None:
        node = await LocalNode.open(load(place.folder / "home", place.variables), signer=lambda *_: FIRST)
        async with place.desk(node, "nodes") as desk:
            await desk.until(lambda: "node_keys" in desk.app.session._kept)
            assert "vouched for" not in desk.shown()
            said = rotate(FIRST, SECOND, node.clock.now()).to_json()
            await node.rotate_key(KeyRotation(said["body"], said["before"], said["after"]))
            await notified(desk, f"It signs with key {SECOND.id} since ")
            await notified(desk, f"and key {FIRST.id}, which it had before, vouched for it.")
            await desk.press("r")
            await desk.until_shown(f"{FIRST.id} vouched for it")
            assert desk.app.session.get("node_keys", {}) == {(await node.info()).id: SECOND.id}
        await node.close()

    go(body)
