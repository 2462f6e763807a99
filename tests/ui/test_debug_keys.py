"""Every action of the debugger, by its key, over a real node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.widgets import Input, Static, TextArea

from reach_workbench.ui.debug.breakpane import BreakPane
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.source import SourceView
from reach_workbench.ui.debug.statepane import StatePane
from reach_workbench.ui.debug.timeline import Timeline
from reach_workbench.ui.frame import Footer
from tests.ui.debugging import FAILING, LISTENING, ORDERS, Bench, bench, ran
from tests.ui.performing import performs


def walk(folder: Path, body: Callable[[Bench], Awaitable[None]], size: tuple[int, int] = (160, 45)) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30), bench(folder, size) as made:
            await body(made)

    asyncio.run(bounded())


@performs("debug.over", "debug.into", "debug.out", "debug.continue")
def test_the_stepping_keys_drive_a_held_run(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS, hold=True)
        await b.open(run.id)
        assert b.mode == "PAUSED"

        async def stands(key: str, place: str) -> None:
            await b.press(key)
            await b.until(lambda: b.screen.position.run.position == place)
            await b.settle()

        await stands("n", "/do/1/addUp")
        await stands("s", "/do/1/addUp/do/0/add")
        await stands("o", "/do/2/tax")
        assert b.screen.query_one(SourceView).current == "/do/2/tax"
        await b.press("c")
        await b.until(lambda: b.screen.position.run.status == "completed")
        await b.settle()
        assert b.mode == "LIVE"
        assert b.cursor == 24

    walk(tmp_path, body)


def test_the_borders_tell_the_mode_of_what_the_panes_show(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        pane = b.screen.query_one(StatePane)
        assert pane.styles.border_top[0] == "round"
        await b.press("[")
        await b.settle()
        kind, colour = pane.styles.border_top
        assert kind == "double"
        b.screen.app.theme = "nord"
        await b.until(lambda: pane.styles.border_top[0] == "double" and pane.styles.border_top[1] != colour)
        await b.press("G")
        await b.settle()
        assert pane.styles.border_top[0] == "round"

    walk(tmp_path, body)


@performs("debug.back", "debug.forward", "debug.start", "debug.end", "debug.live", "debug.over-back", "debug.out-back")
def test_in_the_past_keys_move_the_cursor_and_execute_nothing(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("[", "[")
        assert (b.cursor, b.mode) == (22, "PAST")
        assert b.screen.query_one(StatePane).state.seq == 22
        await b.press("]")
        assert b.cursor == 23
        await b.press("g")
        assert b.cursor == 1
        await b.press("G")
        assert (b.cursor, b.mode) == (24, "LIVE")
        for key, motion in (("N", "over-back"), ("O", "out-back"), ("n", "over"), ("s", "into")):
            before = b.cursor
            expected = await b.node.seek(run.id, before, motion)
            await b.press(key)
            await b.until(lambda there=expected: b.cursor == there)
        await b.press("space")
        assert (b.cursor, b.mode) == (24, "LIVE")
        assert (await b.node.run(run.id)).seq == run.seq

    walk(tmp_path, body)


@performs("debug.mark", "debug.mark-back")
def test_braces_go_to_the_fault(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, FAILING)
        await b.open(run.id)
        await b.press("g", "}")
        await b.until(lambda: b.screen.event.type.endswith("faulted"))
        assert "the lamp is broken" in await b.text("#event")
        assert "✗" in await b.text("#timeline")
        at = b.cursor
        await b.press("G", "{")
        await b.until(lambda: b.cursor < run.seq)
        assert b.cursor >= at

    walk(tmp_path, body)


@performs("debug.breakpoint", "debug.continue-back", "debug.edit-breakpoint")
def test_a_breakpoint_is_the_nodes_and_holds_the_run(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS, hold=True)
        await b.open(run.id)
        source = b.screen.query_one(SourceView)
        source.focus()
        source.go_to("/do/2/tax")
        await b.press("b")
        await b.until(lambda: "/do/2/tax" in source.stops)
        assert [each.task for each in await b.node.breakpoints()] == ["/do/2/tax"]
        assert "●" in await b.text("#source")
        await b.press("c")
        await b.until(lambda: b.screen.position.run.position == "/do/2/tax")
        await b.settle()
        await b.press("c")
        await b.until(lambda: b.screen.position.run.status == "completed")
        await b.settle()
        await b.press("C")
        await b.until(lambda: b.mode == "PAST")
        source.go_to("/do/2/tax")
        await b.press("B")
        await b.until(lambda: type(b.app.screen).__name__ == "BreakDialog" and b.app.focused is not None)
        b.app.screen.query_one("#field-condition", Input).value = ".sum > ("
        await b.pilot.press("enter")
        await b.until(lambda: "✗" in str(b.app.screen.query_one("#refused").content))
        b.app.screen.query_one("#field-condition", Input).value = ".sum > 10"
        await b.pilot.press("enter")
        await b.until(lambda: b.app.screen is b.screen)
        await b.until(lambda: [each.condition for each in b.screen.query_one(BreakPane).breakpoints] == [".sum > 10"])
        await b.press("b")
        await b.until(lambda: not b.screen.query_one(BreakPane).breakpoints)

    walk(tmp_path, body)


DEEP = """\
document: {dsl: 1.0.3, namespace: shop, name: deep, version: 1.0.0}
do:
  - outermost:
      do:
        - further:
            do:
              - deeper:
                  do:
                    - deepest:
                        set:
                          weight: ${ 40 + 2 }
  - last:
      set: {sent: true}
"""


@pytest.mark.parametrize(("size", "scrolled"), [((140, 40), True), ((200, 60), False)])
def test_a_deep_task_is_seen_whole_in_a_narrow_source(tmp_path, size, scrolled):
    async def body(b: Bench) -> None:
        run = await ran(b.node, DEEP, hold=True)
        run = await b.node.step(run.id, until="/do/0/outermost/do/0/further/do/0/deeper/do/0/deepest")
        await b.open(run.id)
        source = b.screen.query_one(SourceView)
        assert source.current == "/do/0/outermost/do/0/further/do/0/deeper/do/0/deepest"
        assert "weight: ${ 40 + 2 }" in await b.text("#source")
        assert ("‹" in await b.text("#source")) is scrolled
        source.focus()
        source.go_to("/do/1/last")
        shown = await b.text("#source")
        assert "- last:" in shown
        assert "‹" not in shown
        source.go_to("/do/0/outermost/do/0/further/do/0/deeper/do/0/deepest")
        assert "weight: ${ 40 + 2 }" in await b.text("#source")

    walk(tmp_path, body, size)


@performs("debug.to-cursor")
def test_a_run_goes_on_to_the_task_under_the_cursor(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS, hold=True)
        await b.open(run.id)
        source = b.screen.query_one(SourceView)
        source.go_to("/do/3/receipt")
        await b.press("t")
        await b.until(lambda: b.screen.position.run.position == "/do/3/receipt")
        await b.press("g")
        source.go_to("/do/2/tax")
        await b.press("t")
        await b.until(lambda: b.screen.event.task == "/do/2/tax" and b.cursor > 1)
        assert b.mode == "PAST"

    walk(tmp_path, body)


@performs("debug.pause", "debug.cancel")
def test_a_waiting_run_is_paused_and_cancelled_by_another_key(tmp_path):
    async def body(b: Bench) -> None:
        from reach_workbench.protocol.node_views import StartRun

        run = await b.node.start(StartRun(LISTENING, Path("listening.yaml")))
        await b.open(run.id)
        assert b.mode == "LIVE"
        assert "pause" in str(b.screen.query_one(Footer).content)
        await b.press("p")
        await b.press("x")
        await b.until(lambda: type(b.app.screen).__name__ == "Confirm")
        await b.pilot.press("y")
        await b.until(lambda: b.screen.position.run.status == "cancelled")
        await b.settle()
        assert "pause" not in str(b.screen.query_one(Footer).content)
        assert "fork" in str(b.screen.query_one(Footer).content)

    walk(tmp_path, body)


@performs("debug.find", "debug.find-next", "debug.filter")
def test_find_jumps_and_filter_shows_only_what_fits(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("g", "/", *"addUp", "enter")
        await b.until(lambda: b.cursor > 1)
        first = b.cursor
        await b.press("*")
        await b.until(lambda: b.cursor > first)
        await b.press("f", *"type:task.completed", "enter")
        timeline = b.screen.query_one(Timeline)
        await b.until(lambda: timeline.filtered)
        shown = await b.text("#timeline")
        assert "task.completed" in shown
        assert "task.started" not in shown
        await b.press("f", "backspace", "enter")
        await b.until(lambda: not timeline.filtered)

    walk(tmp_path, body)


@performs("debug.watch", "debug.remove-watch")
def test_a_watch_is_evaluated_in_the_past_too(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("w")
        await b.until(lambda: type(b.app.screen).__name__ == "AskText" and isinstance(b.app.focused, Input))
        await b.pilot.press(*".sum", "enter")
        await b.until(lambda: b.screen.watches == [".sum"])
        await b.press("g", *["]"] * 20)
        await b.until(lambda: b.cursor == 21)
        await b.settle()
        assert "50" in await b.text("#watch")
        await b.press("W")
        assert b.screen.watches == []

    walk(tmp_path, body)


@performs("debug.who-wrote")
def test_who_wrote_goes_to_the_event_that_produced_a_value(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS, hold=True)
        run = await b.node.step(run.id, until="/do/3/receipt")
        await b.open(run.id)
        pane = b.screen.query_one(StatePane)
        pane.focus()
        pane.point(next(place for place, line in enumerate(pane.lines) if line.pointer == "/data/total"))
        origin = await b.node.origin(run.id, b.cursor, "/data/total")
        await b.press("D")
        await b.until(lambda: b.cursor == origin.seq)
        assert b.screen.event.task == "/do/2/tax/try/1/add"

    walk(tmp_path, body)


@performs("debug.verify")
def test_verify_replays_and_says_so_in_the_mode(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("V")
        await b.until(lambda: b.mode == "REPLAY ✓")
        await b.press("[")
        assert b.mode == "PAST"

    walk(tmp_path, body)


@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
@performs("debug.fork")
def test_a_fork_with_other_data_keeps_the_past_and_is_shown(tmp_path, size):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press(*["["] * 8)
        assert b.cursor == 16
        await b.press("F")
        await b.until(lambda: type(b.app.screen).__name__ == "ForkDialog" and isinstance(b.app.focused, TextArea))
        dialog = b.app.screen
        area = dialog.query_one("#data", TextArea)
        area.text = area.text.replace('"sum": 50', '"sum": 60', 1)
        await b.until(
            lambda: "/data/sum → 60" in "\n".join(x.text for x in dialog.query_one("#changes", LinesView).lines)
        )
        await b.pilot.press("ctrl+s")
        await b.until(lambda: b.screen.position.run.id != run.id)
        await b.settle()
        assert b.mode.startswith("FORK of ")
        assert b.screen.position.run.forked_at == 16
        await b.press("c")
        await b.until(lambda: b.screen.position.run.status == "completed")
        assert b.screen.position.run.output["text"] == "total 75"

    walk(tmp_path, body, size)


def test_a_refused_fork_says_why(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("[", "F")
        await b.until(lambda: type(b.app.screen).__name__ == "ForkDialog" and isinstance(b.app.focused, TextArea))
        dialog = b.app.screen
        await b.pilot.press("ctrl+pagedown", "ctrl+pagedown")
        area = dialog.query_one("#workflow", TextArea)
        area.text = area.text.replace("rate: 0.25", "rate: 0.5")
        await b.pilot.pause()
        assert any(line.mark == "+" and "0.5" in line.text for line in dialog.query_one("#changes", LinesView).lines)
        await b.pilot.press("ctrl+s")
        await b.until(lambda: "does not fit" in str(dialog.query_one("#refused").content))
        assert b.app.screen is dialog

    walk(tmp_path, body)


@performs("debug.jq")
def test_jq_expressions_are_tried_on_the_data_of_the_event(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("[", "j")
        await b.until(lambda: type(b.app.screen).__name__ == "JqDialog" and isinstance(b.app.focused, Input))
        dialog = b.app.screen
        dialog.query_one(Input).value = ".output.text | length"
        await b.until(lambda: str(dialog.query_one("#result", Static).content) == "10")
        await b.pilot.press("escape")

    walk(tmp_path, body)


@performs("debug.edit-outside")
def test_the_events_data_opens_in_the_editor(tmp_path, monkeypatch):
    seen = tmp_path / "seen.json"
    editor = tmp_path / "editor.sh"
    editor.write_text(f'#!/bin/sh\ncp "$1" {seen}\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)

    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("[", "e")
        await b.until(seen.exists)
        assert "total 62.5" in seen.read_text()

    walk(tmp_path, body)


@performs("debug.resolve")
def test_resolve_says_when_nothing_is_in_doubt(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        await b.press("r")
        assert any("in doubt" in note.message for note in b.app._notifications)

    walk(tmp_path, body)


def test_without_a_run_the_screen_says_how_to_open_one(tmp_path):
    async def body(b: Bench) -> None:
        await b.pilot.pause()
        assert b.screen.query_one("#nothing").display
        assert "No run is open" in str(b.screen.query_one("#nothing").content)
        await b.pilot.press("n", "[", "F", "V", "j", "slash", "b")

    walk(tmp_path, body)


def test_tab_goes_through_all_panes_in_a_small_terminal(tmp_path):
    async def body(b: Bench) -> None:
        run = await ran(b.node, ORDERS)
        await b.open(run.id)
        seen = []
        for _ in range(6):
            await b.press("tab")
            seen.append(b.screen.focused.id)
        assert seen == ["source", "state", "watch", "breaks", "event", "timeline"]

    walk(tmp_path, body, (80, 24))
