"""Actions that a policy holds, and a reviewer with a key of their own at the screen."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reach_workbench.cli.keyreviewer import KeyReviewer
from reach_workbench.clock import Clock
from reach_workbench.keys import sealed
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import GateView, SignedVerdict, Verdict, signed_verdict
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import load
from tests.ui.conftest import HEAD, Desk, Place

ADA, LIN = (SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2))
KEYS = {"ada": ADA, "lin": LIN}

POLICY = """\
@id("all") permit(principal, action, resource);

@id("shells")
@gate("approval") {terms}
@reason("Shells can do anything.")
forbid(principal, action == Action::"shell.run", resource);
"""

WRITES = "do: [{{write: {{run: {{shell: {{command: '{command}'}}}}}}}}]"


class Court:
    """A home whose policy holds shell commands. `grace` sits at the screen; `ada` asks."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.policy_file = place.folder / "policy.cedar"
        self.target = place.workspace / "target.txt"
        self._patch = monkeypatch
        self.passphrase("open sesame")
        self.holds()

    def passphrase(self, words: str | None) -> None:
        """What unlocks the keys; without it a dialog asks."""
        if words is None:
            self._patch.delenv("REACH_PASSPHRASE")
        else:
            self._patch.setenv("REACH_PASSPHRASE", words)

    def holds(self, terms: str = "") -> None:
        """Say anew what lifts a gate."""
        self.policy_file.write_text(POLICY.format(terms=terms), "utf-8")

    @asynccontextmanager
    async def node(self, clock: Clock | None = None) -> AsyncIterator[LocalNode]:
        variables = {"REACH_RUNNER_POLL_SECONDS": "0.02", "REACH_POLICY_FILE": str(self.policy_file)}
        node = await LocalNode.open(load(self.place.folder / "home", variables), clock=clock)
        try:
            yield node
        finally:
            await node.close()

    def reviewer(self) -> KeyReviewer:
        variables = {"REACH_KEYS_USER": "grace", "REACH_KEYS_BACKEND": "file"}
        return KeyReviewer(load(self.place.folder / "home", variables))

    @asynccontextmanager
    async def desk(
        self,
        node: LocalNode,
        size: tuple[int, int] = (120, 36),
        screen: str = "inbox",
        **more: Any,
    ) -> AsyncIterator[Desk]:
        async with self.place.desk(node, screen, size, reviewer=self.reviewer(), **more) as desk:
            yield desk

    async def hold(self, node: LocalNode, command: str | None = None, name: str = "writer", **more: Any) -> RunView:
        """Start a workflow whose shell command is held; waits until it is."""
        text = command if command is not None else f"echo done >> {self.target}"
        return await self.run(node, WRITES.format(command=text.replace("'", "''")), name, **more)

    async def run(self, node: LocalNode, body: str, name: str = "writer", **more: Any) -> RunView:
        more.setdefault("requester", "ada")
        request = StartRun(HEAD.format(name=name) + body, self.place.workspace / f"{name}.yaml", **more)
        return await node.wait((await node.start(request)).id)

    async def add(self, node: LocalNode, name: str, *groups: str) -> None:
        """Let one of `KEYS` decide, elsewhere."""
        await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), groups)

    def signed(self, gate: GateView, verdict: Verdict, name: str, reason: str | None = None) -> SignedVerdict:
        return signed_verdict(gate, verdict, name, KEYS[name], reason=reason)

    @property
    def written(self) -> int:
        return self.target.read_text("utf-8").count("done") if self.target.exists() else 0


@pytest.fixture
def court(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Court]:
    """Keys are sealed here, at the least cost that libsodium derives with."""
    monkeypatch.setattr(sealed, "OPS", 1)
    monkeypatch.setattr(sealed, "MEMORY", 8192)
    monkeypatch.delenv("REACH_PASSPHRASE", raising=False)
    sealed.forget()
    yield Court(place, monkeypatch)
    sealed.forget()


async def know(desk: Desk) -> None:
    """The first verdict of all: a key is made, and made known to the node."""
    await desk.until_screen("Confirm")
    await desk.press("m")
