"""Keys that come together, as over a slow line: each acts on what the one before has brought."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Input, TextArea

from tests.ui.conftest import Place
from tests.ui.debugging import ORDERS, Bench, bench, ran
from tests.ui.test_dialog_snapshots import painted
from tests.ui.writing import writing

Go = Callable[[Any], None]
PATIENCE = 20.0


def together(app: Any, *keys: str) -> None:
    """All of them in one moment, through the queue that the terminal's driver puts them into."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else {"slash": "/"}.get(key)))


async def held(made: Bench) -> str:
    run = await ran(made.node, ORDERS, hold=True)
    await made.open(run.id)
    await made.settle()
    return run.id


@pytest.mark.parametrize("opens", ["slash", "w", "f"])
def test_what_is_meant_for_a_field_does_not_step_the_run(tmp_path: Path, opens: str) -> None:
    async def body() -> None:
        async with asyncio.timeout(PATIENCE), bench(tmp_path) as made:
            run = await held(made)
            seq = (await made.node.run(run)).seq
            together(made.app, opens, *"none")
            await made.until(lambda: isinstance(made.app.focused, Input) and made.app.focused.value == "none")
            assert (await made.node.run(run)).seq == seq

    asyncio.run(body())


def test_what_comes_while_a_dialog_is_being_made_does_not_move_what_it_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with asyncio.timeout(PATIENCE), bench(tmp_path) as made:
            run = await held(made)
            view = await made.node.step(run, until="/do/2/tax")
            await made.until(lambda: made.app.header.position == view.seq)
            told = made.node.program

            async def slowly(*given: Any) -> Any:
                await asyncio.sleep(0.4)
                return await told(*given)

            monkeypatch.setattr(made.node, "program", slowly)
            together(made.app, "F", "left_square_bracket", "left_square_bracket")
            await made.until(lambda: type(made.app.screen).__name__ == "ForkDialog")
            await made.settle()
            assert f"Fork at event {view.seq}" in painted(made.app)
            assert made.app.header.position == view.seq

    asyncio.run(body())


def test_a_key_waits_for_a_dialog_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reach_workbench.ui.keystrokes._LONGEST", 0.3)

    async def body() -> None:
        async with asyncio.timeout(PATIENCE), bench(tmp_path) as made:
            await held(made)

            async def never(*_: Any) -> Any:
                await asyncio.Event().wait()

            monkeypatch.setattr(made.node, "program", never)
            together(made.app, "F", "3")
            await made.until(lambda: type(made.app.screen).__name__ == "RunsScreen")

    asyncio.run(body())


def test_text_that_comes_at_once_stays_in_its_order(place: Place, go: Go) -> None:
    words = "# " + "".join(chr(ord("a") + number % 26) for number in range(300))

    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, _):
            await desk.until(lambda: isinstance(desk.app.focused, TextArea))
            field = desk.app.focused
            assert isinstance(field, TextArea)
            together(desk.app, "home", *(" " if sign == " " else sign for sign in words), "enter")
            await desk.until(lambda: words in field.text)
            assert field.text.splitlines()[0].startswith(words)

    go(body)
