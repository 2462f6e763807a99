"""The screens of all runs and of the node, and what is laid over them, as they look."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.audit import AuditProblem, AuditVerification, AuditView
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.protocol.system import JobView, NodeInfo, Vitals
from reach_workbench.ui import words
from tests.ui.conftest import FAULTY, HEAD, LISTENING, Place
from tests.ui.debugging import Ticking

Go = Callable[[Any], None]
BEGAN = 1_700_000_000_000


class Portrait:
    """A real node whose figures, which no two machines share, are given ones."""

    def __init__(self, node: LocalNode, *, busy: bool) -> None:
        self._node = node
        self._busy = busy
        self._measures = 0
        self.sound = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def info(self) -> NodeInfo:
        info = await self._node.info()
        return replace(info, id="n-1", name="node", version="1.2.3", home="/home/ada/reach", pid=4711, started_at=BEGAN)

    async def vitals(self) -> Vitals:
        self._measures += 1
        return Vitals(BEGAN + 2000 * self._measures, 2, 1, 1, 3, 1, 1, 120, 40, 1, 0, 1.4, 0.6, 58.0)

    async def jobs(self, *, status: str | None = None, **_: Any) -> Sequence[JobView]:
        if not self._busy or status not in ("dead_letter", "queued"):
            return []
        dead = status == "dead_letter"
        return [
            JobView(
                f"01hf7yat00000000000000{status[:4]}", "01hf7yat000000000000000run", "run", status, 0,
                5 if dead else 0, 5, None if dead else BEGAN + 90_000, BEGAN, None, "out of order" if dead else None,
            )
        ]  # fmt: skip

    async def audit(self, **_: Any) -> Sequence[AuditView]:
        if not self._busy:
            return []
        kinds = ("run.started", "effect.resolved", "run.cancelled")
        found = [
            AuditView(n, BEGAN + n * 1000, kind, "01hf7yat000000000000000run", {"by": "ada"})
            for n, kind in enumerate(kinds, start=1)
        ]
        return found[::-1]

    async def audit_verify(self, **_: Any) -> AuditVerification:
        root, key = "UQUFGjgDM3b77oZpNj0yTQZ5OPpDhZxYZ+V4i6UPTEM=", "reach-audit/0123456789abcdef+01234567+AQ=="
        message = "record 2 was changed: its contents and its hash do not fit each other"
        problems = () if self.sound else (AuditProblem("changed", message, 2, 2),)
        return AuditVerification(self.sound, 3 if self.sound else 1, root, 2, self.sound * 3, key, 0.1, problems)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day as everywhere, and ages as if it were a minute and a half after the first run."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.setattr(words.SystemClock, "now", lambda _: BEGAN + 90_000)
        time.tzset()
        yield
    time.tzset()


SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 60)
KEYS = {
    "runs": "3", "inbox": "4", "nodes": "5", "audit": "6", "system": "7",
    "help": "question_mark", "palette": "colon", "quit": "q",
}  # fmt: skip
SCREENS = {
    "runs": "Runs", "inbox": "Inbox", "nodes": "Nodes", "audit": "Audit", "system": "System",
    "help": "Help", "palette": "Palette", "quit": "Choose",
}  # fmt: skip
SIGNS = {
    "runs": "✗ faulted", "inbox": "Nothing waits", "nodes": "/home/ada/reach", "audit": "run.cancelled",
    "system": "dead letter", "help": "Open the run", "palette": "Commands", "quit": "1 run is active",
}  # fmt: skip
CASES = [(name, size, True) for name in KEYS for size in (SMALL, MIDDLE)]
CASES += [(name, LARGE, True) for name in ("runs", "inbox", "nodes", "system", "help", "palette")]
CASES += [("system", SMALL, False), ("system", MIDDLE, False), ("audit", MIDDLE, False)]


@pytest.mark.parametrize(
    ("name", "size", "busy"), CASES, ids=[f"{n}-{s[0]}x{s[1]}{'' if b else '-idle'}" for n, s, b in CASES]
)
def test_looks_as_before(
    place: Place, go: Go, snapshot: Any, still: None, name: str, size: tuple[int, int], busy: bool
) -> None:
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with place.node(Ticking()) as node:
            await _runs(place, node)
            portrait: Any = Portrait(node, busy=busy)
            async with place.desk(portrait, size=size, stop=_nothing) as desk:
                await desk.until_shown("✗ faulted")
                await desk.press(KEYS[name])
                sign = SIGNS[name] if busy else {"system": "queue is empty", "audit": "No audit record"}[name]
                await desk.until_shown(sign)
                await desk.pilot.pause(0.05)
                desk.app.clear_notifications()
                await desk.pilot.pause(0.05)
                shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))
                if picture := _PICTURES and _PICTURES / f"{name}-{size[0]}x{size[1]}{'' if busy else '-idle'}.svg":
                    desk.app.save_screenshot(str(picture))

    go(body)
    assert shown == snapshot


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=["80x24", "120x36"])
@pytest.mark.parametrize("sound", [True, False], ids=["sound", "changed"])
def test_a_verified_audit_log_looks_as_before(
    place: Place, go: Go, snapshot: Any, still: None, size: tuple[int, int], sound: bool
) -> None:
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with place.node(Ticking()) as node:
            portrait: Any = Portrait(node, busy=True)
            portrait.sound = sound
            async with place.desk(portrait, "audit", size=size, stop=_nothing) as desk:
                await desk.until_shown("run.cancelled")
                await desk.press("V")
                await desk.until_shown("✓ verified" if sound else "✗ changed")
                await desk.press("down")
                await desk.until_shown("record 2")
                await desk.pilot.pause(0.05)
                shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))

    go(body)
    assert shown == snapshot


_PICTURES: Path | None = Path(os.environ["PICTURES"]) if "PICTURES" in os.environ else None


async def _nothing() -> None:
    """Nobody is asked to end."""


async def _runs(place: Place, node: LocalNode) -> list[RunView]:
    """One of each kind; where they are written is left out."""
    made = []
    for name, body in (("orders", "do: [{first: {set: {x: 1}}}]"), ("broken", FAULTY), ("listening", LISTENING)):
        run = await node.start(StartRun(HEAD.format(name=name) + body, Path(f"{name}.yaml")))
        if body is not LISTENING:
            run = await node.wait(run.id)
        while body is LISTENING and run.status != "waiting":
            await asyncio.sleep(0.01)
            run = await node.run(run.id)
        made.append(run)
    return made
