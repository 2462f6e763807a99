"""One case in a process of its own, beside a neighbour that only wants to get on with its work.

`python -m tests.hostile.trial NAME` prints a JSON object: how the run ended, its error, the
seconds it took, the longest the neighbour had to wait, and the memory the process needed.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from reach_workbench.effects.functions import Functions
from reach_workbench.errors import CompileError, NobodyWaits, ReachError
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import Settings
from tests import unheld
from tests.hostile.cases import CASES, Case
from tests.hostile.server import HostileServer

Json = Any

NEIGHBOUR = json.dumps(
    {
        "document": {"dsl": "1.0.3", "namespace": "hostile", "name": "neighbour", "version": "1.0.0"},
        "do": [
            {
                "loop": {
                    "for": {"each": "i", "in": [{"n": number} for number in range(20)]},
                    "do": [
                        {"tick": {"call": "tick:1.0.0@python", "with": {"i": "${ $i.n }"}}},
                        {"pause": {"wait": {"milliseconds": 3}}},
                    ],
                }
            }
        ],
    }
)


class Neighbour:
    """Runs one after another beside the case; `longest` is the longest time between two of its effects, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.ended = 0
        self._last = time.perf_counter()
        self._stopping = False

    def tick(self, given: Json) -> Json:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        return given

    async def work(self, node: LocalNode, folder: Path) -> None:
        while not self._stopping:
            view = await node.start(StartRun(NEIGHBOUR, folder / "neighbour.yaml"))
            view = await node.wait(view.id)
            assert view.status == "completed", view.error
            self.ended += 1

    async def stop(self, task: asyncio.Task[None]) -> None:
        """Let the run under way end, and one more."""
        wanted = self.ended + 2
        while self.ended < wanted and not task.done():
            await asyncio.wait([task], timeout=0.01)
        self._stopping = True
        await task


async def attempt(node: LocalNode, case: Case, folder: Path, server: str, patience: float) -> Json:
    """Start the case and see what becomes of it."""
    source = case.make().replace("SERVER", server)
    file = folder / "case.yaml"
    file.write_text(source, "utf-8")
    try:
        view = await node.start(StartRun(source, file, input=case.input()))
    except CompileError as wrong:
        said = " ".join(str(each) for each in wrong.diagnostics)
        return {"status": "refused", "code": wrong.code, "said": said or wrong.message}
    except ReachError as wrong:
        return {"status": "refused", "code": wrong.code, "said": f"{wrong.message} {wrong.hint or ''}"}
    if case.publish is not None:
        while (await node.run(view.id)).status != "waiting":
            await asyncio.sleep(0.01)
        try:
            await node.publish(case.publish)
        except NobodyWaits:
            patience = 1.0  # it may have cost the run an error all the same
    try:
        view = await asyncio.wait_for(node.wait(view.id), patience)
    except TimeoutError:
        view = await node.run(view.id)
        code = "no end" if case.publish is None else "waits"
        return {"status": view.status, "code": code, "said": f"still at work after {patience} s"}
    except ReachError as wrong:
        return {"status": "broken", "code": wrong.code, "said": wrong.message}
    return told(view)


def told(view: RunView) -> Json:
    error = view.error or {}
    return {
        "status": view.status,
        "code": error.get("code", ""),
        "said": f"{error.get('title')}: {error.get('detail')}",
    }


def settings(home: Path) -> Settings:
    """The defaults; a shorter trial sets TRIAL_LIMITS_EXPRESSION_SECONDS."""
    base = Settings(home=home, policy=unheld.POLICY)
    seconds = os.environ.get("TRIAL_LIMITS_EXPRESSION_SECONDS")
    return base if seconds is None else replace(base, limits=replace(base.limits, expression_seconds=float(seconds)))


async def trial(name: str, patience: float) -> Json:
    server = HostileServer()
    neighbour = Neighbour()
    functions = Functions()
    functions.register("tick", "1.0.0", neighbour.tick)
    with tempfile.TemporaryDirectory(prefix="reach-hostile-") as place:
        folder = Path(place)
        node = await LocalNode.open(settings(folder / "home"), functions=functions)
        task = asyncio.create_task(neighbour.work(node, folder))
        while not neighbour.ended:
            await asyncio.sleep(0.01)
        neighbour.longest = 0.0
        began = time.perf_counter()
        found = await attempt(node, CASES[name], folder, server.address, patience)
        taken = time.perf_counter() - began
        await neighbour.stop(task)
        if found["code"] == "no end":
            for view in await node.runs(limit=100_000):
                if view.status in ("running", "waiting"):
                    await node.cancel(view.id)
        await node.close()
        size = sum(file.stat().st_size for file in (folder / "home").glob("reach.db*"))
    server.close()
    return {
        **found,
        "seconds": taken,
        "stall": neighbour.longest,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "store_megabytes": size / 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(trial(sys.argv[1], float(sys.argv[2])))))
