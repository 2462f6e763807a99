"""The audit log is a tree over all its records, whatever became of the units and of the process that wrote them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256

import pytest
import rfc8785

from reach_workbench.errors import AuditDamaged, LeaseLost, StoreError
from reach_workbench.evidence.merkle import Frontier, tree_root
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit
from reach_workbench.telemetry.crashpoints import VARIABLE

pytestmark = pytest.mark.anyio


def note(store: Store, type: str, count: int = 1) -> Unit:
    unit = store.unit()
    for number in range(count):
        unit.audit(type, {"number": number, "ä": 1.5e300}, at=1_000 + number, run="01a")
    return unit


def root_of(settings: Settings) -> tuple[int, bytes]:
    """The size and the root as another program would find them: from the rows alone, with a JSON library."""
    with closing(sqlite3.connect(settings.home / "reach.db")) as connection:
        rows = connection.execute(
            "SELECT id, tenant_id, run_id, type, payload, created_at, leaf FROM audit ORDER BY id"
        ).fetchall()
        tree = connection.execute("SELECT size, peaks FROM audit_tree").fetchall()
    leaves = []
    for place, (id, tenant, run, type, payload, at, leaf) in enumerate(rows):
        assert id == place + 1
        value = json.loads(payload)
        record = {"id": id, "at": at, "tenant": tenant, "run": run, "type": type, "payload": value}
        assert sha256(b"\0" + rfc8785.dumps(record)).digest() == leaf
        leaves.append(leaf)
    root = tree_root(leaves)
    if leaves:
        assert [(size, Frontier.from_bytes(size, peaks).root()) for size, peaks in tree] == [(len(leaves), root)]
    else:
        assert tree == []
    return len(leaves), root


async def test_the_tree_is_over_every_record(store: Store, settings: Settings) -> None:
    for size in (1, 2, 3, 7, 1):
        await store.commit(note(store, "a", size))
        root_of(settings)
    await asyncio.gather(*(store.commit(note(store, "b", size)) for size in range(9)))
    assert root_of(settings)[0] == 14 + 36


async def test_a_transaction_without_records_leaves_the_tree_alone(store: Store, settings: Settings) -> None:
    await store.commit(store.unit())
    assert root_of(settings)[0] == 0
    await store.commit(note(store, "a"))
    before = root_of(settings)
    await store.commit(store.unit())
    assert root_of(settings) == before


async def test_a_unit_that_fails_leaves_no_gap(store: Store, settings: Settings) -> None:
    def failing(count: int) -> Unit:
        unit = note(store, "bad", count)
        unit.complete_job("no such job", "token", at=1)
        return unit

    def breaking() -> Unit:
        unit = note(store, "broken")
        unit.audit("too large", None, at=2**70)
        return unit

    await store.commit(note(store, "first"))
    units = [failing(2), note(store, "a"), failing(1), note(store, "b", 2), breaking(), failing(3), note(store, "c")]
    outcomes = await asyncio.gather(*map(store.commit, units), return_exceptions=True)
    kinds = [type(outcome) for outcome in outcomes]
    nothing = type(None)
    assert kinds == [LeaseLost, nothing, LeaseLost, nothing, StoreError, LeaseLost, nothing]
    assert [record.type for record in store.read.audit()] == ["first", "a", "b", "b", "c"]
    assert root_of(settings)[0] == 5
    with pytest.raises(LeaseLost):
        await store.commit(failing(1))
    await store.commit(note(store, "d"))
    assert root_of(settings)[0] == 6


async def test_a_store_opened_again_goes_on(settings: Settings) -> None:
    for size in (3, 6):
        with Store.open(settings, write=True) as store:
            await store.commit(note(store, "a", 3))
        assert root_of(settings)[0] == size


@pytest.mark.parametrize("point", ["writer.before-commit", "writer.after-commit"])
async def test_a_killed_process_leaves_tree_and_records_of_one_moment(settings: Settings, point: str) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom reach_workbench.settings import Settings\n"
        "from reach_workbench.storage.store import Store\n"
        "store = Store.open(Settings(home=Path(sys.argv[1])), write=True)\n"
        "for number in range(9):\n    unit = store.unit()\n    unit.audit('a', number, at=1)\n"
        "    unit.audit('b', number, at=1)\n    store.commit_now(unit)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(settings.home)],
        env={**os.environ, VARIABLE: f"{point}:4"},
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with Store.open(settings, write=True) as store:
        size = 6 if point == "writer.before-commit" else 8
        assert root_of(settings)[0] == size
        await store.commit(note(store, "a"))
    assert root_of(settings)[0] == size + 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TRIGGER audit_no_delete; DELETE FROM audit WHERE id = 3", "tree has 3 records, its last record is 2"),
        ("UPDATE audit_tree SET size = 2", "tree has 2 records, its last record is 3"),
        ("UPDATE audit_tree SET peaks = x'00'", "can't be one of 3 records"),
        ("DELETE FROM audit_tree", "tree has 0 records"),
    ],
)
async def test_nothing_is_added_to_a_log_that_does_not_fit_its_tree(settings: Settings, change: str, said: str) -> None:
    with Store.open(settings, write=True) as store:
        await store.commit(note(store, "a", 3))
    with closing(sqlite3.connect(settings.home / "reach.db")) as connection:
        connection.executescript(change)
    with Store.open(settings, write=True) as store:
        with pytest.raises(AuditDamaged, match=said):
            await store.commit(note(store, "b"))
        await store.commit(store.unit())  # what needs no record goes on
        assert "b" not in [record.type for record in store.read.audit()]


def test_what_json_cannot_carry_is_refused_when_it_is_added(store: Store) -> None:
    for value in (float("nan"), {1: 2}, b"x", "\ud800"):
        with pytest.raises((TypeError, ValueError)):
            store.unit().audit("a", value, at=1)
