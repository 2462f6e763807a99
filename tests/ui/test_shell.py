"""What every screen shares: going about, panes, palette, help, themes, copying, the tour, leaving, the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.widgets import Input

from reach_workbench.errors import NodeUnreachable
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView
from reach_workbench.ui.app import Workbench
from reach_workbench.ui.config import read
from tests.ui.conftest import LISTENING, Desk, Place
from tests.ui.performing import performs

Go = Callable[[Any], None]


@performs("app.flows", "app.debug", "app.runs", "app.inbox", "app.nodes", "app.audit", "app.system")
def test_the_digits_lead_to_the_screens(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            for key, name in zip(
                "2345671", ("Debug", "Runs", "Inbox", "Nodes", "Audit", "System", "Flows"), strict=True
            ):
                await desk.press(key)
                await desk.until_screen(f"{name}Screen")
            assert desk.app.session.get("screen") == "flows"

    go(body)


@performs("app.palette")
def test_the_palette_finds_any_action_and_performs_it(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("colon")
            await desk.until_screen("Palette")
            await desk.press(*"schedules")
            await desk.until_shown("What starts by itself")
            await desk.press("enter")
            await desk.until_screen("SystemScreen")
            await desk.until_shown("Nothing starts by itself.")

    go(body)


@performs("app.help")
def test_help_lists_the_keys_of_the_screen(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("question_mark")
            await desk.until_screen("Help")
            await desk.until_shown("Open the run in the debugger.")
            await desk.press("escape")
            await desk.until_screen("RunsScreen")

    go(body)


@performs("app.jump", "app.next-pane", "app.previous-pane", "app.grow", "app.shrink")
def test_panes_take_the_focus_and_grow(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            await place.run(node)
            async with place.desk(node) as desk:
                screen = desk.app.screen
                await desk.until(lambda: screen.current and screen.focused is screen.table)
                detail = screen.query_one("#detail")
                await desk.press("tab")
                assert screen.focused is detail
                await desk.press("shift+tab")
                assert screen.focused is screen.table
                await desk.press("ctrl+o")
                await desk.until_screen("Jump")
                await desk.press("s")
                await desk.until(lambda: screen.focused is detail)
                await desk.press("plus", "plus")
                await desk.until(lambda: screen.maximized is detail)
                await desk.press("underscore", "underscore")
                await desk.until(lambda: screen.maximized is None)

    go(body)


@performs("app.copy")
def test_copy_takes_the_run_under_the_cursor(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("y")
                await desk.until(lambda: desk.app.clipboard == run.id)

    go(body)


@performs("app.theme")
def test_a_theme_is_chosen_and_remembered(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("f2")
            await desk.until_screen("Choose")
            await desk.press("2")
            await desk.until(lambda: desk.app.theme == "textual-light")
            await desk.until(lambda: read(place.config).theme == "textual-light")

    go(body)


@performs("app.tour")
def test_the_tour_starts_a_sample_and_follows_what_is_pressed(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("f3")
            await desk.until_screen("Choose")
            await desk.press("1")
            await desk.until_screen("DebugScreen")
            await desk.until_shown("Tour 1/8")
            assert (await node.run("last")).status == "held"
            await desk.press("f3")
            await desk.until_shown("Tour 2/8")
            await desk.press(*["f3"] * 6)
            await desk.until_shown("(F3 ends the tour)")
            await desk.press("f3")
            await desk.until(lambda: "Tour" not in desk.shown())

    go(body)


@performs("app.quit")
def test_leaving_asks_while_runs_are_active(place: Place, go: Go) -> None:
    async def body() -> None:
        stopped = asyncio.Event()

        async def stop() -> None:
            stopped.set()

        async with place.node() as node:
            await place.run(node, LISTENING)
            async with place.desk(node, stop=stop) as desk:
                await desk.press("q")
                await desk.until_shown("1 run is active:")
                await desk.press("3")
                await desk.until_screen("RunsScreen")
                await desk.press("q")
                await desk.until_screen("Choose")
                await desk.press("2")
                await asyncio.wait_for(stopped.wait(), 10)

    go(body)


class Cut:
    """A node over a line that can be cut."""

    def __init__(self, node: LocalNode) -> None:
        self._node = node
        self.cut = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def close(self) -> None:
        """The line ends; the node stays."""

    async def activity(self) -> AsyncIterator[RunView]:
        yield await self._node.run("last")
        await self.cut.wait()
        raise NodeUnreachable("the line was cut")


@asynccontextmanager
async def losing(
    place: Place, node: LocalNode, size: tuple[int, int] = (100, 30)
) -> AsyncIterator[tuple[Desk, Callable[[bool], None]]]:
    """A desk at the runs, and what takes its node away, or gives it back with False."""
    lines: list[Cut] = []
    refuse = False

    async def connect() -> Any:
        if refuse:
            raise NodeUnreachable("nobody answers")
        lines.append(Cut(node))
        return lines[-1]

    def lose(away: bool = True) -> None:
        nonlocal refuse
        refuse = away
        lines[-1].cut.set()

    place.remember(screen="runs")
    app = Workbench(connect, workspace=place.workspace, config=place.config)
    async with app.run_test(size=size) as pilot:
        desk = Desk(node, app, pilot, place.folder)
        await desk.until(lambda: app.connected and len(app.screen_stack) > 1)
        yield desk, lose


@performs("app.reconnect")
def test_a_lost_node_is_said_and_found_again_with_nothing_missed(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            await place.run(node)
            async with losing(place, node) as (desk, lose):
                lose(True)
                await desk.until_shown("NODE LOST")
                await place.run(node, name="meanwhile")
                lose(False)
                await desk.press("f12")
                await desk.until_shown("meanwhile")
                assert desk.app.connected
                assert "NODE LOST" not in desk.shown()

    go(body)


def test_keys_can_be_changed_and_mistakes_in_it_are_told(place: Place, go: Go) -> None:
    (place.config / "workbench.toml").write_text('[keys]\n"app.help" = "h"\n"app.nothing" = "z"\n', "utf-8")

    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            assert "no action 'app.nothing'" in desk.app.config.problems[0]
            await desk.press("h")
            await desk.until_screen("Help")

    go(body)


def test_a_damaged_session_is_a_new_one(place: Place, go: Go) -> None:
    from reach_workbench.ui.session import Session

    file = place.config / "session.json"
    for damaged in ('{"screen": ', "[]", "\x00\x01"):
        file.write_text(damaged, "utf-8")
        session = Session(file)
        assert session.get("screen", "flows") == "flows"
        session.put("screen", "runs")
        session.save()
        assert Session(file).get("screen", "flows") == "runs"


@performs("nodes.refresh", "inbox.open", "inbox.resolve")
def test_screens_without_content_say_what_will_stand_there(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "inbox") as desk:
            await desk.until_shown("Nothing waits for you.")
            await desk.press("enter", "r")
            await desk.until(
                lambda: any("Nothing waits for a decision" in each.message for each in desk.app._notifications)
            )
            await desk.press("5", "r")
            await desk.until_shown("No peer yet.")
            await desk.until_shown(str((await node.info()).pid))
            await desk.press("6")
            await desk.until_shown("No audit record yet.")

    go(body)


@performs("system.schedules", "system.requeue", "system.drop")
def test_the_system_screen_shows_queue_and_schedules(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "system") as desk:
            await desk.until_shown("The queue is empty")
            await desk.press("r", "x")
            await desk.until(lambda: any("not on a dead letter" in each.message for each in desk.app._notifications))
            await desk.press("s")
            await desk.until_shown("Nothing starts by itself.")

    go(body)


def test_the_input_of_a_dialog_gives_its_text(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            asked = desk.app.run_worker(desk.app.ask_text("Name", "which?", "old"))
            await desk.until_screen("AskText")
            desk.app.screen.query_one(Input).value = "new"
            await desk.press("enter")
            assert await asked.wait() == "new"

    go(body)


def test_the_footer_names_a_key_that_acts_while_text_is_typed(place: Place, go: Go) -> None:
    async def body() -> None:
        (place.workspace / "one.yaml").write_text("document: {}\n", "utf-8")
        async with place.node() as node, place.desk(node, "flows") as desk:
            await desk.until_shown("one.yaml")
            await desk.until_shown("? all")
            await desk.press("down", "enter")
            await desk.until_shown("F1 all")
            await desk.press("escape")
            await desk.until_shown("? all")

    go(body)


@pytest.mark.parametrize(("screen", "seen", "behind"), [("flows", "one.yaml", "Graph"), ("debug", "Timeline", "State")])
def test_a_jump_leads_behind_the_tabs_of_a_small_terminal(
    place: Place, go: Go, screen: str, seen: str, behind: str
) -> None:
    async def body() -> None:
        (place.workspace / "one.yaml").write_text("document: {}\n", "utf-8")
        async with place.node() as node:
            run = await place.run(node)
            async with place.desk(node, screen, size=(80, 24)) as desk:
                if screen == "debug":
                    desk.app.open_run(run.id)
                else:
                    await desk.until_shown("one.yaml")
                    await desk.press("down", "enter")
                    await desk.until_shown("✗")  # the number of problems has moved the tabs
                await desk.until_shown(f"─ {seen} ─")
                await desk.press("ctrl+o")
                await desk.until_shown(f"─ {seen}  [a] ─")
                tabs = desk.shown().split("\n")[1]
                await desk.press(tabs[tabs.index(behind) - 1])
                await desk.until_shown(f"─ {behind} ─")
                assert desk.app.screen.focused.id == behind.lower()

    go(body)
