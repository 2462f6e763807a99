"""The process that is killed: `python -m tests.crash.worker HOME LIVE SERVER`.

Opens the home, goes on with every run an earlier process left, starts runs until LIVE are under
way, and works until it is killed; with LIVE 0 it starts none and ends when all have ended.
Prints `ready` once the home is open.

Effects in doubt are decided by a rule: even commands are repeated, odd ones get a result.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from reach_workbench.effects.functions import Functions
from reach_workbench.errors import NotFound, RunStateError
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import Settings
from tests import unheld
from tests.crash.workflows import BODIES, source

Json = Any
_ENDED: Final = ("completed", "faulted", "cancelled")


class Marks:
    """The outside world: a file with a line for each time an effect really happened."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def _leave(self, command_id: str) -> None:
        os.write(self._descriptor, command_id.encode() + b"\n")
        os.fsync(self._descriptor)

    def mark(self, given: Json, *, command_id: str) -> Json:
        self._leave(command_id)
        return {"n": given["n"]}

    def mark_slowly(self, given: Json, *, command_id: str) -> Json:
        """In a thread, with time to be killed before and after."""
        pause = threading.Event()
        pause.wait(0.004)
        self._leave(command_id)
        pause.wait(0.004)
        return {"n": given["n"]}

    async def mark_waiting(self, given: Json, *, command_id: str) -> Json:
        await asyncio.sleep(0.005)
        self._leave(command_id)
        await asyncio.sleep(0.005)
        return {"n": given["n"]}

    def mark_or_fail(self, given: Json, *, command_id: str) -> Json:
        """Two of three commands fail, after they have left their mark."""
        self._leave(command_id)
        if int(command_id.rpartition(":")[2]) % 3:
            raise RuntimeError("made to fail")
        return {"n": given["n"]}

    def functions(self) -> Functions:
        functions = Functions()
        functions.register("mark", "1.0.0", self.mark)
        functions.register("mark_again", "1.0.0", self.mark, idempotent=True)
        functions.register("mark_slowly", "1.0.0", self.mark_slowly, blocking=True)
        functions.register("mark_waiting", "1.0.0", self.mark_waiting)
        functions.register("mark_or_fail", "1.0.0", self.mark_or_fail)
        return functions


async def work(home: Path, live: int, server: str) -> None:
    settings = Settings(home=home, policy=unheld.POLICY)
    settings = replace(settings, runner=replace(settings.runner, snapshot_events=9))
    node = await LocalNode.open(settings, functions=Marks(home.parent / "marks").functions())
    print("ready", flush=True)
    await node.recover()
    under_way = {view.id for view in await node.runs(limit=100_000) if view.status not in _ENDED and not view.parent}
    tasks = {asyncio.create_task(follow(node, run)) for run in under_way}
    (home.parent / "child.yaml").write_text(source("child"))
    names = list(BODIES)
    started = len(await node.runs(limit=100_000))
    while tasks or live:
        while len(tasks) < live:
            name = names[started % len(names)]
            started += 1
            request = StartRun(
                source(name),
                home.parent / f"{name}.yaml",
                input={"marks": str(home.parent / "marks"), "server": server},
            )
            view = await node.start(request)
            tasks.add(asyncio.create_task(follow(node, view.id)))
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    await node.close()


async def follow(node: LocalNode, run: str) -> None:
    """Wait for the run, deciding about its effects in doubt and those of its children, until it has ended."""
    while True:
        waiting = asyncio.create_task(node.wait(run))
        while not waiting.done():
            await asyncio.wait([waiting], timeout=0.05)
            for view in await doubtful(node, run):
                await decide(node, view)
        view = waiting.result()
        if view.status in _ENDED:
            return
        await decide(node, view)


async def doubtful(node: LocalNode, run: str) -> list[RunView]:
    """The run and its child, as far as an effect of theirs is in doubt."""
    found = [await node.run(run)]
    found += [node._view(node.store.read.run_by_key(record.key)) for record in node.store.read.children(run)]
    return [view for view in found if view.in_doubt]


async def decide(node: LocalNode, view: RunView) -> None:
    for number in view.in_doubt:
        try:
            if number % 2:
                await node.resolve(view.id, number, "result", value={"n": number})
            else:
                await node.resolve(view.id, number, "repeat")
        except (NotFound, RunStateError):
            pass  # the run was quicker


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
