"""The scratch pad for jq by itself: what it asks, when, and what it shows of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from reach_workbench.errors import BadInput
from reach_workbench.protocol.debugging import Evaluation
from reach_workbench.ui.scratchpad import ScratchPad, pretty

Go = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


class Pad(App[None]):
    """Nothing but a scratch pad. It answers `.`, a name, or refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.held: dict[str, asyncio.Event] = {}

    def compose(self) -> ComposeResult:
        yield ScratchPad(self.answer, {"a": 1, "b": 2})

    async def answer(self, expression: str, data: Any) -> Evaluation:
        self.asked.append(expression)
        if expression in self.held:
            await self.held[expression].wait()
        if expression == "refused":
            raise BadInput("the node says no", hint="ask for something else")
        if expression == ".":
            return Evaluation(data)
        name = expression.removeprefix(".")
        return Evaluation(data[name]) if name in data else Evaluation(error=f"there is no {name}")

    @property
    def result(self) -> str:
        return str(self.query_one("#result", Static).content)


@asynccontextmanager
async def pad() -> AsyncIterator[tuple[Pad, Pilot[None]]]:
    app = Pad()
    async with app.run_test(size=(60, 30)) as pilot:
        await until(pilot, lambda: app.result == pretty({"a": 1, "b": 2}))
        yield app, pilot


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await pilot.pause(0.01)


def test_an_expression_is_tried_as_one_types_and_not_at_each_key(go: Go) -> None:
    async def body() -> None:
        async with pad() as (app, pilot):
            await pilot.press("full_stop", "b")
            await until(pilot, lambda: app.result == "2")
            assert app.asked == [".", ".b"]
            await pilot.press("backspace", "c")
            await until(pilot, lambda: app.result == "✗ there is no c")
            assert app.query_one("#result").has_class("-wrong")

    go(body)


def test_other_data_is_tried_and_what_is_no_json_is_said(go: Go) -> None:
    async def body() -> None:
        async with pad() as (app, pilot):
            await pilot.press("full_stop", "a")
            app.query_one(ScratchPad).show_data({"a": [True, None]})
            await until(pilot, lambda: app.result == pretty([True, None]))
            app.query_one("#given", TextArea).load_text("{")
            await until(pilot, lambda: app.result.startswith("✗ the input is not JSON"))

    go(body)


def test_a_refusal_is_shown_with_its_hint_and_a_late_answer_is_dropped(go: Go) -> None:
    async def body() -> None:
        async with pad() as (app, pilot):
            app.held[".a"] = asyncio.Event()
            await pilot.press("full_stop", "a")
            await until(pilot, lambda: ".a" in app.asked)
            app.query_one("#expression", Input).value = "refused"
            await until(pilot, lambda: app.result == "✗ the node says no\nask for something else")
            app.held[".a"].set()
            await pilot.pause(0.05)
            assert app.result.startswith("✗ the node says no")

    go(body)


def test_a_long_result_is_cut_and_says_so(go: Go) -> None:
    async def body() -> None:
        async with pad() as (app, pilot):
            app.query_one(ScratchPad).show_data("x" * 30_000)
            await until(pilot, lambda: app.result.endswith("… 10,002 more characters"))

    go(body)
