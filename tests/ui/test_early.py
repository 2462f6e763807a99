"""Keys pressed while the node is looked for: nothing is lost, nothing comes twice, nothing acts unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.widgets import Input

from reach_workbench.errors import NodeUnreachable
from reach_workbench.node.local import LocalNode
from reach_workbench.ui.app import Workbench
from tests.ui.conftest import FAULTY, Desk, Place

Go = Callable[[Any], None]


@asynccontextmanager
async def before(
    place: Place, node: LocalNode, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Desk, asyncio.Event]]:
    """Sit down at a workbench whose node is found once the event is set."""
    there = asyncio.Event()

    async def connect() -> LocalNode:
        await there.wait()
        return node

    app = Workbench(connect, workspace=place.workspace, config=place.config)
    async with app.run_test(size=size) as pilot:
        desk = Desk(node, app, pilot, place.folder)
        await desk.until_shown("CONNECTING")
        yield desk, there


def told(desk: Desk) -> list[Any]:
    """The notices on the screen."""
    return list(desk.app._notifications)


def test_a_digit_leads_to_its_screen_once_the_node_is_there(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, before(place, node) as (desk, there):
            await desk.press("4", "3")
            await desk.until_shown("Then: Runs")
            there.set()
            await desk.until_screen("RunsScreen")
            assert desk.app.session.get("screen") == "runs"

    go(body)


def test_what_was_typed_is_played_once_and_in_its_order(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            await place.run(node)
            await place.run(node, FAULTY, name="broken")
            async with before(place, node) as (desk, there):
                await desk.press("3", "slash", *"bro33")
                await desk.until_shown("Kept until then: / b r o 3 3")
                there.set()
                await desk.press("backspace", "backspace")
                await desk.until_screen("RunsScreen")
                await desk.until(lambda: desk.app.screen.query_one(Input).value == "bro")
                await desk.until_shown("Runs: “bro”")
                await desk.press("k", "x")
                await desk.until(lambda: desk.app.screen.query_one(Input).value == "brokx")

    go(body)


def test_a_key_that_would_act_on_what_was_not_seen_is_left_and_told(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await node.run((await place.run(node, hold=True)).id)
            place.remember(screen="debug", run=run.id)
            async with before(place, node) as (desk, there):
                await desk.press("left_square_bracket", "n", "n", "x", "y")
                there.set()
                await desk.until_screen("DebugScreen")
                await desk.until(lambda: any(each.message.startswith("n n x y\n") for each in told(desk)))
                await desk.until_shown("PAST")
                assert await node.run(run.id) == run

    go(body)


def test_text_is_not_typed_unseen_into_a_file(place: Place, go: Go) -> None:
    async def body() -> None:
        file = place.workspace / "one.yaml"
        file.write_text("document: {}\n", "utf-8")
        place.remember(screen="flows", **{"flows.file": str(file)})
        async with place.node() as node, before(place, node) as (desk, there):
            await desk.press("h", "i")
            there.set()
            await desk.until(lambda: any(each.title == "Keys left out" for each in told(desk)))
            assert desk.app.screen.editor.text == "document: {}\n"

    go(body)


def test_a_command_of_the_palette_waits_for_the_node_too(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, before(place, node) as (desk, there):
            await desk.press("colon")
            await desk.until_screen("Palette")
            await desk.press(*"schedules", "enter")
            await desk.until_shown("Then: System")
            there.set()
            await desk.until_screen("SystemScreen")
            await desk.until_shown("Nothing starts by itself.")

    go(body)


def test_help_read_while_the_node_comes_is_left_for_the_screens(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, before(place, node) as (desk, there):
            await desk.press("3", "question_mark")
            await desk.until_screen("Help")
            there.set()
            await desk.until(lambda: desk.app.connected)
            await desk.until_screen("Help")
            await desk.press("escape")
            await desk.until_screen("RunsScreen")

    go(body)


def test_leaving_waits_for_no_node(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            for key in ("q", "ctrl+q"):
                async with before(place, node) as (desk, _):
                    await desk.press("slash", "a", key)
                    await desk.until(lambda desk=desk: desk.app._exit)

    go(body)


def test_keys_wait_while_a_node_can_not_be_reached(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            refuse = True

            async def connect() -> LocalNode:
                if refuse:
                    raise NodeUnreachable("nobody answers")
                return node

            app = Workbench(connect, workspace=place.workspace, config=place.config)
            async with app.run_test(size=(80, 24)) as pilot:
                desk = Desk(node, app, pilot, place.folder)
                await desk.until_shown("nobody answers")
                await desk.press("7", "s")
                await desk.until_shown("Kept until then: s")
                refuse = False
                await desk.press("f12")
                await desk.until_screen("SystemScreen")
                await desk.until_shown("Nothing starts by itself.")

    go(body)
