"""Screen 3, by its keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.screen import ModalScreen
from textual.widgets import Input

from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.runs import RunsScreen
from tests.ui.conftest import FAULTY, HEAD, LISTENING, Place
from tests.ui.performing import performs

Go = Callable[[Any], None]


def test_a_run_appears_as_it_starts_and_changes_as_it_goes_on(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.until_shown("No run yet.")
            run = await place.run(node, LISTENING, "quiet")
            await desk.until_shown("◷ waiting")
            await node.publish({"type": "go", "source": "/tests", "data": {}})
            await node.wait(run.id)
            await desk.until_shown("✓ completed")

    go(body)


@performs("runs.filter")
def test_the_filter_narrows_by_status_workflow_and_text(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            await place.run(node, name="alpha")
            await place.run(node, FAULTY, "beta")
            async with place.desk(node) as desk:
                table = desk.app.screen.query_one("#list")
                await desk.until(lambda: len(table.rows) == 2)
                for typed, left in (("faulted", "beta"), ("tests/alpha", "alpha"), ("bet", "beta")):
                    await desk.press("slash")
                    desk.app.screen.query_one(Input).value = typed
                    await desk.until(lambda left=left: [left in row.cells[2] for row in table.rows] == [True])
                    await desk.press("enter")
                await desk.press("escape")
                await desk.until(lambda: len(table.rows) == 2)

    go(body)


@performs("runs.open")
def test_enter_opens_the_run_under_the_cursor(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("enter")
                await desk.until_screen("DebugScreen")
                assert desk.app.run_id == run.id

    go(body)


@performs("runs.compare")
def test_two_runs_are_compared_standing_on_the_first_difference(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            one = await place.run(node, "do: [{first: {set: {x: 1}}}, {second: {set: {y: 2}}}]")
            other = await place.run(node, "do: [{first: {set: {x: 1}}}, {second: {set: {y: 3}}}]")
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("c", "down", "c")
                await desk.until_screen("Compared")
                found = await node.compare(one.id, desk.app.screen._runs[0].id)
                assert f"{found.common} events are the same" in desk.shown()
                await desk.press("1")
                await desk.until_screen("DebugScreen")
                assert desk.app.run_id in (one.id, other.id)

    go(body)


def test_each_of_two_compared_runs_opens_at_its_own_event(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            one = await place.run(node, "do: [{first: {set: {x: 1}}}, {second: {set: {y: 2}}}]")
            second = "do: [{first: {set: {x: 1}}}, {second: {set: {y: 3}}}]"
            source, file = HEAD.format(name="example") + second, place.workspace / "example.yaml"
            other = await node.wait((await node.start(StartRun(source, file, hold=True))).id)
            await node.suspend(other.id)
            await node.resume(other.id)
            other = await node.wait(other.id)
            found = await node.compare(one.id, other.id)
            assert found.left.seq + 2 == found.right.seq  # suspended and resumed
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("c", "down", "c")
                await desk.until_screen("Compared")
                opened = [run.id for run in desk.app.screen._runs]
                await desk.press(str(opened.index(other.id) + 1))
                await desk.until_screen("DebugScreen")
                await desk.until(lambda: desk.app.screen.position.cursor == found.right.seq)
                assert desk.app.run_id == other.id

    go(body)


@performs("runs.fork", "runs.lineage")
def test_a_fork_stands_under_the_run_it_came_from(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            await place.run(node, name="stranger")
            async with place.desk(node) as desk:
                screen = desk.app.screen
                assert isinstance(screen, RunsScreen)
                await desk.until(lambda: len(screen.table.rows) == 2)
                screen.table.go_to(run.id)
                await desk.press("F")
                await desk.until_screen("DebugScreen")
                fork = await node.run(str(desk.app.run_id))
                assert (fork.forked_from, fork.forked_at) == (run.id, run.seq - 1)
                await desk.press("3")
                await desk.until(lambda: len(screen.table.rows) == 3)
                screen.table.go_to(fork.id)
                await desk.press("l")
                await desk.until(lambda: [row.key for row in screen.table.rows] == [run.id, fork.id])
                assert screen.table.rows[1].cells[2].startswith("└ ")
                await desk.press("escape")
                await desk.until(lambda: len(screen.table.rows) == 3)

    go(body)


@performs("runs.verify")
def test_a_run_is_verified_with_its_digest(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("V")
                await desk.until_screen("Tell")
                await desk.until_shown("REPLAY ✓")
                assert run.digest[:40] in desk.shown().replace("\n", "")

    go(body)


@performs("runs.suspend", "runs.resume", "runs.cancel")
def test_a_run_is_suspended_resumed_and_after_a_second_key_cancelled(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node, LISTENING)
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("s")
                await desk.until_shown("‖ suspended")
                await desk.press("r")
                await desk.until_shown("◷ waiting")
                await desk.press("x")
                await desk.until_screen("Confirm")
                await desk.press("x", "escape")
                assert (await node.run(run.id)).status == "waiting"
                await desk.press("x")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until_shown("⊘ cancelled")

    go(body)


@performs("runs.export")
def test_a_run_is_exported_into_the_file_that_is_named(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            await place.run(node)
            async with place.desk(node) as desk:
                await desk.until(lambda: desk.app.screen.current)
                await desk.press("e")
                await desk.until_screen("AskText")
                file = place.workspace / "kept.reach"
                desk.app.screen.query_one(Input).value = str(file)
                await desk.press("enter")
                await desk.until_screen("Confirm")  # this node has no key to sign with
                await desk.press("escape")
                await desk.until(lambda: not isinstance(desk.app.screen, ModalScreen))
                assert not file.exists()
                await desk.press("e")
                await desk.until_screen("AskText")
                desk.app.screen.query_one(Input).value = str(file)
                await desk.press("enter")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until(file.exists)
                await desk.until(lambda: not isinstance(desk.app.screen, ModalScreen))
                await desk.press("e")
                await desk.until_screen("AskText")
                desk.app.screen.query_one(Input).value = str(file / "below")
                await desk.press("enter")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until_shown("✗")  # and what was typed is still there
                assert desk.app.screen.query_one(Input).value == str(file / "below")

    go(body)


def test_more_runs_are_read_when_the_cursor_comes_to_the_end(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            for _ in range(103):
                await place.run(node, "do: [{only: {set: {x: 1}}}]")
            async with place.desk(node) as desk:
                table = desk.app.screen.query_one("#list")
                await desk.until(lambda: len(table.rows) == 100)
                await desk.press("G")
                await desk.until(lambda: len(table.rows) == 103)

    go(body)


@pytest.mark.parametrize(("size", "whole"), [((80, 24), False), ((120, 36), True), ((200, 60), True)])
def test_a_long_name_is_shown_whole_where_there_is_room(
    place: Place, go: Go, size: tuple[int, int], whole: bool
) -> None:
    name = "replenish-the-shelves-every-night"

    async def body() -> None:
        async with place.node() as node, place.desk(node, size=size) as desk:
            await place.run(node, name=name)
            await desk.until_shown("✓ completed")
            line = next(line for line in desk.shown().split("\n") if "✓ completed" in line)
            assert (f"tests/{name} " in line) is whole
            assert ("…  ✓ completed" in line) is not whole

    go(body)
