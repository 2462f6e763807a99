"""Workflows with a schedule on the command line: run once by hand, by themselves where a node serves."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

TICK = """document: {dsl: '1.0.3', namespace: test, name: tick, version: '1.0.0'}
schedule: {every: {seconds: 1}}
do: [{a: {set: {n: 1}}}]
"""


def test_running_it_by_hand_runs_it_once_and_says_what_lets_it_start_by_itself(home: Path, reach) -> None:
    Path("tick.yaml").write_text(TICK)
    answer = reach("run", "tick.yaml")
    assert (answer.code, json.loads(answer.out)) == (0, {"n": 1})
    assert "reach add tick.yaml && reach serve" in answer.err
    told = reach("run", "tick.yaml", "--json")
    assert told.json["status"] == "completed"
    assert "reach serve" not in told.err
    assert len(reach("runs", "--json").json["runs"]) == 2


@pytest.mark.parametrize(("point", "started"), [("driver.before-commit", 0), ("driver.after-commit", 1)])
def test_a_node_killed_at_a_start_leaves_the_run_and_the_count_together(
    home: Path, reach, start, point: str, started: int
) -> None:
    Path("tick.yaml").write_text(TICK)
    assert reach("add", "tick.yaml").code == 0
    assert start("serve", REACH_CRASH_AT=point).end().code == -9
    assert len(reach("runs", "--json").json["runs"]) == started
    with closing(sqlite3.connect(home / "reach.db")) as database:
        assert database.execute("SELECT started FROM schedules").fetchall() == [(started,)]


def test_an_event_that_a_workflow_will_hear_when_a_node_serves_is_not_said_to_be_lost(home: Path, reach, start) -> None:
    Path("tick.yaml").write_text(TICK.replace("{every: {seconds: 1}}", "{on: {one: {with: {type: a.b}}}}"))
    assert reach("add", "tick.yaml").code == 0
    serving = start("serve")
    serving.read_error_until("serving")
    serving.signal(signal.SIGTERM)
    serving.end()
    told = reach("publish", "--type", "a.b")
    assert (told.code, "kept: 1 stored workflow hears it when a node serves: test/tick:1.0.0" in told.err) == (0, True)
    told = reach("publish", "--type", "a.b", "--json")
    assert (told.json["consumed_by"], told.json["kept_for"]) == ([], ["test/tick:1.0.0"])
    assert reach("publish", "--type", "a.c").code == 1
