"""In the debugger: an effect in doubt is decided, a history that replays otherwise is shown beside its replay."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from textual.widgets import Input

from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.debug.screen import DebugScreen
from tests.ui.conftest import HEAD, Place

Go = Callable[[Callable[[], Any]], None]
SLOW = "do: [{slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"


def test_an_effect_in_doubt_is_decided_from_the_debugger(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await node.start(StartRun(HEAD.format(name="slow") + SLOW, place.workspace / "slow.yaml"))
            while not (place.workspace / "marks").exists():
                await asyncio.sleep(0.01)
        async with place.node() as node:
            await node.recover()
            await node.wait(run.id)
            async with place.desk(node, "debug") as desk:
                desk.app.open_run(run.id)
                await desk.until_shown("r decides")
                await desk.press("r")
                await desk.until_screen("Choose")
                await desk.until_shown("sleep 30")
                await desk.press("2")
                await desk.until_screen("AskText")
                desk.app.screen.query_one(Input).value = '{"as": "if"'
                await desk.press("enter")
                await desk.until_shown("✗ that is not JSON")
                await desk.press("end", "}")
                assert desk.app.screen.query_one(Input).value == '{"as": "if"}'
                await desk.press("enter")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until_screen("DebugScreen")
                await desk.until_shown("completed")
                assert (await node.wait(run.id)).output == {"as": "if"}
                assert (place.workspace / "marks").read_text() == "begun\n"

    go(body)


def test_a_damaged_history_fails_its_replay_at_that_event(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
        database = place.folder / "home" / "reach.db"
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE events SET digests = zeroblob(4) || substr(digests, 5)")
        connection.close()
        async with place.node() as node, place.desk(node, "debug", (160, 45)) as desk:
            desk.app.open_run(run.id)
            await desk.until_screen("DebugScreen")
            screen = desk.app.screen
            assert isinstance(screen, DebugScreen)
            await desk.until(lambda: screen.position is not None)
            await desk.press("V")
            await desk.until(lambda: desk.app.header.mode.startswith("REPLAY ✗ at"))
            await desk.until_shown("recorded and replayed")
            found = screen.position.verification if screen.position is not None else None
            assert found is not None and not found.ok
            assert screen.position is not None and screen.position.cursor == found.seq
            await desk.until_shown("│ replayed")

    go(body)


def test_a_program_that_leads_elsewhere_is_shown_at_the_first_event_that_differs(place: Place, go: Go) -> None:
    steps = "do: [{first: {set: {x: 1}}}, {second: {set: {y: '${ .x + 1 }'}}}, {third: {set: {z: '${ .y }'}}}]"

    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node, steps)
            assert run.output == {"z": 2}
        with sqlite3.connect(place.folder / "home" / "reach.db") as connection:
            changed = connection.execute("UPDATE programs SET source = replace(source, '.x + 1', '.x + 40')")
            assert changed.rowcount == 1
        connection.close()
        async with place.node() as node, place.desk(node, "debug", (160, 45)) as desk:
            desk.app.open_run(run.id)
            await desk.until_screen("DebugScreen")
            screen = desk.app.screen
            assert isinstance(screen, DebugScreen)
            await desk.until(lambda: screen.position is not None)
            await desk.press("V")
            await desk.until(lambda: desk.app.header.mode.startswith("REPLAY ✗ at"))
            events = [event async for event in node.events(run.id)]
            differs = next(each for each in events if each.type == "task.completed" and each.task == "/do/1/second")
            assert screen.position is not None and screen.position.verification is not None
            assert screen.position.verification.problem == "diverged"
            assert screen.position.cursor == differs.seq
            assert desk.app.header.mode == f"REPLAY ✗ at {differs.seq}"
            await desk.until_shown("│ replayed")
            line = next(line for line in desk.shown().split("\n") if "≠" in line)
            assert ['"y": 2' in line, '"y": 41' in line] == [True, True]
            assert line.index('"y": 2') < line.index("│", line.index('"y": 2')) < line.index('"y": 41')

    go(body)
