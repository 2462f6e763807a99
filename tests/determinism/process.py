"""Run generated workflows in this process: `python -m tests.determinism.process FIRST COUNT [HOME]`.

Prints a line for each seed: its run's status, how many events it recorded, its digest, and
whether replaying it gave the same. Time is virtual, effects are scripted by the seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reach_workbench.effects.functions import Functions
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import NobodyWaits, RunStateError
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import Settings
from tests import unheld
from tests.determinism.documents import EVENT_TYPES, Generator, document, input_of
from tests.determinism.virtual import VirtualClock, VirtualLoop

Json = Any

_ENDED: Final = ("completed", "faulted", "cancelled")
_PUBLISHED: Final = 40
"""Events sent to a run before it is cancelled for never ending."""


async def act(given: Json, *, command_id: str) -> Json:
    """An effect whose outcome and duration hang on its key alone; one in twelve fails."""
    draw = random.Random(hashlib.sha256(command_id.encode()).digest())
    await asyncio.sleep(draw.uniform(0.0001, 0.2))
    if draw.random() < 1 / 12:
        raise RuntimeError("made to fail")
    return Generator(draw.getrandbits(32)).value(2)


def settings(home: Path) -> Settings:
    """Small limits, so that hostile accidents of the generator end soon."""
    base = Settings(home=home, policy=unheld.POLICY)
    limits = replace(base.limits, value_bytes=64 * 1024, pure_tasks=400, events=6_000)
    return replace(base, limits=limits, runner=replace(base.runner, poll_seconds=1e7, snapshot_events=40))


async def run(node: LocalNode, seed: int, folder: Path) -> str:
    """Run the workflow of that seed to its end; returns the run's id."""
    draw = random.Random(seed)
    source = json.dumps(document(seed), ensure_ascii=False)
    view = await node.start(StartRun(source, folder / f"{seed}.json", input=input_of(seed)))
    interrupted = draw.random() < 0.15
    made = Generator(seed ^ 0xE7E27)
    for number in range(_PUBLISHED):
        await asyncio.sleep(draw.uniform(0.1, 0.3))
        if (await node.run(view.id)).status in _ENDED:
            return view.id
        if interrupted and number == 2:
            with contextlib.suppress(RunStateError):
                await node.suspend(view.id, "an interruption")
                await asyncio.sleep(0.05)
                await node.resume(view.id)
            continue
        with contextlib.suppress(NobodyWaits):
            data = {"n": made.value(1), "k": draw.randint(0, 3)}
            kind = draw.choice(EVENT_TYPES)
            await node.publish({"id": f"event-{number}", "source": "/world", "type": kind, "data": data})
    with contextlib.suppress(RunStateError):
        await node.cancel(view.id, "nobody has anything to say")
    return view.id


async def work(loop: VirtualLoop, first: int, count: int, home: Path) -> None:
    functions = Functions()
    functions.register("act", "1.0.0", act)
    node = await LocalNode.open(
        settings(home), clock=VirtualClock(loop, first), evaluator=InProcess(), functions=functions
    )
    for seed in range(first, first + count):
        view = await node.run(await run(node, seed, home))
        proof = await node.verify(view.id)
        verdict = "verified" if proof.ok and proof.digest == view.digest else f"NOT VERIFIED: {proof.message}"
        print(seed, view.status, view.seq, view.digest, verdict, flush=True)
    await node.close()


def main(first: int, count: int, home: Path) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work(loop, first, count, home))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory(prefix="reach-determinism-") as place:
            main(int(sys.argv[1]), int(sys.argv[2]), Path(place) / "home")
