"""The debugger in each of its modes, at three sizes, as it looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ui.debugging import FAILING, ORDERS, Bench, bench, ran

SIZES = [(80, 24), (160, 45), (200, 60)]


async def _live(b: Bench) -> None:
    await b.open((await ran(b.node, ORDERS)).id)


async def _failed(b: Bench) -> None:
    await b.open((await ran(b.node, FAILING)).id)


async def _paused(b: Bench) -> None:
    run = await ran(b.node, ORDERS, hold=True)
    await b.open((await b.node.step(run.id, until="/do/2/tax")).id)


async def _past(b: Bench) -> None:
    await _live(b)
    await b.press(*["["] * 8)


async def _replay(b: Bench) -> None:
    await _live(b)
    await b.press("V")
    await b.until(lambda: b.mode.startswith("REPLAY"))
    b.screen.say("every digest is the same")  # without the figures of this machine


async def _fork(b: Bench) -> None:
    run = await ran(b.node, ORDERS)
    forked = await b.node.fork(run.id, 16, edits={"/data/sum": 60}, hold=True)
    await b.open((await b.node.wait(forked.id)).id)


MODES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "live": _live, "failed": _failed, "paused": _paused, "past": _past, "replay": _replay, "fork": _fork,
}  # fmt: skip


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day as everywhere."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("mode", MODES)
def test_looks_as_before(tmp_path: Path, snapshot: Any, utc: None, mode: str, size: tuple[int, int]) -> None:
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with asyncio.timeout(30), bench(tmp_path, size) as made:
            await MODES[mode](made)
            made.app.header = replace(made.app.header, node="node")  # not the name of this machine
            await made.settle()
            shown = "\n".join(
                "".join(part.text for part in strip).rstrip() for strip in made.app.screen._compositor.render_strips()
            )

    asyncio.run(body())
    assert mode == "failed" or {"live": "LIVE", "fork": "FORK of"}.get(mode, mode.upper()) in shown
    assert shown == snapshot
