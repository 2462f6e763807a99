"""Runs that wait: for signals, for events, for decisions; and homes that another process has."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.storage.home import Lock
from tests.cli.conftest import Reach, Running

LISTEN = """
do:
  - approval:
      listen:
        to: { one: { with: { type: com.example.approved, source: /desk } } }
  - settle: { wait: { milliseconds: 600 } }
  - done: { set: { by: '${ .[0].by }' } }
"""
"""`settle` keeps the process alive until it has answered: one that ends at once may take its answer with it."""

SLOW = """
do:
  - work: { run: { shell: { command: 'touch started; sleep 60' } } }
  - done: { set: { finished: true } }
"""

Write = Callable[..., Path]
Start = Callable[..., Running]
Until = Callable[[str], Any]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_suspends_and_the_run_goes_on_later(
    reach: Reach, start: Start, workflow: Write, until: Until, number: signal.Signals
) -> None:
    process = start("run", workflow(LISTEN))
    process.read_error_until("answer with")
    process.signal(number)
    done = process.end()
    run = reach("show", "last", "--json").json
    assert (done.code, run["status"]) == (4, "suspended")
    assert f"reach resume {run['id']}" in done.err

    again = start("resume", "last", "--json")
    until("waiting")
    sent = reach("publish", "--type", "com.example.approved", "--source", "/desk", "--data", '{"by": "Ada"}')
    assert sent.code == 0, sent
    finished = again.end()
    assert (finished.code, finished.json["output"]) == (0, {"by": "Ada"})


def test_the_second_signal_leaves_at_once_and_nothing_is_lost(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(SLOW))
    until("running")
    process.signal(signal.SIGINT)
    process.read_error_until("Ctrl-C again")
    process.signal(signal.SIGINT)
    done = process.end()
    assert done.code == 130
    assert "reach resume" in done.err
    assert reach("verify", "last").code == 0


def test_with_json_a_suspended_run_is_one_object_too(start: Start, workflow: Write, until: Until) -> None:
    process = start("run", workflow(LISTEN), "--json")
    until("waiting")
    process.signal(signal.SIGINT)
    done = process.end()
    assert (done.code, done.json["status"], done.json["output"]) == (4, "suspended", None)


def test_a_waiting_run_says_how_to_answer_and_another_process_does(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(LISTEN))
    said = process.read_error_until("answer with")
    assert "/do/0/approval waits for an event: type com.example.approved, source /desk" in said
    assert "reach publish --type com.example.approved --source /desk --data JSON" in said

    shown = reach("show", until("waiting")["id"]).out
    assert "reach publish --type com.example.approved --source /desk --data JSON" in shown
    held = reach("run", workflow(LISTEN, "other.yaml"), "--json")
    assert (held.code, held.error["code"]) == (1, "home-in-use")
    assert str(process.pid) in held.error["message"]

    sent = reach("publish", '{"type": "com.example.approved", "source": "/desk", "data": {"by": "Ada"}}', "--json")
    assert sent.code == 0
    assert sent.json["consumed_by"] == [until("completed")["id"]]
    assert process.end().json == {"by": "Ada"}


def test_another_process_can_suspend_and_cancel(reach: Reach, start: Start, workflow: Write, until: Until) -> None:
    process = start("run", workflow(LISTEN), "--json")
    until("waiting")
    assert reach("suspend", "last", "--reason", "lunch").code == 0
    assert process.end().code == 4
    process = start("resume", "last", "--json")
    until("waiting")
    assert reach("cancel", "last").code == 0
    done = process.end()
    assert (done.code, done.json["status"]) == (3, "cancelled")


def test_events_can_be_followed_from_another_process(reach: Reach, start: Start, workflow: Write, until: Until) -> None:
    process = start("run", workflow(LISTEN), "--json")
    until("waiting")
    follower = start("events", "last", "--follow", "--json")
    assert reach("publish", "--type", "com.example.approved", "--source", "/desk", "--data", "{}").code == 0
    events = [json.loads(line) for line in follower.end().out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "workflow.completed"
    assert process.end().json["events"] == len(events)


@pytest.fixture
def doubtful(reach: Reach, start: Start, workflow: Write, until: Until) -> tuple[str, str]:
    """A run whose effect a crash left in doubt: its id and the effect's number."""
    process = start("run", workflow(SLOW), "--json")
    until("running")
    process.signal(signal.SIGKILL)
    process.end()
    done = reach("resume", "last")
    assert done.code == 4
    run = reach("show", "last", "--json").json
    (number,) = run["in_doubt"]
    for way in ("--repeat", "--result JSON", "--fail MESSAGE"):
        assert f"reach resolve {run['id']} {number} {way}" in done.err
    return run["id"], str(number)


def ended(reach: Reach) -> Any:
    """The last run, once it was driven to its end: `resolve` goes on with it, but does not stay for all of it."""
    run = reach("show", "last", "--json").json
    if run["status"] not in ("completed", "faulted"):
        reach("resume", "last")
        run = reach("show", "last", "--json").json
    return run


def test_an_effect_in_doubt_takes_the_given_result(reach: Reach, doubtful: tuple[str, str]) -> None:
    assert reach("resolve", *doubtful, "--result", '"ok"').code == 0
    assert ended(reach)["output"] == {"finished": True}
    assert reach("verify", "last").code == 0


def test_an_effect_in_doubt_can_fail(reach: Reach, doubtful: tuple[str, str]) -> None:
    assert reach("resolve", *doubtful, "--fail", "the disk was full").code == 0
    assert ended(reach)["error"]["detail"] == "the disk was full"


def test_a_request_waits_for_a_command_that_has_the_home_for_a_moment(
    reach: Reach, workflow: Write, home: Path
) -> None:
    assert reach("run", workflow(LISTEN), "--step", "--json").code == 4
    other = Lock(home)
    threading.Timer(0.1, other.release).start()
    done = reach("suspend", "last", "--json")
    assert (done.code, done.json["status"]) == (0, "suspended")


def test_a_decision_says_exactly_one_thing(reach: Reach, doubtful: tuple[str, str]) -> None:
    for ways in ((), ("--repeat", "--fail", "no")):
        done = reach("resolve", *doubtful, *ways, "--json")
        assert (done.code, done.error["code"]) == (2, "usage")
    other = reach("resolve", doubtful[0], "999", "--repeat", "--json")
    assert (other.code, other.error["code"]) == (2, "not-found")
    assert doubtful[1] in other.error["hint"]
