"""A disk that is full and a file that is damaged: a clear error, and nothing committed is lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.functions import Functions
from reach_workbench.errors import StoreDamaged, StoreFull
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import Settings
from tests import unheld

pytestmark = pytest.mark.anyio

COUNT = 200


def document() -> str:
    """Effects whose outcomes don't compress, until the disk is full."""
    about = {"dsl": "1.0.3", "namespace": "crash", "name": "fill", "version": "1.0.0"}
    items = [{"n": number} for number in range(COUNT)]
    step = {"step": {"call": "noise:1.0.0@python", "with": {"n": "${ $item.n }"}}}
    return json.dumps({"document": about, "do": [{"loop": {"for": {"in": items}, "do": [step]}}]})


class Noise:
    def __init__(self) -> None:
        self.made: list[int] = []

    def __call__(self, given: Any) -> Any:
        self.made.append(given["n"])
        return "".join(chr(33 + (given["n"] * 7919 + place * place * 104_729) % 90) for place in range(3000))

    def functions(self) -> Functions:
        functions = Functions()
        functions.register("noise", "1.0.0", self)
        return functions


def settings(home: Path, pages: int) -> Settings:
    base = Settings(home=home, policy=unheld.POLICY)
    return replace(base, store=replace(base.store, max_pages=pages))


async def committed(node: LocalNode, run: str) -> list[int]:
    """The effects whose outcomes stand in the history."""
    issued: dict[int, int] = {}
    found = []
    async for event in node.events(run):
        data = event.data or {}
        if event.type == "command.issued":
            issued[event.seq] = data["arguments"]["arguments"]["n"]
        elif event.type == "command.completed":
            found.append(issued[data["command"]])
    return found


async def test_a_full_disk_is_an_error_and_the_run_goes_on_once_there_is_room(tmp_path: Path) -> None:
    home = tmp_path / "home"
    noise = Noise()
    node = await LocalNode.open(settings(home, 120), functions=noise.functions())
    view = await node.start(StartRun(document(), tmp_path / "fill.yaml"))
    with pytest.raises(StoreFull) as full:
        await asyncio.wait_for(node.wait(view.id), 15)
    assert full.value.hint
    await node.close()

    node = await LocalNode.open(settings(home, 0), functions=noise.functions())
    before = await committed(node, view.id)
    assert before == list(range(len(before)))
    assert 0 < len(before) < COUNT
    assert (await node.verify(view.id)).ok
    assert await node.recover() == [view.id]
    ended = await asyncio.wait_for(node.wait(view.id), 15)
    while ended.in_doubt:  # the effect whose outcome found no room
        assert ended.in_doubt
        await node.resolve(view.id, ended.in_doubt[0], "repeat")
        ended = await asyncio.wait_for(node.wait(view.id), 15)
    assert ended.status == "completed"
    assert await committed(node, view.id) == list(range(COUNT))
    assert len(noise.made) - COUNT <= 2, "only what was flagged may be repeated"
    assert (await node.verify(view.id)).ok
    await node.close()


@pytest.mark.parametrize("damage", ["header", "middle", "cut"])
async def test_a_damaged_file_is_refused_clearly_and_left_untouched(tmp_path: Path, damage: str) -> None:
    home = tmp_path / "home"
    node = await LocalNode.open(Settings(home=home, policy=unheld.POLICY), functions=Noise().functions())
    view = await node.start(StartRun(document(), tmp_path / "fill.yaml"))
    await node.wait(view.id)
    await node.close()
    file = home / "reach.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(file.read_bytes())
    if damage == "header":
        content[:16] = b"no database here"
    elif damage == "middle":
        content[4096:16384] = b"\x5a" * 12288
    else:
        del content[len(content) // 2 :]
    file.write_bytes(content)
    with pytest.raises(StoreDamaged) as damaged:
        await use(home)
    assert damaged.value.hint
    assert str(file) in str(damaged.value.where)
    assert file.read_bytes() == bytes(content)


async def use(home: Path) -> None:
    """Open the home, look at its runs and prove the last one."""
    node = await LocalNode.open(Settings(home=home, policy=unheld.POLICY))
    try:
        await node.runs()
        found = await node.verify("last")
        if not found.ok:
            raise AssertionError(f"damage to the file was told as damage to the run: {found.message}")
    finally:
        await node.close()
