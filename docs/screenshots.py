#!/usr/bin/env python3
"""Take the pictures in `assets/` of the workbench over real runs of the samples: `make screenshots`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.runner import guard
from reach_workbench.settings import load
from reach_workbench.ui.app import Workbench

ROOT: Final = Path(__file__).resolve().parents[1]
ASSETS: Final = ROOT / "assets"
SIZE: Final = (140, 40)
WORKSPACE: Final = Path("/tmp/reach-shot")  # made new, or it is an error
SHOWN_WORKSPACE: Final = "/home/you/reach"
"""What the pictures call the place of the runs: as long as its name, so that every line stays where it is."""

NODE: Final = "workbench"
"""The name in the header: the pictures name nobody's machine."""

SAMPLE: Final = "triage-tickets.yaml"
SLIP: Final = ("| ascii_downcase)", "| ascii_lowercase)")
"""What is misspelt in the sample for the picture of the editor."""


HELD: Final = {
    "publish": """do: [{upload: {run: {shell: {command: "make site &&\\n  rsync -a --delete public/ $1",
      arguments: ["web:/srv/site"], environment: {MODE: live}}}}}]""",
    "clean-up": "do: [{remove: {run: {shell: {command: 'find /srv/site -name *.bak -delete'}}}}]",
    "count": "do: [{words: {run: {script: {language: python, code: 'print(len(open(\"index.md\").read()))'}}}}]",
}
"""What is held for the picture of the Inbox."""


class Photographer:
    """Presses the keys and takes the pictures."""

    def __init__(self, app: Workbench, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, words: str) -> None:
        """Wait until those words are on the screen; TimeoutError after 20 seconds."""
        await self.until_true(lambda: words in self.shown())

    async def until_true(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await self.pilot.pause(0.02)
        await self.pilot.pause(0.3)  # what else the answer brings

    def shown(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def take(self, name: str) -> None:
        """Write `assets/NAME.svg`. Raises ValueError when the picture would name a folder of this machine."""
        self.app.header = replace(self.app.header, node=NODE)
        await self.until_true(lambda: not self.app._notifications)
        for place in (ROOT, Path.home()):
            if str(place) in self.shown():
                raise ValueError(f"{name} shows {place}")
        text = self.app.export_screenshot(title="reach").replace(str(WORKSPACE), SHOWN_WORKSPACE)
        if str(WORKSPACE.parent) in text:
            raise ValueError(f"{name} shows a part of {WORKSPACE}")
        (ASSETS / f"{name}.svg").write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")
        print(f"assets/{name}.svg")


async def prepared(node: LocalNode) -> tuple[RunView, RunView]:
    """Runs of the samples as they come about in a day's work; gives the one that is looked at, and its fork."""

    async def start(name: str, **more: Any) -> RunView:
        file = WORKSPACE / name
        return await node.start(StartRun(file.read_text("utf-8"), file, **more))

    await start("wait-for-event.yaml")
    await node.wait((await start(SAMPLE, input={"tickets": "data/of-tomorrow.json"})).id)
    await node.wait((await start(SAMPLE, hold=True)).id)
    run = await node.wait((await start(SAMPLE)).id)
    first = (await node.seek(run.id, 1, "over")) or 1
    while "counts" not in str((await node.state(run.id, first)).data):
        first += 1
    fork = await node.fork(run.id, first, edits={"/data/counts": {"outage": 100}})
    return run, await node.wait(fork.id)


async def pictures(folder: Path) -> None:
    guard.SAMPLES = WORKSPACE  # samples run at once only where they came; the copy stands for that place
    node = await LocalNode.open(load(folder / "home", {"REACH_KEYS_USER": "you"}))

    async def connect() -> LocalNode:
        return node

    app = Workbench(connect, workspace=WORKSPACE, config=folder / "config")
    try:
        run, fork = await prepared(node)
        file = WORKSPACE / SAMPLE
        file.write_text(file.read_text("utf-8").replace(*SLIP), "utf-8")
        app.session.put("flows.file", str(file))
        async with app.run_test(size=SIZE) as pilot:
            at = Photographer(app, pilot)
            await flows(at)
            await past(at, run)
            await runs(at, fork)
            await inbox(at, node)
    finally:
        await node.close()


async def flows(at: Photographer) -> None:
    await at.until("is not defined")
    await at.press("f10")
    await at.take("flows")


async def past(at: Photographer, run: RunView) -> None:
    at.app.open_run(run.id, 400)
    await at.until("PAST")
    await at.take("debug")
    await at.press("F")
    await at.until("Fork at event")
    await at.press("down", "down", "down", "down", "end", "left", "backspace", *"120")
    await at.until("120")
    await at.take("fork")
    await at.press("escape")


async def runs(at: Photographer, fork: RunView) -> None:
    await at.press("3")
    await at.until("fork of")
    await at.take("runs")
    await at.press("c", "down", "c")
    await at.until_true(lambda: type(at.app.screen).__name__ == "Compared")
    await at.take("compare")


async def inbox(at: Photographer, node: LocalNode) -> None:
    """Actions that the built-in policy holds, in workflows of somebody else."""
    await at.press("escape", "4")
    for name, command in HELD.items():
        text = f"document: {{dsl: 1.0.3, namespace: site, name: {name}, version: 1.0.0}}\n{command}"
        await node.wait((await node.start(StartRun(text, WORKSPACE / f"{name}.yaml", requester="you"))).id)
    await at.until("hold-shell")
    await at.until("◆ 3")
    await at.take("inbox")


def main() -> None:
    ASSETS.mkdir(exist_ok=True)
    shutil.copytree(ROOT / "workflows", WORKSPACE, ignore=shutil.ignore_patterns("out", "__pycache__"))
    try:
        with tempfile.TemporaryDirectory(prefix="reach-") as folder:
            asyncio.run(pictures(Path(folder)))
    finally:
        shutil.rmtree(WORKSPACE)


if __name__ == "__main__":
    main()
