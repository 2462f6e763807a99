"""`make busy`: a node's answers over its socket while runs go on at full speed, and what it costs when nothing does.

A recorded run of EVENTS (100,000) is looked at while RUNS (50) others go on, loops that end long after. Prints
for REQUESTS (200) of `page`, `state` and `seek` each how long they take, before the runs and among them, how many
events a second the runs made, and the share of a core that the idle node takes over SECONDS (10), alone and with
a screen that listens, beside that of an event loop which does nothing. Then, before the runs and among them, KEYS
(100) steps back of the debugger on the recorded run, over a real pseudo-terminal of 160 x 45: from the key to the
repaint of the state that belongs to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from reach_workbench.client import RemoteNode, find_or_start
from reach_workbench.protocol.node_views import StartRun
from tests.bench import documents
from tests.bench.frames import REACH, environment_of
from tests.bench.pseudoterminal import Pseudoterminal
from tests.bench.screen import KEYS, _pressed

RUNS: Final = int(os.environ.get("RUNS", "50"))
EVENTS: Final = int(os.environ.get("EVENTS", "100000"))
REQUESTS: Final = int(os.environ.get("REQUESTS", "200"))
SECONDS: Final = int(os.environ.get("SECONDS", "10"))
MOST: Final = {"page": 40.0, "state": 40.0, "seek": 40.0}
"""Milliseconds of p95: a key is answered within 50, and the repaint needs some of them."""

KEY: Final = 50.0
"""Milliseconds of p95 from a key to its repaint."""

IDLE: Final = 0.01
"""Share of a core."""

HEARS: Final = """document: {dsl: 1.0.3, namespace: bench, name: hears, version: 1.0.0}
do: [{hear: {listen: {to: {one: {with: {type: com.example.go}}}}}}]"""

_SLEEPER: Final = """import asyncio
async def main():
    while True: await asyncio.sleep(0.5)
asyncio.run(main())"""
"""What waking alone costs: on a virtual machine whose host is busy, ten milliseconds each time."""

_TICK: Final = os.sysconf("SC_CLK_TCK")


def _used(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def _share(pid: int) -> float:
    before, began = _used(pid), time.perf_counter()
    await asyncio.sleep(SECONDS)
    return (_used(pid) - before) / (time.perf_counter() - began)


async def _measure(ask: Callable[[int], Awaitable[object]], last: int) -> tuple[float, float]:
    """Milliseconds, p50 and p95, of asking about events here and there."""
    draw = random.Random(11)
    taken = []
    for _ in range(REQUESTS):
        at = draw.randint(2, last)
        began = time.perf_counter()
        await ask(at)
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)  # a person's keys
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.95)]


async def _all(node: RemoteNode, run: str, last: int, when: str, *, bound: bool) -> bool:
    asks: dict[str, Callable[[int], Awaitable[object]]] = {
        "page": lambda at: node.page(run, at, 50),
        "state": lambda at: node.state(run, at),
        "seek": lambda at: node.seek(run, at, "over-back"),
    }
    held = True
    for name, ask in asks.items():
        p50, p95 = await _measure(ask, last)
        most = f" (p95 must be {MOST[name]:.0f} or less)" if bound else ""
        print(f"{when:<6} {name:<6} p50 {p50:6.1f} ms, p95 {p95:6.1f} ms{most}", flush=True)
        held &= not bound or p95 <= MOST[name]
    return held


def _keys(folder: Path, run: str, last: int, when: str, *, bound: bool) -> bool:
    """Steps back of a debugger of its own, which attaches to the node that serves."""
    state = folder / ".local" / "state" / "reach"
    state.mkdir(parents=True, exist_ok=True)
    (state / "session.json").write_text(json.dumps({"screen": "debug", "run": run}))
    environment = environment_of(folder) | {"REACH_HOME": str(folder / "home")}
    with Pseudoterminal([REACH], environment, columns=160, rows=45, folder=folder) as terminal:
        terminal.until(f"after {last:,}", 30)
        while time.perf_counter() - terminal.began < 5:
            terminal.read(0.1)  # its start-up is not what is measured
        taken = [_pressed(terminal, b"[", f"after {last - step:,}") for step in range(1, KEYS + 1)]
    taken.sort()
    p50, p95 = taken[len(taken) // 2], taken[int(len(taken) * 0.95)]
    most = f" (p95 must be under {KEY:.0f})" if bound else ""
    print(f"{when:<6} {'key':<6} p50 {p50:6.1f} ms, p95 {p95:6.1f} ms{most}", flush=True)
    return not bound or p95 < KEY


async def _idle(node: RemoteNode, pid: int, when: str) -> bool:
    await asyncio.sleep(1)
    with subprocess.Popen([sys.executable, "-c", _SLEEPER]) as sleeper:
        try:
            share, floor = await asyncio.gather(_share(pid), _share(sleeper.pid))
        finally:
            sleeper.kill()
    print(
        f"idle   {when:<20} {share:.2%} of a core (must be under {IDLE:.0%}); "
        f"an event loop that only wakes twice a second: {floor:.2%}",
        flush=True,
    )
    return share < IDLE


async def _listen(node: RemoteNode) -> None:
    async for _ in node.activity():
        pass


async def work(folder: Path) -> bool:
    node = await find_or_start(folder / "home")
    pid = (await node.info()).pid
    try:
        made = await node.start(StartRun(documents.million_events(EVENTS), folder / "made.yaml"))
        made = await node.wait(made.id)
        assert made.status == "completed", made.error
        held = await _all(node, made.id, made.seq, "alone", bound=False)
        await asyncio.to_thread(_keys, folder, made.id, made.seq, "alone", bound=False)
        held &= await _idle(node, pid, "alone")
        listening = asyncio.ensure_future(_listen(node))
        waits = await node.start(StartRun(HEARS, folder / "hears.yaml"))
        following = asyncio.ensure_future(_follow(node, waits.id))
        held &= await _idle(node, pid, "with a screen")
        endless = documents.million_events(EVENTS * 100)
        runs = [(await node.start(StartRun(endless, folder / "endless.yaml"))).id for _ in range(RUNS)]
        before, began = await _events(node, runs), time.perf_counter()
        held &= await _all(node, made.id, made.seq, "busy", bound=True)
        held &= await asyncio.to_thread(_keys, folder, made.id, made.seq, "busy", bound=True)
        speed = (await _events(node, runs) - before) / (time.perf_counter() - began)
        print(f"busy   {RUNS} runs made {speed:,.0f} events a second meanwhile")
        for task in (listening, following):
            task.cancel()
        await asyncio.gather(listening, following, return_exceptions=True)
        return held
    finally:
        await node.close()
        os.kill(pid, signal.SIGKILL)  # an orderly end would drive each run to where it can stop


async def _follow(node: RemoteNode, run: str) -> None:
    async for _ in node.events(run, follow=True):
        pass


async def _events(node: RemoteNode, runs: list[str]) -> int:
    return sum([(await node.run(run)).seq for run in runs])


def main() -> int:
    limits = {"REACH_LIMITS_PURE_TASKS": str(1000 * EVENTS), "REACH_LIMITS_PURE_BYTES": str(100_000 * EVENTS)}
    os.environ.update(limits)
    with tempfile.TemporaryDirectory(prefix="reach-busy-") as name:
        held = asyncio.run(work(Path(name)))
    print("all of it holds" if held else "something does not hold")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
