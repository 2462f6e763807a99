"""A process that is killed while it commits loses nothing that was confirmed and keeps no half of anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store
from reach_workbench.telemetry.crashpoints import VARIABLE

PROGRAM = """
import asyncio, sys
from pathlib import Path
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store

async def work(store, number):
    for step in range(5):
        unit = store.unit()
        unit.audit("first", [number, step], at=1)
        unit.audit("second", [number, step], at=1)
        await store.commit(unit)
        print(number, step, flush=True)

async def main():
    with Store.open(Settings(home=Path(sys.argv[1])), write=True) as store:
        await asyncio.gather(*(work(store, number) for number in range(4)))

asyncio.run(main())
"""


def killed_at(settings: Settings, order: str) -> tuple[int, set[tuple[int, ...]]]:
    """Run the program with a crash ordered; its exit code and the units it was told are durable."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(settings.home)],
        env={**os.environ, VARIABLE: order},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr
    return done.returncode, {tuple(map(int, line.split())) for line in done.stdout.splitlines()}


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("name", ["writer.before-begin", "writer.before-commit", "writer.after-commit"])
def test_killed_while_committing(settings: Settings, name: str, count: int) -> None:
    code, confirmed = killed_at(settings, f"{name}:{count}")
    assert code == -signal.SIGKILL
    assert confirmed == {(number, step) for number in range(4) for step in range(count - 1)}
    with Store.open(settings, write=True) as store:
        records = store.read.audit(limit=1000)
    first = {tuple(record.payload) for record in records if record.type == "first"}
    second = {tuple(record.payload) for record in records if record.type == "second"}
    assert first == second, "a unit is whole or absent"
    durable = count if name == "writer.after-commit" else count - 1
    assert first == {(number, step) for number in range(4) for step in range(durable)}


def test_an_unknown_point_or_none_kills_nobody(settings: Settings) -> None:
    for order in ("writer.no-such-point", ""):
        assert killed_at(settings, order)[0] == 0
