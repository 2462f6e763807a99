"""The commands at a home that `reach serve` serves: they ask it, and nothing gets lost when it is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.client import RemoteNode
from reach_workbench.storage.home import holder
from tests.cli.conftest import PATIENCE, Reach, Running

TWO = "do: [{one: {set: {n: 1}}}, {two: {set: {n: '${ .n + 1 }'}}}]"
LISTEN = """
do:
  - approval: { listen: { to: { one: { with: { type: com.example.approved } } } } }
  - done: { set: { by: '${ .[0].by }' } }
"""
COUNTS = (
    "do: [{each: {for: {in: '${ [range(60)] }'}, do: [{nap: {wait: {milliseconds: 30}}}]}}, {end: {set: {done: true}}}]"
)

Write = Callable[..., Path]
Start = Callable[..., Running]
Until = Callable[[str], Any]


@pytest.fixture
def serve(home: Path, start: Start) -> Callable[[], Running]:
    """Serves the home in a process of its own."""

    def run() -> Running:
        process = start("serve")
        process.read_error_until("serving")
        return process

    return run


@pytest.fixture
def node(serve: Callable[[], Running], home: Path) -> Running:
    process = serve()
    assert holder(home) == process.pid
    return process


def test_a_run_is_driven_by_the_node_and_told_as_if_it_were_here(node: Running, reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(TWO), "--events", "events.jsonl")
    assert (done.code, json.loads(done.out)) == (0, {"n": 2})
    assert "two" in done.err
    run = reach("show", "last", "--json").json
    written = [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]
    assert [event["seq"] for event in written] == list(range(1, run["events"] + 1))
    assert written[-1]["digest"] == run["digest"]
    assert reach("verify", "last").code == 0
    faulted = reach("run", workflow("do: [{no: {raise: {error: {type: 'https://x.org/no', status: 418}}}}]"), "--json")
    assert (faulted.code, faulted.json["status"]) == (1, "faulted")
    wrong = reach("run", workflow("do: 3"), "--json")
    here = reach("run", workflow("do: 3"), "--json", "--home", "other")
    assert (wrong.code, wrong.error["code"]) == (2, "compile-failed")
    assert (wrong.out, wrong.err) == (here.out, here.err)


def test_a_held_run_takes_steps_and_goes_on(node: Running, reach: Reach, workflow: Write) -> None:
    held = reach("run", workflow(TWO), "--step", "--json")
    assert (held.code, held.json["status"]) == (4, "held")
    step = reach("step", "last", "--json")
    assert (step.code, step.json["status"], step.json["position"]) == (0, "held", "/do/1/two")
    assert [change["after"] for change in step.json["changes"] if change["pointer"] == "/data"] == [{"n": 1}]
    done = reach("resume", "last", "--json")
    assert (done.code, done.json["output"]) == (0, {"n": 2})
    again = reach("resume", "last", "--json")
    assert (again.code, again.error["code"]) == (2, "run-state")
    stopped = reach("run", workflow(TWO), "--break", "/do/1/two", "--json")
    assert (stopped.code, stopped.json["status"]) == (4, "held")
    assert reach("resume", "last", "--json").json["output"] == {"n": 2}


def test_a_run_is_forked_in_the_node(node: Running, reach: Reach, workflow: Write) -> None:
    assert reach("run", workflow(TWO), "-q").code == 0
    (at,) = [
        event["seq"]
        for event in map(json.loads, reach("events", "last", "--json").out.splitlines())
        if event["type"] == "task.started" and event["task"] == "/do/1/two"
    ]
    fork = reach("fork", "last", "--at", str(at), "--set", "/data/n=40", "--json")
    assert (fork.code, fork.json["output"]) == (0, {"n": 41})
    changed = workflow(TWO.replace("+ 1", "+ 2"), "changed.yaml")
    assert reach("fork", "last", "--at", str(at), "--workflow", changed, "--json").json["output"] == {"n": 3}
    refused = reach("fork", "last", "--at", "999", "--json")
    assert (refused.code, refused.error["code"]) == (2, "not-found")


def test_events_suspension_and_cancellation_reach_the_runs_of_the_node(
    node: Running, reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    nobody = reach("publish", "--type", "com.example.approved", "--json")
    assert (nobody.code, nobody.error["code"]) == (1, "nobody-waits")
    first = start("run", workflow(LISTEN), "--json")
    waiting = until("waiting")
    assert reach("suspend", "last", "--reason", "lunch", "--json").json["status"] == "suspended"
    assert (stopped := first.end()).code == 4, stopped
    again = start("resume", "last", "--json")
    until("waiting")
    sent = reach("publish", "--type", "com.example.approved", "--data", '{"by": "Ada"}', "--json")
    assert sent.json["consumed_by"] == [waiting["id"]]
    assert again.end().json["output"] == {"by": "Ada"}
    second = start("run", workflow(LISTEN), "--json")
    until("waiting")
    assert reach("cancel", "last", "--json").json["status"] == "cancelled"
    assert (second.end().code, reach("cancel", "last").code) == (3, 2)


def test_a_run_and_a_workflow_are_taken_into_the_home(
    node: Running, reach: Reach, workflow: Write, tmp_path: Path
) -> None:
    other = str(tmp_path / "other")
    made = reach("run", workflow(TWO), "--json", "--home", other).json
    assert reach("export", "last", "-o", "run.reach", "--unsigned", "--home", other).code == 0
    taken = reach("import", "run.reach", "--json")
    assert (taken.code, taken.json["id"], taken.json["digest"]) == (0, made["id"], made["digest"])
    twice = reach("import", "run.reach", "--json")
    assert (twice.code, twice.error["code"]) == (2, "run-state")
    assert reach("export", "last", "-o", "again.reach", "--unsigned").code == 0
    assert reach("add", workflow(TWO)).code == 0
    calls = workflow("do: [{call: {run: {workflow: {namespace: test, name: sample, version: 1.0.0}}}}]", "calls.yaml")
    calls.write_text(calls.read_text("utf-8").replace("sample", "calls", 1), "utf-8")
    called = reach("run", calls, "--json")
    assert called.json["output"] == {"n": 2}, called


def test_ctrl_c_suspends_the_run_and_leaves_the_node_alone(
    node: Running, reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(LISTEN))
    process.read_error_until("answer with")
    process.signal(signal.SIGINT)
    assert process.end().code == 4
    assert until("suspended")["status"] == "suspended"
    assert reach("run", workflow(TWO), "-q").code == 0


def test_followers_of_a_node_that_is_killed_lose_and_double_no_event(
    node: Running, serve: Callable[[], Running], reach: Reach, start: Start, workflow: Write, home: Path
) -> None:
    """One follows through the node, one through the store; a new node goes on with the run."""
    file = home.parent / "events.jsonl"
    through = start("run", workflow(COUNTS), "--json", "--events", file)
    until_lines(file, 20)
    beside = start("events", "last", "--follow", "--json")
    for lines in (40, 90):
        until_lines(file, lines)
        killed = holder(home)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        limit = time.monotonic() + PATIENCE
        while holder(home) is not None:
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert serve().pid != killed
    done = through.end()
    assert (done.code, done.json["status"]) == (0, "completed"), done
    seen = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["seq"] for event in seen] == list(range(1, done.json["events"] + 1))
    assert [json.loads(line) for line in beside.end().out.splitlines()] == seen
    assert seen[-1]["digest"] == done.json["digest"]
    assert reach("verify", "last").code == 0


def until_lines(file: Path, count: int) -> None:
    limit = time.monotonic() + PATIENCE
    while not file.exists() or len(file.read_bytes().splitlines()) < count:
        assert time.monotonic() < limit, "no further event was told"
        time.sleep(0.02)


@pytest.mark.parametrize("words", [(), ("-q",), ("--json",)])
def test_a_run_whose_node_dies_is_named(
    node: Running, reach: Reach, workflow: Write, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setitem(RemoteNode.__init__.__kwdefaults__, "patience", 0.2)
    killing = threading.Timer(1, node.signal, (signal.SIGKILL,))
    killing.start()
    done = reach("run", workflow("do: [{nap: {wait: {seconds: 30}}}]"), *words)
    killing.join()
    run = reach("show", "last", "--json").json["id"]
    said = " ".join(done.error.values()) if words == ("--json",) else done.err
    assert done.code == 1
    for part in (f"run {run} was left", f"reach show {run}", f"reach resume {run}"):
        assert part in said


def test_a_second_node_is_refused_by_name(node: Running, reach: Reach) -> None:
    refused = reach("serve", "--json")
    assert (refused.code, refused.error["code"]) == (1, "home-in-use")
    assert str(node.pid) in refused.error["message"]


def test_a_node_that_serves_while_it_is_needed_ends_by_itself(
    start: Start, home: Path, reach: Reach, workflow: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACH_API_QUIET_SECONDS", "1")
    process = start("serve", "--while-needed")
    process.read_error_until("serving")
    waiting = start("run", workflow(LISTEN))
    waiting.read_error_until("approval")
    waiting.abandon()
    time.sleep(3)  # longer than it would go on unneeded
    assert holder(home) == process.pid
    assert reach("cancel", "last").code == 0
    assert process.end().code == 0
    assert holder(home) is None
