"""A node whose functions are held by policies: what it performed, who decides, and a clock that tests set."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from reach_workbench.clock import FixedClock
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import GateView, SignedVerdict, signed_verdict
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import load

Json = Any

GROUPS = {"ada": (), "grace": ("finance",), "lin": ("finance", "legal"), "max": ("legal",)}
KEYS = {name: SigningKey.from_seed(bytes([number + 1]) * 32) for number, name in enumerate(GROUPS)}
HEAD = "document: {dsl: 1.0.3, namespace: tests, name: %s, version: 1.0.0}\n"
ALL = '@id("all") permit(principal, action, resource);\n'


def gate(name: str, annotations: str = "", kind: str = "approval") -> str:
    """A policy that gates one function."""
    what = f'action == Action::"function.call", resource == Function::"{name}:1.0.0"'
    return f'@id("{name}-{kind}") @gate("{kind}") {annotations} forbid(principal, {what});\n'


def call(name: str, n: Json = 1) -> str:
    return f'{{call: "{name}:1.0.0@python", with: {{n: {n}}}}}'


class SetClock(FixedClock):
    """`wait` lets time pass; `set` sets the wall clock alone."""

    passed = 0

    def wait(self, milliseconds: int) -> None:
        self.advance(milliseconds)
        self.passed += milliseconds

    set = FixedClock.advance

    def elapsed(self) -> float:
        return self.passed / 1000

    def entropy(self, size: int) -> bytes:
        return super().entropy(size)[::-1]


class Gated:
    """`performed` has the name of each function that was called, and with what."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SetClock()
        self.performed: list[tuple[str, Json]] = []
        self.environment = {
            "REACH_POLICY_FILE": str(folder / "local.cedar"),
            "REACH_KEYS_USER": "ada",
            "REACH_RUNNER_POLL_SECONDS": "1000",
        }
        self.functions = Functions()
        for name in ("gated", "paced", "plain"):
            self.functions.register(name, "1.0.0", self._function(name))
        self.policy(ALL + gate("gated"))

    def _function(self, name: str) -> Any:
        def perform(given: Json) -> Json:
            self.performed.append((name, given))
            return given

        return perform

    def policy(self, text: str) -> None:
        (self.folder / "local.cedar").write_text(text)
        self.clock.wait(1_100)  # the files are looked at once a second

    @asynccontextmanager
    async def node(self, home: str = "home") -> AsyncIterator[LocalNode]:
        settings = load(self.folder / home, self.environment)
        node = await LocalNode.open(settings, clock=self.clock, evaluator=InProcess(), functions=self.functions)
        try:
            for name, groups in GROUPS.items():
                await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), groups)
            yield node
        finally:
            await node.close()

    def request(self, tasks: str, name: str = "example", **more: Any) -> StartRun:
        return StartRun(HEAD % name + f"do: [{tasks}]", self.folder / f"{name}.yaml", **more)

    async def run(self, node: LocalNode, tasks: str, **more: Any) -> RunView:
        return await node.wait((await node.start(self.request(tasks, **more))).id)

    def sign(self, at: GateView, verdict: str, name: str, reason: str | None = None) -> SignedVerdict:
        return signed_verdict(at, verdict, name, KEYS[name], reason=reason)  # type: ignore[arg-type]

    async def approve(self, node: LocalNode, name: str, at: GateView | None = None) -> GateView:
        at = at or (await node.gates())[0]
        return await node.decide(at.id, self.sign(at, "approve", name))

    async def pass_time(self, node: LocalNode, milliseconds: int) -> None:
        """Let time go by, and what waits for it notice."""
        self.clock.wait(milliseconds)
        await rouse(node)


async def rouse(node: LocalNode) -> None:
    """What the event loop's timers do; they know nothing of a clock that a test sets."""
    for driver in node.runner.driven():
        driver.rouse()
    for _ in range(50):
        await asyncio.sleep(0)
