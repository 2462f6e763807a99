"""The debugger over runs that work while it is looked at: paused, logged, filtered, and their outcomes changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.widgets import Input, TextArea

from reach_workbench.effects.functions import Functions
from reach_workbench.protocol.debugging import Query
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.debug.breakpane import BreakPane
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.source import SourceView
from reach_workbench.ui.debug.timeline import Timeline
from tests.ui.debugging import Bench, bench, ran

HEAD = "document: {dsl: 1.0.3, namespace: shop, name: working, version: 1.0.0}\n"
WORK = (
    HEAD
    + """\
do:
  - weigh: {call: "gate:1.0.0@python", with: {parcel: 7}}
  - label: {set: {text: '${ "\\(.kilos) kg" }'}}
  - send: {set: {sent: "${ .text }"}}
"""
)
ENDLESS = HEAD + "do: [{turn: {set: {n: '${ (.n // 0) + 1 }'}}}, {rest: {wait: {milliseconds: 20}, then: turn}}]"
PARCELS = (
    HEAD
    + """\
do:
  - parcels:
      for: {each: parcel, in: "${ [1, 2, 3, 4, 5, 6] }"}
      do:
        - weigh: {call: "gate:1.0.0@python", with: {parcel: "${ $parcel }"}}
"""
)


class Gate:
    """A function of workflows that returns as often as it is let."""

    def __init__(self) -> None:
        self.entered = 0
        self.calls: list[object] = []
        self._let = asyncio.Semaphore(0)

    async def __call__(self, given: object) -> object:
        self.entered += 1
        await self._let.acquire()
        self.calls.append(given)
        return {"kilos": 3}

    def let(self, times: int = 1) -> None:
        for _ in range(times):
            self._let.release()


def walk(folder: Path, body: Callable[[Bench, Gate], Awaitable[None]]) -> None:
    async def bounded() -> None:
        gate, functions = Gate(), Functions()
        functions.register("gate", "1.0.0", gate)
        async with asyncio.timeout(30), bench(folder, functions=functions) as made:
            await body(made, gate)

    asyncio.run(bounded())


async def started(b: Bench, source: str) -> str:
    run = await b.node.start(StartRun(source, Path("working.yaml")))
    await b.open(run.id)
    return run.id


def test_a_run_at_work_is_held_when_its_effect_is_done(tmp_path: Path) -> None:
    async def body(b: Bench, gate: Gate) -> None:
        run = await started(b, WORK)
        await b.until(lambda: gate.entered == 1)
        await b.press("p")
        await b.until(lambda: any("held before its next task" in note.message for note in b.app._notifications))
        assert b.mode == "LIVE"
        gate.let()
        await b.until(lambda: b.mode == "PAUSED")
        await b.settle()
        assert b.screen.query_one(SourceView).current == "/do/1/label"
        assert (await b.node.run(run)).status == "held"
        assert "held before /do/1/label" in await b.text("#says")
        await b.press("n")
        await b.until(lambda: b.screen.query_one(SourceView).current == "/do/2/send")
        assert "3 kg" in await b.text("#state")
        await b.press("c")
        await b.until(lambda: b.screen.position.run.status == "completed")
        assert len(gate.calls) == 1

    walk(tmp_path, body)


def test_a_run_without_end_stands_still_once_it_is_paused(tmp_path: Path) -> None:
    async def body(b: Bench, _: Gate) -> None:
        run = (await b.node.start(StartRun(ENDLESS, Path("working.yaml")))).id
        b.app.open_run(run)  # nothing here ever settles while it goes on
        await b.until(lambda: b.screen.position is not None and b.screen.position.total > 30)
        await b.pilot.press("p")
        await b.until(lambda: b.mode == "PAUSED")
        await b.settle()
        held = await b.node.run(run)
        assert (held.status, held.seq) == ("held", b.cursor)
        await b.pilot.press("n")
        await b.until(lambda: b.cursor > held.seq and b.mode == "PAUSED")
        await b.pilot.press("c")
        await b.until(lambda: b.mode == "LIVE" and b.screen.position.total > held.seq + 30)
        await b.pilot.press("p")
        await b.until(lambda: b.mode == "PAUSED")
        await b.node.cancel(run)

    walk(tmp_path, body)


def test_what_a_breakpoint_writes_appears_while_the_run_goes_on(tmp_path: Path) -> None:
    async def body(b: Bench, gate: Gate) -> None:
        run = (await ran(b.node, PARCELS, hold=True)).id
        await b.open(run)
        b.screen.query_one(SourceView).go_to("/do/0/parcels/do/0/weigh")
        b.screen.query_one(SourceView).focus()
        await b.press("B")
        await b.until(lambda: type(b.app.screen).__name__ == "BreakDialog" and b.app.focused is not None)
        b.app.screen.query_one("#field-log", Input).value = "parcel ${ $parcel } is weighed"
        await b.pilot.press("enter")
        await b.until(lambda: b.app.screen is b.screen and bool(b.screen.query_one(BreakPane).breakpoints))
        for _ in range(6):
            if b.screen.focused is not b.screen.query_one(BreakPane):
                await b.press("tab")
        assert "log parcel ${ $parcel } is weighed" in await b.text("#breaks")
        await b.press("c")

        async def reads(words: str) -> None:
            shown = ""
            try:
                async with asyncio.timeout(10):
                    while words not in (shown := await b.text("#breaks")):
                        await b.pilot.pause(0.01)
            except TimeoutError:
                raise AssertionError(f"{words!r} is not shown:\n{shown}") from None

        await reads("parcel 1 is weighed")
        assert "parcel 2 is weighed" not in await b.text("#breaks")
        gate.let(2)
        await reads("parcel 3 is weighed")
        assert b.screen.position.run.status == "running"
        gate.let(4)
        await b.until(lambda: b.screen.position.run.status == "completed")
        await reads("parcel 6 is weighed")
        pane = b.screen.query_one(BreakPane)
        logged = [line for line in pane.lines if (line.key or "").startswith("@")]
        assert len(logged) == 6

    walk(tmp_path, body)


def test_with_a_filter_on_the_timeline_grows_by_what_fits(tmp_path: Path) -> None:
    async def body(b: Bench, gate: Gate) -> None:
        run = await started(b, PARCELS)
        await b.until(lambda: gate.entered == 1)
        timeline = b.screen.query_one(Timeline)
        await b.press("f", *"type:command.completed", "enter")
        await b.until(lambda: timeline.filtered)
        assert "command.completed" not in await b.text("#timeline")

        async def rows() -> int:
            return (await b.text("#timeline")).count("command.completed")

        for times in (1, 2, 3):
            gate.let(times)
            expected = sum((1, 2, 3)[:times])
            async with asyncio.timeout(10):
                while await rows() != expected:
                    await b.pilot.pause(0.01)
            assert "command.issued" not in await b.text("#timeline")
        await b.until(lambda: b.screen.position.run.status == "completed")
        found = await b.node.find(run, Query(types=("command.completed",)))
        assert len(found.seqs) == await rows() == 6

    walk(tmp_path, body)


def test_another_outcome_is_given_in_the_dialog_and_the_effect_is_not_repeated(tmp_path: Path) -> None:
    async def body(b: Bench, gate: Gate) -> None:
        gate.let(8)
        run = await ran(b.node, WORK)
        assert (run.output, len(gate.calls)) == ({"sent": "3 kg"}, 1)
        await b.open(run.id)
        await b.press("[", "F")
        await b.until(lambda: type(b.app.screen).__name__ == "ForkDialog" and isinstance(b.app.focused, TextArea))
        dialog = b.app.screen
        await b.pilot.press("ctrl+pagedown")
        area = dialog.query_one("#outcome", TextArea)
        await b.until(lambda: b.app.focused is area)
        assert json.loads(area.text) == {"output": {"kilos": 3}}
        line = next(at for at, text in enumerate(area.text.split("\n")) if "kilos" in text)
        await b.pilot.press(*["down"] * line, "end", "backspace", "9")
        changes = dialog.query_one("#changes", LinesView)
        await b.until(lambda: any("9" in each.text for each in changes.lines))
        await b.pilot.press("ctrl+s")
        await b.until(lambda: b.app.screen is b.screen and b.screen.position.run.id != run.id)
        await b.settle()
        assert b.mode.startswith("FORK of ")
        assert b.mode.endswith("PAUSED")
        await b.press("c")
        await b.until(lambda: b.screen.position.run.status == "completed")
        await b.settle()
        assert b.screen.position.run.output == {"sent": "9 kg"}
        assert "9 kg" in await b.text("#state")
        assert len(gate.calls) == 1
        assert (await b.node.run(run.id)).output == {"sent": "3 kg"}

    walk(tmp_path, body)
