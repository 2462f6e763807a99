"""Times on the screens: local everywhere, with the zone where it is evidence, and never bare milliseconds."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.ui.words import here, pretty_data, zoned
from tests.ui.conftest import HEAD, Place

Go = Callable[[Any], None]
WAITS = "do: [{rest: {wait: PT2H}}]"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A place whose clocks show neither UTC nor whole hours."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-05:45")
        time.tzset()
        yield
    time.tzset()


async def resting(place: Place, node: LocalNode) -> RunView:
    """A run that has come to its wait."""
    run = await node.start(StartRun(HEAD.format(name="resting") + WAITS, place.workspace / "resting.yaml"))
    while run.status != "waiting":
        await asyncio.sleep(0.01)
        run = await node.run(run.id)
    return run


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 45)])
def test_the_time_that_a_run_waits_for_is_local_wherever_it_is_told(
    place: Place, go: Go, size: tuple[int, int]
) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await resting(place, node)
            async with place.desk(node, "runs", size=size) as desk:
                due = (await node.page(run.id, run.seq, 1)).events[0].data["due"]
                there = datetime.fromtimestamp(due / 1000, UTC)
                local = datetime.fromtimestamp(due / 1000).strftime("%H:%M:%S")
                assert local != f"{there:%H:%M:%S}"
                await desk.until_shown(local)
                assert f"{there:%H:%M:%S}" not in desk.shown()
                await desk.press("enter")
                await desk.until_screen("DebugScreen")
                await desk.until_shown(local)
                for tab in range(6):
                    shown = desk.shown()
                    assert f"{there:%H:%M}" not in shown, tab
                    if str(due) in shown:
                        assert re.search(rf"due \S+ {local}", shown)
                    await desk.press("tab")
                    await desk.pilot.pause(0.05)

    go(body)


def test_the_event_of_a_timer_says_until_when(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await resting(place, node)
            async with place.desk(node, "runs", size=(200, 60)) as desk:
                due = (await node.page(run.id, run.seq, 1)).events[0].data["due"]
                local = datetime.fromtimestamp(due / 1000)
                await desk.until_shown("waiting")
                await desk.press("enter")
                await desk.until_shown(f"due {local:%Y-%m-%d %H:%M:%S}")
                await desk.until(lambda: re.search(rf"timer\.started .*wait until .*{local:%H:%M:%S}", desk.shown()))

    go(body)


def test_words_of_the_node_are_told_in_local_time() -> None:
    assert here("the time at 2026-03-01T12:00:00.123Z") == "the time at 2026-03-01 17:45:00"
    assert here("a decision on effect 7") == "a decision on effect 7"
    assert zoned(1_772_366_400_123) == "2026-03-01 17:45:00 XYZ"


def test_recorded_milliseconds_have_their_reading_beside_them() -> None:
    shown = pretty_data({"purpose": "wait", "due": 1_772_366_400_123, "until": True, "expires": 3})
    assert '"due": 1772366400123,  (2026-03-01 17:45:00)' in shown
    assert shown.count("(") == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_help_names_the_zone(place: Place, go: Go, size: tuple[int, int]) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "nodes", size=size) as desk:
            await desk.press("question_mark", "end")
            await desk.until_shown("Times are local, XYZ")

    go(body)
