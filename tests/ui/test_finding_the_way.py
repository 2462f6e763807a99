"""Small things by which a person finds the way: where one is, what came from what, what a sign stands for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.errors import NotFound
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import ACTIONS, SCREEN_NAMES, find
from reach_workbench.ui.tour import STOPS, samples, source_of
from reach_workbench.ui.words import shortened
from tests.ui.conftest import LISTENING, Place
from tests.ui.performing import performs

Go = Callable[[Any], None]
ROOT = Path(__file__).parents[2]


@performs("app.new")
@pytest.mark.parametrize("key", ["2", "3", "4", "5", "6", "7", "P"])
def test_a_new_workflow_is_a_key_away_on_every_screen(place: Place, go: Go, key: str) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "runs", size=(80, 24)) as desk:
            await desk.press(key)
            await desk.until(lambda: desk.app.screen.is_running)
            await desk.press("ctrl+n")
            await desk.until_screen("ListDialog")
            await desk.press("enter")
            await desk.until_screen("AskText")
            await desk.press("enter")
            await desk.until((place.workspace / "transform-data.yaml").is_file)
            await desk.until_screen("FlowsScreen")

    go(body)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_the_header_names_the_screen_while_a_run_is_open(place: Place, go: Go, size: tuple[int, int]) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node, name="a-workflow-with-quite-a-long-name-for-a-header")
            fork = await node.fork(run.id, 3, hold=True)
            async with place.desk(node, "debug", size=size) as desk:
                desk.app.open_run(fork.id)
                await desk.until_shown("FORK of")
                for key, name in zip(["1", "2", "3", "4", "5", "6", "7", "P"], SCREEN_NAMES.values(), strict=True):
                    await desk.press("escape", key)
                    await desk.until(lambda name=name: f" {name} " in desk.shown().split("\n")[0])

    go(body)


def test_lineage_is_seen_in_a_row_of_eighty_columns(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            fork = await node.fork(run.id, 3, hold=True)
            async with place.desk(node, size=(80, 24)) as desk:
                await desk.until_shown(f"⎇  {shortened(fork.id)}")
                await desk.until_shown(f"⎇ fork of  {run.id} at event 3")
                assert f"⎇  {shortened(run.id)}" not in desk.shown()

    go(body)


def test_a_run_id_is_shortened_one_way_and_names_the_run_so(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            fork = await node.fork(run.id, 3, hold=True)
            assert (await node.run(shortened(run.id))).id == run.id
            with pytest.raises(NotFound):
                await node.run(run.id[:10] + "…0000")
            async with place.desk(node, size=(160, 45)) as desk:
                await desk.until_shown(f"fork of {shortened(run.id)} at 3")
                await desk.press("enter")
                await desk.until_shown(f"FORK of {shortened(run.id)}")
                assert shortened(fork.id) in desk.shown()

    go(body)


def test_what_goes_on_is_said_when_one_leaves(place: Place, go: Go) -> None:
    async def stop() -> None:
        """It is ended."""

    async def body() -> None:
        async with place.node() as node:
            for runs, keys, words in ((0, "q", "no run is active"), (1, "q1", "1 run is active"), (1, "q2", "")):
                if runs and not await node.runs():
                    run = await node.start(StartRun(_head("listener") + LISTENING, place.workspace / "l.yaml"))
                    while (await node.run(run.id)).status != "waiting":
                        await asyncio.sleep(0.01)
                async with place.desk(node, stop=stop) as desk:
                    await desk.press(keys[0])
                    if keys[1:]:
                        await desk.until_screen("Choose")
                        await desk.press(keys[1:])
                    await desk.until(lambda desk=desk: desk.app._exit)
                    left = desk.app.left
                    assert (left is None) == (not words)
                    if left is not None:
                        assert words in left.words()
                        assert str((await node.info()).home) in left.words()
                        assert f"kill {(await node.info()).pid}" in left.words()

    go(body)


def _head(name: str) -> str:
    return f"document: {{dsl: 1.0.3, namespace: tests, name: {name}, version: 1.0.0}}\n"


# ------------------------------------------------------------ what the tour and the pages name


def test_the_tour_names_keys_that_do_what_it_says() -> None:
    for stop in STOPS:
        key = find(stop.does).keys[0]
        assert re.search(rf"[Pp]ress {re.escape(key if key.isalpha() else shown(key))}[ :]", stop.words), stop


def test_the_tour_walks_through_files_that_exist(tmp_path: Path) -> None:
    offered = samples(ROOT)
    assert len(offered) > 3
    for chosen, _ in offered:
        source, file = source_of(chosen, ROOT)
        assert source.strip()
        assert not chosen or file.is_file()


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/getting-started.md"])
def test_files_and_keys_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for path in re.findall(r"\]\((?!https?:)([^)#\s]+)", text):
        assert ((ROOT / page).parent / path).exists(), path
    known = {shown(key) for action in ACTIONS for key in action.keys} | {"esc", "enter", "tab", "space", "down"}
    for key in re.findall(r"(?:[Pp]ress|on the keys) `([^`]+)`", text):
        assert {key, key.replace("ctrl+", "^")} & (known | {"end", "left", "backspace"}), key
