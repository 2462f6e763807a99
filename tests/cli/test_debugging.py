"""Holding, stepping, looking back, comparing and forking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Reach

BODY = """
do:
  - first: { set: { a: 1 } }
  - second:
      do:
        - inner: { set: { a: '${ .a + 1 }' } }
        - outer: { set: { a: '${ .a + 1 }', b: true } }
  - third: { set: { total: '${ .a * 10 }' } }
"""

Write = Callable[..., Path]


def test_a_held_run_says_where_it_stands_and_how_to_go_on(reach: Reach, workflow: Write) -> None:
    file = workflow(BODY)
    done = reach("run", file, "--step")
    assert done.code == 4
    run = reach("show", "last", "--json").json
    assert run["status"] == "held"
    assert f"before /do/0/first  ({file}:4)" in done.err
    assert f"reach step {run['id']}" in done.err
    assert f"reach resume {run['id']}" in done.err


@pytest.mark.parametrize(
    ("option", "position", "line"),
    [
        ("--over", "/do/2/third", 9),
        ("--into", "/do/1/second/do/0/inner", 7),
        ("--until=/do/1/second/do/1/outer", "/do/1/second/do/1/outer", 8),
    ],
)
def test_a_step_goes_where_it_is_sent(reach: Reach, workflow: Write, option: str, position: str, line: int) -> None:
    reach("run", workflow(BODY), "--break", "/do/1/second")
    done = reach("step", "last", option, "--json")
    assert done.code == 0
    assert (done.json["status"], done.json["position"], done.json["line"]) == ("held", position, line)


def test_stepping_out_leaves_the_list(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--break", "/do/1/second/do/0/inner")
    assert reach("step", "last", "--out", "--json").json["position"] == "/do/2/third"


def test_a_step_shows_what_it_changed(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--break", "/do/1/second/do/1/outer")
    done = reach("step", "last")
    assert "~ /data/a: 2 → 3" in done.err
    assert "+ /data/b: true" in done.err


def test_the_last_step_gives_the_result(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--break", "/do/2/third")
    done = reach("step", "last")
    assert done.code == 0
    assert done.json == {"total": 30}


def test_a_run_is_resumed_to_the_next_breakpoint_and_then_to_its_end(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--step")
    held = reach("resume", "last", "--break", "/do/2/third", "--json")
    assert (held.code, held.json["status"]) == (4, "held")
    done = reach("resume", "last")
    assert (done.code, done.json) == (0, {"total": 30})


def test_resuming_all_finishes_what_was_suspended_and_leaves_what_is_held(reach: Reach, workflow: Write) -> None:
    for _ in range(2):
        reach("run", workflow(BODY), "--step")
        assert reach("suspend", "last", "--json").json["status"] == "suspended"
    reach("run", workflow(BODY), "--step")
    done = reach("resume", "--all", "--json")
    assert done.code == 0
    assert [run["status"] for run in done.json["runs"]] == ["completed", "completed"]
    assert reach("show", "last", "--json").json["status"] == "held"


def test_a_step_goes_one_way_only(reach: Reach) -> None:
    done = reach("step", "last", "--into", "--out", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")


def test_the_state_at_any_event_can_be_seen(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--json")
    before = reach("state", "last", "--at", "2", "--json").json
    assert (before["seq"], before["position"], before["data"]) == (2, "/do/0/first", None)
    after = reach("state", "last", "--at", "4", "--json").json
    assert (after["position"], after["data"]) == ("/do/1/second", {"a": 1})
    shown = reach("state", "last", "--at", "4").out
    assert "after event 4" in shown
    assert "/do/1/second" in shown
    assert reach("state", "last", "--json").json["output"] == {"total": 30}


def test_what_changed_between_two_events_is_said_in_signs_not_in_colour(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--json")
    assert '~ /data: null → {"a":1}' in reach("diff", "last", "2", "4").out.splitlines()
    changes = reach("diff", "last", "2", "4", "--json").json["changes"]
    assert {"pointer": "/data", "kind": "changed", "before": None, "after": {"a": 1}} in changes
    same = reach("diff", "last", "4", "4")
    assert (same.code, same.out) == (0, "")


def test_a_fork_shares_the_past_and_takes_other_data(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--json")
    original = reach("show", "last", "--json").json
    done = reach("fork", "last", "--at", "4", "--set", "/data/a=100", "--json")
    assert (done.code, done.json["output"]) == (0, {"total": 1020})
    forked = reach("show", "last", "--json").json
    assert (forked["forked_from"], forked["forked_at"]) == (original["id"], 4)
    assert reach("verify", "last").code == 0


def test_a_fork_can_go_on_with_another_document_and_be_held(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--json")
    changed = workflow(BODY.replace(".a * 10", ".a * 100"), "changed.yaml")
    held = reach("fork", "last", "--at", "4", "--workflow", changed, "--hold", "--json")
    assert (held.code, held.json["status"]) == (4, "held")
    assert reach("resume", "last").json == {"total": 300}


def test_a_document_with_another_past_is_refused(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(BODY), "--json")
    changed = workflow(BODY.replace("a: 1 }", "a: 2 }"), "changed.yaml")
    done = reach("fork", "last", "--at", "4", "--workflow", changed, "--json")
    assert (done.code, done.error["code"]) == (2, "fork-refused")
    assert "event 4" in done.error["where"]


def test_a_changed_file_is_not_shown_as_the_one_that_runs(reach: Reach, workflow: Write) -> None:
    file = workflow(BODY)
    reach("run", file, "--step")
    assert f"({file}:4)" in reach("show", "last").out
    workflow("# a line more\n" + BODY.replace("a: 1 }", "a: 7 }"))
    shown = reach("show", "last").out
    assert "/do/0/first" in shown
    assert f"({file}:" not in shown


def test_runs_are_listed_the_newest_first(reach: Reach, workflow: Write) -> None:
    assert reach("runs").code == 0
    reach("run", workflow(BODY), "--json")
    reach("run", workflow(BODY), "--step", "--json")
    listed = reach("runs").out.splitlines()
    assert [line.split()[2] for line in listed[1:]] == ["held", "completed"]
    only = reach("runs", "--status", "completed", "--json").json["runs"]
    assert [run["status"] for run in only] == ["completed"]
    assert len(reach("runs", "--limit", "1", "--json").json["runs"]) == 1
    shortened = listed[1].split()[0]
    assert reach("show", shortened, "--json").json["status"] == "held"
