"""The tutorial, performed: the keys are read from the page, so that page and test can't differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from reach_workbench.ui.keys import ACTIONS
from tests.ui.conftest import Desk, Place

Go = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

PAGE: Final = Path(__file__).parents[2] / "docs/tutorial.md"
STEP: Final = re.compile(r"[Pp]ress `([^`]+)`(?: (\d+) times)?|[Tt]ype `([^`]+)`|\*\*([^*]+)\*\*")
NAMES: Final = {"[": "left_square_bracket", "]": "right_square_bracket", "esc": "escape"}
FIELDS: Final = {"enter", "escape", "tab", "space", "up", "down", "left", "right", "home", "end", "backspace"}
"""What moves about in any field or list."""


@dataclass(frozen=True)
class Step:
    does: Literal["press", "type", "see"]
    words: str
    times: int = 1


def steps(text: str) -> Iterator[Step]:
    """What the numbered lines say, in their order."""
    for line in re.findall(r"^\d+\. (.+)$", text, re.M):
        for key, times, typed, seen in STEP.findall(line):
            if key:
                yield Step("press", NAMES.get(key, key.lower() if re.fullmatch(r"F\d+", key) else key), int(times or 1))
            else:
                yield Step("type" if typed else "see", typed or seen)


def test_every_key_of_the_page_is_in_the_key_table() -> None:
    known = FIELDS | {key for action in ACTIONS for key in action.keys}
    pressed = [step.words for step in steps(PAGE.read_text("utf-8")) if step.does == "press"]
    assert len(pressed) > 30
    assert [key for key in pressed if key not in known] == []


def test_the_numbered_lines_count_up() -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", PAGE.read_text("utf-8"), re.M)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("size", [(140, 40), (120, 36)])
def test_the_page_leads_where_it_says(place: Place, go: Go, size: tuple[int, int]) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "flows", size=size) as desk:
            for step in steps(PAGE.read_text("utf-8")):
                await perform(desk, step)
            await desk.until(lambda: desk.app._exit)
            fork, run = await node.runs()
            assert (run.output, fork.output) == (
                {"greeting": "Hello, Ada!", "letters": 11},
                {"greeting": "Hello, Ada! Good morning.", "letters": 25},
            )
            assert fork.forked_from == run.id
            assert 0 < (fork.forked_at or 0) < run.seq - 2
            assert (place.workspace / "transform-data.yaml").read_text("utf-8").count("length }") == 1

    go(body)


async def perform(desk: Desk, step: Step) -> None:
    if step.does == "see":
        await desk.until_shown(step.words)
        await desk.pilot.pause()
    elif step.does == "press":
        await desk.press(*[step.words] * step.times)
    else:
        await desk.press(*step.words)
