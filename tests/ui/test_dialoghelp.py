"""Help in dialogs: `?` where no text is typed, F1 everywhere, and the dialog stands as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Input

from tests.ui.conftest import LISTENING, Desk, Place
from tests.ui.gating import Court, court
from tests.ui.writing import writing

Go = Callable[[Any], None]

__all__ = ["court"]


async def helped(desk: Desk, key: str, *words: str) -> None:
    """Ask for help in the dialog, look for these words, and come back to it."""
    dialog = desk.app.screen
    await desk.press(key)
    await desk.until_screen("DialogHelp")
    for each in words:
        await desk.until_shown(each)
    await desk.press("question_mark")
    await desk.until(lambda: desk.app.screen is dialog)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_a_question_has_help_and_still_waits_for_its_answer(place: Place, go: Go, size: tuple[int, int]) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node, LISTENING)
            async with place.desk(node, size=size) as desk:
                await desk.until_shown("◷ waiting")
                await desk.press("x")
                await desk.until_screen("Confirm")
                await helped(desk, "question_mark", "In this dialog", "y            cancel it", "esc")
                await desk.press("y")
                await desk.until_screen("RunsScreen")
                assert (await node.wait(run.id)).status == "cancelled"

    go(body)


def test_in_a_field_a_question_mark_is_text_and_f1_is_help(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            desk.app.run_worker(desk.app.ask_text("Name", "which?"))
            await desk.until_screen("AskText")
            await desk.press("question_mark")
            await helped(desk, "f1", "take it", "In a field")
            assert desk.app.screen.query_one(Input).value == "?"

    go(body)


def test_every_list_and_form_has_help(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, _):
            for keys, dialog, words in (
                (["f2"], "Choose", "Take it."),
                (["f7"], "ListDialog", "take it"),
                (["ctrl+r"], "RunForm", "In a field"),
                (["f1", "escape", "ctrl+p"], "Palette", "Next"),
            ):
                await desk.press(*keys)
                await desk.until_screen(dialog)
                await helped(desk, "f1", "In this dialog", words)
                await desk.press("escape")
                await desk.until_screen("FlowsScreen")

    go(body)


def test_a_held_action_that_is_read_or_decided_about_has_help(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            async with court.desk(node, size=(80, 24)) as desk:
                await desk.until_shown("◆ gate")
                await desk.press("enter")
                await desk.until_screen("Shown")
                await helped(desk, "question_mark", "approve", "In the text to read")
                await desk.press("a")
                await desk.until_screen("VerdictDialog")
                await helped(desk, "question_mark", "approve it", "A page.")
                assert court.written == 0

    go(body)
