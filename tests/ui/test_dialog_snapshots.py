"""What stands on the screen besides the panes themselves, as it looks: dialogs, tabs, filters, the tour, the start."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.ui import words
from tests.ui.conftest import Place
from tests.ui.debugging import ORDERS, Ticking, bench, ran
from tests.ui.test_early import before
from tests.ui.test_shell import losing
from tests.ui.test_snapshots import BEGAN, Portrait, _runs

Go = Callable[[Any], None]
SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day as everywhere, and ages as if it were a minute and a half after the first run."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.setattr(words.SystemClock, "now", lambda _: BEGAN + 90_000)
        time.tzset()
        yield
    time.tzset()


def painted(app: Any) -> str:
    """The text on the screen; digests follow from the engine, and are not what is looked at here."""
    strips = app.screen._compositor.render_strips()
    lines = "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)
    return re.sub("[0-9a-f]{12,}", lambda found: "d" * len(found[0]), lines)


DIALOGS: dict[str, tuple[Sequence[str], str]] = {
    "filtered": (["slash", *"broken"], "Runs: “broken”"),
    "filtered-none": (["slash", *"nothing", "enter"], "No run fits the filter"),
    "lineage": (["down", "down", "F", "3", "l"], "Lineage of"),
    "compared": (["c", "down", "c"], "events are the same"),
    "cancel": (["x"], "Cancel the run?"),
    "cancel-help": (["x", "question_mark"], "In this dialog"),
    "verified": (["down", "V"], "REPLAY ✓"),
    "theme": (["f2"], "Theme"),
    "jump": (["ctrl+o"], "[a]"),
    "tour": (["f3", "1"], "Tour 1/8"),
    "export": (["e"], "The capsule's file:"),
    "policies": (["P"], "Policies"),
    "schedules": (["7", "s"], "Nothing starts by itself"),
    "inbox-filtered": (["4", "slash", *"denied", "enter"], "Nothing fits the filter"),
    "audit-filtered": (["6", "slash", *"gate."], "Audit: filtered"),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", DIALOGS)
def test_looks_as_before(place: Place, go: Go, snapshot: Any, still: None, name: str, size: tuple[int, int]) -> None:
    keys, sign = DIALOGS[name]
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with place.node(Ticking()) as node:
            await _runs(place, node)
            portrait: Any = Portrait(node, busy=True)
            async with place.desk(portrait, size=size) as desk:
                await desk.until_shown("✗ faulted")
                desk.app.workspace = Path("/flows")
                for key in keys:
                    await desk.press(key)
                    await desk.pilot.pause(0.05)
                await desk.until_shown(sign)
                await desk.pilot.pause(0.1)
                shown = painted(desk.app)

    go(body)
    assert re.sub(r"in \d+\.\d\d s", "in 0.00 s", shown) == snapshot


PANES: dict[str, tuple[Sequence[str], str]] = {
    "source": (["tab"], ""),
    "state": (["tab", "tab"], ""),
    "watch": (["w", *".sum", "enter"], ""),
    "breakpoints": (["b"], ""),
    "breakpoint": (["B"], "New breakpoint"),
    "fork": (["F"], "Fork at event"),
    "jq": (["j"], "jq on the data"),
    "find": (["slash", *"add", "enter"], "found"),
    "filter": (["f", *"task.started", "enter"], "showing"),
    "jump": (["ctrl+o"], "[a]"),
    "help": (["question_mark"], "On Debug"),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", PANES)
def test_the_debugger_looks_as_before(
    tmp_path: Path, snapshot: Any, still: None, name: str, size: tuple[int, int]
) -> None:
    keys, sign = PANES[name]
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with asyncio.timeout(30), bench(tmp_path, size) as made:
            run = await ran(made.node, ORDERS, hold=True)
            await made.open((await made.node.step(run.id, until="/do/2/tax")).id)
            made.app.header = replace(made.app.header, node="node")
            for key in keys:
                await made.press(key)
            await made.until(lambda: sign in painted(made.app))
            await made.settle()
            await made.pilot.pause(0.1)
            shown = painted(made.app)

    asyncio.run(body())
    assert shown == snapshot


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_start_looks_as_before(place: Place, go: Go, snapshot: Any, size: tuple[int, int]) -> None:
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with place.node() as node, before(place, node, size) as (desk, _):
            await desk.press("3", "slash", *"faul")
            await desk.until_shown("/ f a u l")
            shown = painted(desk.app)

    go(body)
    assert shown == snapshot


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_lost_node_looks_as_before(place: Place, go: Go, snapshot: Any, still: None, size: tuple[int, int]) -> None:
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with place.node(Ticking()) as node:
            await _runs(place, node)
            async with losing(place, node, size) as (desk, lose):
                await desk.until_shown("✗ faulted")
                lose(True)
                await desk.until_shown("NODE LOST")
                desk.app.header = replace(desk.app.header, node="node")
                await desk.until_shown("node · local")
                await desk.pilot.pause(0.1)
                shown = painted(desk.app)

    go(body)
    assert shown == snapshot
