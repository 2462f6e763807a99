"""A reviewer is told of what comes to wait, wherever they are; a thousand gates do not hold up a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from textual.drivers.headless_driver import HeadlessDriver

from reach_workbench.errors import ReachError
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import GateState, GateView
from reach_workbench.ui.debug.timeline import Timeline
from reach_workbench.ui.notice import notice
from reach_workbench.ui.table import Table
from tests.ui.conftest import Desk
from tests.ui.gating import Court, court
from tests.ui.performing import performs
from tests.ui.test_inbox import notified

Go = Callable[[Callable[[], Any]], None]

__all__ = ["court"]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The notices that are written to the terminal."""
    written: list[str] = []

    def write(_: HeadlessDriver, data: str) -> None:
        if data.startswith(("\x1b]9;", "\x1b]777;")):
            written.append(data)

    monkeypatch.setattr(HeadlessDriver, "write", write)
    monkeypatch.delenv("TMUX", raising=False)
    return written


def test_a_gate_that_opens_is_told_on_every_screen_and_through_the_terminal(
    court: Court, go: Go, heard: list[str]
) -> None:
    async def body() -> None:
        async with court.node() as node, court.desk(node, screen="runs") as desk:
            run = await court.hold(node)
            await notified(desk, "shell.run of tests/writer:1.0.0, asked for by ada")
            await notified(desk, "4  the Inbox")
            await desk.until_shown("◆ 1")
            words = "shell.run of tests/writer:1.0.0, asked for by ada"
            assert "".join(heard) == (
                f"\x1b]9;An action waits for approval: {words}\a\x1b]777;notify;An action waits for approval;{words}\a"
            )
            await desk.press("4")
            await desk.until_shown("◆ gate")
            await node.cancel(run.id)
            await desk.until_shown("Nothing waits for you")
            assert "◆" not in desk.shown().split("\n")[0]

    go(body)


def test_no_notice_lies_upon_an_action_that_is_to_be_signed(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            async with court.desk(node, (80, 24)) as desk:
                await desk.until_shown("◆ gate")
                desk.app._disable_notifications = False  # as it is outside of tests
                await desk.press("a")
                await desk.until_screen("VerdictDialog")
                desk.app.notify("in the way", timeout=60)
                await desk.until(lambda: desk.app.screen.query("Toast"))
                await desk.pilot.pause(0.1)
                assert "in the way" not in desk.shown()

    go(body)


def test_the_terminal_is_left_alone_where_the_setting_says_so(court: Court, go: Go, heard: list[str]) -> None:
    async def body() -> None:
        async with court.node() as node, court.desk(node, screen="runs", notify_terminal=False) as desk:
            await court.hold(node)
            await notified(desk, "shell.run of tests/writer")
            assert heard == []

    go(body)


def test_gates_of_before_are_shown_and_not_announced(court: Court, go: Go, heard: list[str]) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            async with court.desk(node, screen="runs") as desk:
                await desk.until_shown("◆ 1")
                assert not [note for note in desk.app._notifications if "waits for approval" in note.title]
                assert heard == []

    go(body)


def test_a_notice_says_nothing_to_the_terminal_but_its_words() -> None:
    said = notice("a;b\x1b]0;evil\a", "c\nd\u202e" + "x" * 500)
    assert said.count("\x1b") == 2
    assert said.count("\a") == 2
    assert said.split("\a")[1].startswith("\x1b]777;notify;a b ]0 evil ;c d")
    through = notice("a", "b", multiplexed=True)
    assert through == "\x1bPtmux;\x1b\x1b]9;a: b\a\x1b\\\x1bPtmux;\x1b\x1b]777;notify;a;b\a\x1b\\"


class Many:
    """A node at which as many gates wait as are asked for."""

    def __init__(self, node: LocalNode, like: GateView, count: int) -> None:
        import dataclasses

        self._node = node
        self.asked: list[int] = []
        self._gates = [
            dataclasses.replace(like, id=f"gate{n:06}", run=f"run{n:06}", opened_at=like.opened_at + n)
            for n in range(count)
        ]
        self.slow = asyncio.Event()
        self.slow.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def gates(
        self, *, state: GateState = "open", run: str | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[GateView]:
        self.asked.append(limit)
        if after is not None:
            await self.slow.wait()
        start = next((n + 1 for n, gate in enumerate(self._gates) if gate.id == after), 0)
        return self._gates[start : start + limit]

    async def gate(self, gate: str) -> GateView:
        return next(each for each in self._gates if each.id == gate)


def test_a_thousand_gates_are_counted_the_first_page_at_once(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            many: Any = Many(node, (await node.gates())[0], 1000)
            many.slow.clear()
            async with court.desk(many) as desk:
                await desk.until_shown("100+")
                assert len(desk.app.screen.query_one(Table).rows) == 100
                many.slow.set()
                await desk.until_shown("◆ 1,000")
                await desk.until_shown("─ 1,000 ─")
                assert len(desk.app.screen.query_one(Table).rows) == 1000
                await desk.press("end")
                await desk.until_shown("gate000999")
                took = [await _repaint(desk, key) for key in ["up"] * 20 + ["pageup"] * 5]
                assert sorted(took)[len(took) // 2] < 0.05

    go(body)


async def _repaint(desk: Desk, key: str) -> float:
    """From a key in the app's queue to a table whose cursor stands elsewhere and is painted."""
    table = desk.app.screen.query_one(Table)
    before = table.place
    began = time.perf_counter()
    table.action_cursor(-1) if key == "up" else table.action_page(-1)
    table.refresh()
    desk.app.screen._on_timer_update()
    desk.app.screen._compositor.render_strips()
    took = time.perf_counter() - began
    assert table.place != before
    await desk.pilot.pause()
    return took


@performs("debug.mark", "debug.mark-back")
def test_the_marks_of_the_debugger_stop_at_gates(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            [gate] = await node.gates()
            await court.add(node, "lin")
            await node.decide(gate.id, court.signed(gate, "approve", "lin"))
            run = await node.wait(run.id)
            events = (await node.page(run.id, 1, run.seq)).events
            opened, closed = [event.seq for event in events if event.type in ("gate.opened", "gate.closed")]
            async with court.desk(node, (220, 45), screen="debug") as desk:
                desk.app.open_run(run.id, 1)
                await desk.until(lambda: desk.app.header.position == 1)
                await desk.press("}")
                await desk.until(lambda: desk.app.header.position == opened)
                await desk.until_shown("approved by lin")
                await desk.until_shown("waits for 1 approval")
                for key, there in (("}", closed), ("{", opened), ("G", run.seq), ("{", closed), ("{", opened)):
                    await desk.press(key)
                    await desk.until(lambda there=there: desk.app.header.position == there)
                timeline = desk.app.screen.query_one(Timeline)
                marks = [(row.type, row.mark) for seq in range(1, 12) if (row := timeline.row(seq)) is not None]
                gates = [each for each in marks if each[0].startswith(("policy", "gate"))]
                assert gates == [("policy.decided", "◆"), ("gate.opened", "◆"), ("gate.closed", "◆")]

    go(body)


class Failing(Many):
    """A node that fails once when it is asked for what came to wait."""

    fails = 0

    async def gate(self, gate: str) -> GateView:
        if self.fails:
            self.fails -= 1
            raise ReachError("out of order")
        return await self._node.gate(gate)

    async def gates(self, **more: Any) -> Sequence[GateView]:
        return await self._node.gates(**more)


def test_what_could_not_be_read_is_read_again(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            failing: Any = Failing(node, (await node.gates())[0], 0)
            async with court.desk(failing, screen="runs") as desk:
                await desk.until_shown("◆ 1")
                failing.fails = 1
                await court.hold(node)
                await notified(desk, "out of order")
                await desk.until_shown("◆ 2")

    go(body)
