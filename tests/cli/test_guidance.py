"""What the command line says to somebody who is stuck: what keeps a run from going on, and what to do."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import PATIENCE, Reach, Running

LISTEN = """
do:
  - approval:
      listen:
        to: { one: { with: { type: com.example.approved, source: /finance } } }
  - done: { set: { by: '${ .[0].by }' } }
"""
ASK = ("--type", "com.example.approved", "--source", "/finance", "--data", '{"by": "money"}')

Write = Callable[..., Path]
Start = Callable[..., Running]
Until = Callable[[str], Any]


def test_an_event_for_a_suspended_run_is_refused_with_the_way_to_resume_it(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(LISTEN), "--json")
    run = until("waiting")["id"]
    process.signal(signal.SIGINT)
    assert process.end().code == 4
    shown = reach("show", "last").out
    assert f"resume it first (reach resume {run}), then answer with: reach publish" in shown
    done = reach("publish", *ASK)
    assert done.code == 1
    assert f"run {run} would wait for it at /do/0/approval, but is suspended" in done.err
    assert f"reach resume {run}" in done.err


def test_an_event_that_a_filter_turned_down_is_refused_with_what_the_filter_asks_for(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(LISTEN), "--json")
    until("waiting")
    done = reach("publish", "--type", "com.example.approved", "--source", "/desk")
    assert "waits for this type at /do/0/approval, but its filter did not fit" in done.err
    assert "source /finance" in done.err
    other = reach("publish", "--type", "com.example.other")
    assert "approval" not in other.err
    assert reach("publish", *ASK).code == 0
    assert process.end().code == 0


def test_a_resumed_run_says_again_what_it_waits_for(reach: Reach, start: Start, workflow: Write, until: Until) -> None:
    process = start("run", workflow(LISTEN), "--json")
    until("waiting")
    process.signal(signal.SIGINT)
    process.end()
    again = start("resume", "last")
    said = again.read_error_until("answer with")
    assert "/do/0/approval waits for an event: type com.example.approved, source /finance" in said
    assert "resume it first" not in said


LOOP = """
do:
  - each:
      for: { each: item, in: '${ [1, 2, 3] }' }
      do:
        - attempt:
            try:
              - check: { if: '$item == 2', raise: { error: { type: 'https://example.com/busy', status: 503 } } }
            catch:
              retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 2 } } }
              do: [ on: { set: { ok: true } } ]
"""


def test_retries_inside_a_loop_are_counted(reach: Reach, workflow: Write) -> None:
    said = reach("run", workflow(LOOP)).err
    assert re.search(r"✓ /do/0/each  .*, 3 rounds, \d retr(y|ies)", said), said


def test_a_fork_inside_a_loop_counts_all_rounds_but_only_its_own_time(reach: Reach, workflow: Write) -> None:
    assert reach("run", workflow(LOOP), "--quiet").code == 0
    events = [json.loads(line) for line in reach("events", "last", "--json").out.splitlines()]
    second = [event["seq"] for event in events if event["type"] == "loop.iterated"][1]
    said = reach("fork", "last", "--at", str(second)).err
    assert re.search(rf"✓ /do/0/each  \d+ ms since event {second}, 3 rounds", said), said


CRASH = """
do:
  - nap: { wait: { milliseconds: 5 } }
  - charge: { run: { shell: { command: 'sleep 60' } } }
"""


def test_a_run_that_a_crash_cut_off_says_that_nobody_drives_it(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(CRASH))
    process.read_error_until("/do/0/nap")
    limit = time.monotonic() + PATIENCE
    while "performs effect" not in reach("show", "last").out and time.monotonic() < limit:
        time.sleep(0.02)
    assert "no process" not in reach("show", "last").err
    process.signal(signal.SIGKILL)
    process.end()
    shown = reach("show", "last")
    run = reach("show", "last", "--json").json
    assert run["position"] == "/do/1/charge"
    assert f"no process drives it; go on with: reach resume {run['id']}" in shown.err
    assert "reach resume --all" in reach("runs").err


SETS = """
do:
  - first: {{ set: {{ price: {price} }} }}
  - text: {{ set: '${{ "words" }}' }}
  - last: {{ set: {{ done: true }} }}
"""


def test_a_refused_fork_names_the_first_difference(reach: Reach, workflow: Write) -> None:
    assert reach("run", workflow(SETS.format(price=1)), "--quiet").code == 0
    last = str(reach("show", "last", "--json").json["events"] - 1)
    done = reach("fork", "last", "--at", last, "--workflow", workflow(SETS.format(price=2), "other.yaml"))
    assert done.code == 2
    assert "/data/output/price = 2 instead of 1" in done.err


def test_an_edit_inside_a_text_says_that_it_is_a_text(reach: Reach, workflow: Write) -> None:
    assert reach("run", workflow(SETS.format(price=1)), "--quiet").code == 0
    events = [json.loads(line) for line in reach("events", "last", "--json").out.splitlines()]
    at = next(str(each["seq"]) for each in events if each["type"] == "task.completed" and each["task"] == "/do/1/text")
    done = reach("fork", "last", "--at", at, "--set", "/data/done=[]")
    assert "/data is a text, which has no parts" in done.err
    assert "may be new" not in done.err


def test_a_file_that_is_not_there_suggests_one_with_a_similar_name(reach: Reach, workflow: Write) -> None:
    workflow(LOOP, "orders.yaml")
    assert "did you mean orders.yaml?" in reach("run", "order.yaml").err
    assert "check the name" in reach("run", "zzz.yaml").err


def test_an_effect_is_decided_one_way_only(reach: Reach) -> None:
    done = reach("resolve", "last", "17", "--repeat", "--fail", "x")
    assert done.code == 2
    assert "give only one of" in done.err


def test_the_overview_fits_eighty_columns(reach: Reach) -> None:
    assert max(map(len, reach("--help").out.splitlines())) <= 80


def test_a_breakpoint_at_a_bare_name_suggests_the_reference(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(LOOP), "--break", "attempt")
    assert done.code == 2
    assert "did you mean /do/0/each/do/0/attempt?" in done.err


def test_a_run_that_lacks_its_input_says_how_to_give_one(reach: Reach, workflow: Write) -> None:
    schema = "input: { schema: { format: json, document: { type: object, required: [name] } } }"
    file = workflow(schema + "\ndo:\n  - report: { set: { ok: true } }\n")
    assert "give one with --input JSON" in reach("run", file).err
    assert "--input" not in reach("run", file, "--input", '{"other": 1}').err


def test_a_command_that_is_none_leads_to_its_family_or_to_the_one_that_does_it(reach: Reach) -> None:
    for words, hint in {
        ("no thing",): "`reach --help` lists the commands",
        ("polcy",): "did you mean `reach policy`?",
        ("gate", "approve"): "did you mean `reach approve`?",
        ("gate", "list"): "did you mean `reach gates`?",
        ("secret", "show"): "one of: secret set, secret list, secret remove",
    }.items():
        assert reach(*words, "--json").error["hint"] == hint


def test_a_file_of_another_name_is_not_suggested_for_its_ending_alone(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "note.yaml").write_text("", "utf-8")
    assert reach("run", "cases.yaml", "--json").error["hint"] == "check the name"
    assert reach("run", "note.yml", "--json").error["hint"] == "did you mean note.yaml?"


def test_a_run_without_its_secret_says_how_to_give_it(reach: Reach, workflow: Write) -> None:
    body = "use: {secrets: [token]}\ndo: [{a: {set: {b: '${ $secrets.token }'}}}]"
    assert "`reach secret set NAME` keeps it" in reach("run", workflow(body)).err
