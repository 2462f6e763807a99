"""`reach audit`: listing, looking at one record, verifying."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Reach, Running

TWO = "do: [{one: {set: {n: 1}}}, {two: {set: {n: '${ .n + 1 }'}}}]"

Write = Callable[..., Path]


def test_the_newest_records_are_listed_and_narrowed(reach: Reach, workflow: Write, home: Path) -> None:
    assert reach("audit").err == "no record yet\n"
    for _ in range(3):
        assert reach("run", workflow(TWO)).code == 0
    assert reach("export", "last", "-o", "run.reach", "--unsigned").code == 0
    listed = reach("audit", "--json").json["records"]
    assert [record["type"] for record in listed] == ["run.exported", *["run.started"] * 3]
    assert [record["id"] for record in listed] == [4, 3, 2, 1]
    assert len(reach("audit").out.splitlines()) == 4
    assert "run.exported" in reach("audit", "--run", "last", "--type", "run.e").out
    assert len(reach("audit", "--limit", "2").out.splitlines()) == 2
    assert reach("audit", "--before", "3", "--json").json["records"] == listed[2:]
    assert reach("audit", "--text", "nothing like it").err == "no such record in the audit log\n"
    assert reach("audit", "--run", "zzzz").code == 2


def test_one_record_is_shown_whole(reach: Reach, workflow: Write, home: Path) -> None:
    reach("run", workflow(TWO))
    shown = reach("audit", "show", "1")
    assert shown.code == 0
    assert "run.started" in shown.out
    assert '"workflow": "test/sample:1.0.0"' in shown.out
    assert reach("audit", "show", "1", "--json").json["type"] == "run.started"
    assert "has no record 2" in reach("audit", "show", "2").err


@pytest.mark.parametrize(
    "words", [("show",), ("show", "x"), ("show", "0" * 30), ("verify", "3"), ("prove",), ("--limit", "0")]
)
def test_what_makes_no_sense_is_refused(reach: Reach, home: Path, words: tuple[str, ...]) -> None:
    assert reach("audit", *words).code == 2


def test_a_log_is_verified_and_a_changed_record_named(reach: Reach, workflow: Write, home: Path) -> None:
    for _ in range(3):
        reach("run", workflow(TWO))
    found = reach("audit", "verify")
    assert (found.code, found.out.split(",")[0]) == (0, "verified: 3 records hold")
    with closing(sqlite3.connect(home / "reach.db")) as connection:
        connection.executescript("DROP TRIGGER audit_no_update; UPDATE audit SET payload = x'7b7d' WHERE id = 2")
    found = reach("audit", "verify")
    assert found.code == 1
    assert found.out.startswith("changed: record 2 was changed: its contents and its hash do not fit each other\n")
    said = reach("audit", "verify", "--json").json
    assert (said["ok"], said["records"], said["problems"][0]["first"]) == (False, 1, 2)


def test_a_served_home_is_vouched_for_with_its_key(
    reach: Reach, workflow: Write, home: Path, start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACH_KEYS_BACKEND", "file")
    monkeypatch.setenv("REACH_PASSPHRASE", "correct horse battery staple")
    monkeypatch.setenv("REACH_AUDIT_CHECKPOINT_RECORDS", "1")
    node = start("serve")
    node.read_error_until("serving")
    assert reach("run", workflow(TWO)).code == 0
    served: Any = reach("audit", "verify", "--json").json
    node.signal(signal.SIGINT)
    node.end()
    found = json.loads(reach("audit", "verify", "--json").out)
    assert (found["ok"], found["checkpoints"], found["covered"]) == (True, 1, 1)
    assert found["key"].startswith("reach-audit/")
    assert served["ok"]
    locked = start("audit", "verify", REACH_PASSPHRASE="").end()
    assert locked.code == 0
    assert "without the node's key their signatures could not be checked" in locked.out
    (home / "checkpoints").unlink()
    assert "checkpoint-missing: checkpoint 1 is missing with the file" in reach("audit", "verify").out
