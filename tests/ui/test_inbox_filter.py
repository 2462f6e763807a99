"""The filter of the Inbox: by state, workflow and text, what waits and what was closed; and quick among many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Input

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.ui.table import Table
from tests.ui.conftest import HEAD, Desk
from tests.ui.gating import WRITES, Court, court
from tests.ui.performing import performs
from tests.ui.test_waiting import Many

Go = Callable[[Any], None]

__all__ = ["court"]


def held(desk: Desk) -> list[str]:
    """The workflows of the rows."""
    return [row.cells[3] for row in desk.app.screen.query_one(Table).rows]


@performs("inbox.filter")
@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_only_what_fits_is_shown_by_state_workflow_and_any_word(court: Court, go: Go, size: tuple[int, int]) -> None:
    async def body() -> None:
        async with court.node() as node:
            one = await court.hold(node, "echo apples", "fruit")
            await court.hold(node, "echo cabbage", "greens", requester="lin")
            gone = await court.hold(node, "echo pears", "fallen")
            await node.cancel(gone.id)
            async with court.desk(node, size=size) as desk:
                await desk.until(lambda: held(desk) == ["tests/fruit", "tests/greens"])
                for typed, left in (
                    ("apples", ["tests/fruit"]),
                    ("Lin", ["tests/greens"]),
                    ("tests/greens", ["tests/greens"]),
                    ("/do/0/write", ["tests/fruit", "tests/greens"]),
                    (one.id, ["tests/fruit"]),
                    ("open cabbage", ["tests/greens"]),
                    ("closed", ["tests/fallen"]),
                    ("cancelled pears", ["tests/fallen"]),
                    ("denied", []),
                ):
                    await desk.press("slash", "ctrl+u", *typed)
                    await desk.until(lambda left=left: held(desk) == left)
                    await desk.press("enter")
                    assert not isinstance(desk.app.screen.focused, Input)
                await desk.until_shown("Nothing fits the filter.")
                await desk.press("slash", "ctrl+u", *"closed", "enter")
                await desk.until_shown("⊘ cancell")
                await desk.press("a")
                await desk.until(lambda: any("It is closed" in each.message for each in desk.app._notifications))
                assert type(desk.app.screen).__name__ == "InboxScreen"
                await desk.press("escape")
                await desk.until(lambda: held(desk) == ["tests/fruit", "tests/greens"])

    go(body)


def test_among_a_thousand_a_letter_of_the_filter_is_quick(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            many: Any = Many(node, (await node.gates())[0], 1000)
            async with court.desk(many) as desk:
                await desk.until_shown("─ 1,000 ─")
                screen: Any = desk.app.screen
                await desk.press("slash", *"gate00050")
                await desk.until(lambda: [row.key for row in screen.query_one(Table).rows][:1] == ["gate000500"])
                assert len(screen.query_one(Table).rows) == 10
                began = time.perf_counter()
                for _ in range(10):
                    screen._paint()
                assert (time.perf_counter() - began) / 10 < 0.05

    go(body)


SUB = "do: [{before: {set: {x: 1}}}, {sub: {run: {workflow: {namespace: tests, name: child, version: 1.0.0}}}}]"


async def parent_at_gate(court: Court, node: LocalNode) -> RunView:
    """A run whose sub-workflow stands at a gate."""
    child = HEAD.format(name="child") + WRITES.format(command="echo inner")
    (court.place.workspace / "child.yaml").write_text(child, "utf-8")
    request = StartRun(HEAD.format(name="parent") + SUB, court.place.workspace / "parent.yaml")
    run = await node.start(request)
    while "at gate" not in ((await node.run(run.id)).waiting or ""):
        await asyncio.sleep(0.01)
    return run


def test_the_inbox_goes_to_the_gate_of_a_sub_workflow_of_the_open_run(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node, "echo other", "other")
            run = await parent_at_gate(court, node)
            await court.hold(node, "echo third", "third")
            async with court.desk(node, screen="debug") as desk:
                desk.app.open_run(run.id)
                await desk.until_shown("◆ 4 decides")
                await desk.press("4")
                await desk.until_screen("InboxScreen")
                table = desk.app.screen.query_one(Table)
                await desk.until(lambda: table.rows and table.rows[table.place].cells[3] == "tests/child")
                await desk.press("slash", *"third", "enter", "2", "4")
                await desk.until(lambda: len(table.rows) == 3 and table.rows[table.place].cells[3] == "tests/child")

    go(body)
