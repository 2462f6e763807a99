"""Kill a working process again and again, let it end, and judge what is left."""

from __future__ import annotations

import asyncio
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import EventView, RunView
from reach_workbench.settings import Settings
from reach_workbench.telemetry import crashpoints
from tests import unheld
from tests.crash.server import CountingServer
from tests.crash.workflows import BODIES

ROOT: Final = Path(__file__).resolve().parents[2]
LIVE: Final = 8
"""Runs under way in the process that is killed."""

_AT_POINTS: Final = 0.35
"""Share of the kills at named crash points."""

_PATIENCE: Final = 60.0


def crash_points() -> tuple[str, ...]:
    """The names of all crash points in the program."""
    found: set[str] = set()
    for file in (ROOT / "reach_workbench").rglob("*.py"):
        found.update(re.findall(r'crash_point\("([a-z.-]+)"\)', file.read_text("utf-8")))
    return tuple(sorted(found))


@dataclass
class Verdict:
    """What a storm came to. `lost` and `repeated` list what must not have happened."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    flagged: int = 0
    repeated_by_key: int = 0
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return not (self.lost or self.repeated or self.unproved or self.wrong)

    def add(self, other: Verdict) -> None:
        self.kills += other.kills
        self.runs += other.runs
        self.effects += other.effects
        self.flagged += other.flagged
        self.repeated_by_key += other.repeated_by_key
        for name in ("lost", "repeated", "unproved", "wrong"):
            getattr(self, name).extend(getattr(other, name))


class Storm:
    """One home and the processes that work in it, one after another."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._random = random.Random(seed)
        self._server = CountingServer()
        self._points = crash_points()
        self.verdict = Verdict()

    def rage(self, kills: int) -> None:
        """Kill `kills` times, then let everything end."""
        while sum(self.verdict.kills.values()) < kills:
            self._strike()
        process = self._start(0, {})
        try:
            said = process.communicate(timeout=_PATIENCE)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[1] + f"still at work after {_PATIENCE} s"
        if process.returncode:
            self.verdict.wrong.append(f"the last process ended with {process.returncode}: {said[-2000:]}")
        self._server.close()
        if self.home.is_dir():
            asyncio.run(self._judge())

    def _start(self, live: int, more: dict[str, str]) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REACH_")}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.crash.worker", str(self.home), str(live), self._server.address],
            env=environment | more,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _strike(self) -> None:
        draw = self._random
        if draw.random() < _AT_POINTS:
            point = draw.choice(self._points)
            process = self._start(LIVE, {crashpoints.VARIABLE: f"{point}:{draw.randint(1, 60)}"})
            kind = point
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                self.verdict.wrong.append(f"the process did not come by {point} in {_PATIENCE} s")
                process.kill()
        else:
            process = self._start(LIVE, {})
            assert process.stdout is not None
            early = draw.random() < 0.1
            if early:
                kind, delay = "while starting", draw.uniform(0, 0.3)
            else:
                select.select([process.stdout], [], [], _PATIENCE)
                kind, delay = "at a random instant", draw.uniform(0, 0.15)
            time.sleep(delay)
            process.kill()
            process.wait()
        if process.returncode == -signal.SIGKILL:
            self.verdict.kills[kind] += 1
        else:
            said = process.stderr.read() if process.stderr else ""
            self.verdict.wrong.append(f"the process ended with {process.returncode} by itself: {said[-1500:]}")
            self.verdict.kills["none: it ended by itself"] += 1
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    # ------------------------------------------------------------ judging

    async def _judge(self) -> None:
        """Hold the histories against the marks."""
        node = await LocalNode.open(Settings(home=self.home, policy=unheld.POLICY), write=False)
        # An event that was delivered has the id of the command that asked for it.
        delivered = Counter(each.payload["id"] for each in node.store.read.cloudevents(limit=1_000_000))
        marks = self._marks() + delivered
        known: set[str] = set()
        for view in await node.runs(limit=1_000_000):
            await self._judge_run(node, view, marks, known)
        for command in marks.keys() - known:
            self.verdict.wrong.append(f"an effect happened that no history intended: {command}")
        await node.close()

    def _marks(self) -> Counter[str]:
        file = self.folder / "marks"
        found = Counter(file.read_text().split()) if file.exists() else Counter[str]()
        return found + self._server.counts

    async def _judge_run(self, node: LocalNode, view: RunView, marks: Counter[str], known: set[str]) -> None:
        verdict = self.verdict
        verdict.runs[view.status] += 1
        if view.status != "completed":
            detail = view.error or view.waiting or view.position
            verdict.lost.append(f"run {view.id} ({view.name}) did not complete: {view.status}, {detail}")
        elif view.name in BODIES and view.output != BODIES[view.name][1]:
            verdict.wrong.append(f"run {view.id} ({view.name}) gave {view.output}")
        events = [event async for event in node.events(view.id)]
        for command in effects(view.id, events):
            known.add(command.id)
            if command.marks:
                verdict.effects += 1
                self._judge_effect(command, marks[command.id])
        proof = await node.verify(view.id)
        if not proof.ok:
            verdict.unproved.append(f"run {view.id} ({view.name}): event {proof.seq}: {proof.message}")

    def _judge_effect(self, command: Effect, times: int) -> None:
        verdict = self.verdict
        verdict.flagged += command.in_doubt
        if command.told and times == 0:
            verdict.lost.append(f"{command.id} is recorded as done, and never happened")
        if command.repeatable:
            verdict.repeated_by_key += max(times - 1, 0)
        elif times > 1 + command.repeats:
            verdict.repeated.append(f"{command.id} happened {times} times, {command.repeats} repeats were ordered")


@dataclass
class Effect:
    """A command as its history tells it. `told`: its outcome came from the world, not from a decision."""

    id: str
    marks: bool
    repeatable: bool
    told: bool = False
    in_doubt: bool = False
    repeats: int = 0


def effects(run: str, events: list[EventView]) -> list[Effect]:
    found: dict[int, Effect] = {}
    for event in events:
        data: dict[str, Any] = event.data or {}
        if event.type == "command.issued":
            arguments = data["arguments"]
            repeatable = bool(
                data.get("idempotent")
                or arguments.get("function") == "mark_again:1.0.0"
                or str(arguments.get("method")).lower() == "put"
            )
            found[event.seq] = Effect(f"{run}:{event.seq}", data["kind"] != "workflow.run", repeatable)
        elif event.type in ("command.completed", "command.faulted"):
            found[data["command"]].told = True
        elif event.type == "command.in-doubt":
            found[data["command"]].in_doubt = True
        elif event.type == "command.resolved" and data["decision"] == "repeat":
            found[data["command"]].repeats += 1
    return list(found.values())
