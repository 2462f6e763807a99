"""`make seek`: looking at any moment of a run of a million events.

Prints how fast such a run is recorded, how long opening its home takes in a fresh process, how
long a seek to a random event takes (the state as a debugger shows it), how fast replaying
proves it, and how large the store is. EVENTS (1,000,000) and SEEKS (300) change the size;
SHAPE=flat takes one loop over a list of 200,000 items instead of two loops inside each other, and
SHAPE=forked two such loops side by side in the branches of a fork.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.debugging import Motion
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import Settings
from tests.bench import documents

EVENTS: Final = int(os.environ.get("EVENTS", "1000000"))
SEEKS: Final = int(os.environ.get("SEEKS", "300"))
MOTIONS: Final[tuple[Motion, ...]] = ("over", "out", "over-back", "out-back")
SHAPE: Final = os.environ.get("SHAPE", "nested")


def _settings(folder: Path) -> Settings:
    settings = Settings(home=folder / "home")
    return replace(settings, limits=replace(settings.limits, pure_tasks=10 * EVENTS, pure_bytes=1000 * EVENTS))


async def record(folder: Path) -> dict[str, Any]:
    """Run it, and say how many events a second were recorded."""
    shapes = {"nested": documents.million_events, "flat": documents.flat_events, "forked": documents.forked_events}
    source = shapes[SHAPE](EVENTS)
    node = await LocalNode.open(_settings(folder))
    began = time.perf_counter()
    view = await node.start(StartRun(source, folder / "million.yaml"))
    view = await node.wait(view.id)
    taken = time.perf_counter() - began
    assert view.status == "completed", view.error
    await node.close()
    size = sum(file.stat().st_size for file in (folder / "home").glob("reach.db*"))
    return {"events": view.seq, "events_s": view.seq / taken, "megabytes": size / 1e6}


async def seek(folder: Path) -> dict[str, Any]:
    """Open the home in this fresh process, and look at random events."""
    began = time.perf_counter()
    node = await LocalNode.open(_settings(folder), write=False)
    view = await node.run("last")
    await node.state(view.id)
    opened = time.perf_counter() - began
    draw = random.Random(7)
    taken = []
    for _ in range(SEEKS):
        at = draw.randint(1, view.seq)
        began = time.perf_counter()
        state = await node.state(view.id, at)
        taken.append((time.perf_counter() - began) * 1000)
        assert state.seq == at
    paged: list[float] = []
    moved: dict[str, list[float]] = {motion: [] for motion in MOTIONS}
    for _ in range(SEEKS):
        at = draw.randint(1, view.seq)
        began = time.perf_counter()
        page = await node.page(view.id, at, 200)
        paged.append((time.perf_counter() - began) * 1000)
        assert page.events[0].seq == at
        for motion in MOTIONS:
            began = time.perf_counter()
            there = await node.seek(view.id, at, motion)
            moved[motion].append((time.perf_counter() - began) * 1000)
            assert there <= at if motion.endswith("back") else there >= at
    await node.close()
    for each in (taken, paged, *moved.values()):
        each.sort()
    return {
        "open_s": opened,
        "p50_ms": taken[len(taken) // 2],
        "p99_ms": taken[int(len(taken) * 0.99)],
        "max_ms": taken[-1],
        "page_p95_ms": paged[int(len(paged) * 0.95)],
        "moved_p95_ms": {motion: each[int(len(each) * 0.95)] for motion, each in moved.items()},
    }


async def verify(folder: Path) -> dict[str, Any]:
    """Replay all of it."""
    node = await LocalNode.open(_settings(folder), write=False)
    found = await node.verify("last")
    assert found.ok, found.message
    await node.close()
    return {"replayed_s": found.events / found.seconds}


def _child(stage: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.seek", stage, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="reach-seek-") as name:
        folder = Path(name)
        made = _child("record", folder)
        print(
            f"recorded  {made['events']:,} events, {made['events_s']:,.0f} a second; store {made['megabytes']:.0f} MB"
        )
        looked = _child("seek", folder)
        print(f"open      {looked['open_s']:.3f} s to the last state (must be under 2)")
        print(
            f"seek      p50 {looked['p50_ms']:.1f} ms, p99 {looked['p99_ms']:.1f} ms, "
            f"slowest {looked['max_ms']:.1f} ms of {SEEKS} (p99 must be under 50)"
        )
        print(f"page      of 200 events: p95 {looked['page_p95_ms']:.1f} ms")
        moved = looked["moved_p95_ms"]
        steps = ", ".join(f"{motion} {taken:.1f} ms" for motion, taken in moved.items())
        print(f"step      p95 {steps} (must be under 50)")
        print(f"verify    {_child('verify', folder)['replayed_s']:,.0f} events a second replayed and compared")
    held = looked["open_s"] < 2 and looked["p99_ms"] < 50 and max(moved.values()) < 50
    print("all of it holds" if held else "something does not hold")
    return 0 if held else 1


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    stages = {"record": record, "seek": seek, "verify": verify}
    print(json.dumps(asyncio.run(stages[sys.argv[1]](Path(sys.argv[2])))))
