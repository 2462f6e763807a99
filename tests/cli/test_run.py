"""`reach run`: what scripts and people get back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import REACH, Reach

GREET = """
do:
  - greet: { set: { text: '${ "Hello, \\(.name)" }' } }
"""
FAULT = """
do:
  - fetch:
      raise:
        error:
          type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
          status: 503
          title: Gone fishing
          detail: nobody answers
"""
LOOP = """
do:
  - each:
      for: { each: item, in: '${ [1, 2, 3] }' }
      do:
        - note: { set: { last: '${ $item }' } }
  - after: { set: { done: true } }
"""

Write = Callable[..., Path]


def test_the_installed_program_gives_scripts_one_object_and_nothing_else(home: Path, workflow: Write) -> None:
    done = subprocess.run(
        [REACH, "run", workflow(GREET), "--input", '{"name": "Ada"}', "--json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    result = json.loads(done.stdout)
    assert list(result) == ["id", "workflow", "status", "output", "error", "digest", "events"]
    assert result["workflow"] == "test/sample:1.0.0"
    assert (result["status"], result["output"], result["error"]) == ("completed", {"text": "Hello, Ada"}, None)
    assert re.fullmatch("[0-9a-f]{64}", result["digest"])
    assert done.stderr == ""


def test_people_get_the_output_on_standard_output_and_the_rest_on_standard_error(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(GREET), "--input", '{"name": "Ada"}')
    assert done.code == 0
    assert done.json == {"text": "Hello, Ada"}
    assert "✓ /do/0/greet" in done.err
    run = reach("show", "last", "--json").json
    assert f"run {run['id']}, {run['events']} events, digest {run['digest']}" in done.err


def test_quiet_leaves_the_progress_out(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(GREET), "--input", '{"name": "Ada"}', "-q")
    assert "/do/0/greet" not in done.err
    assert "completed" in done.err


def test_the_rounds_of_a_loop_are_summed_up(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(LOOP))
    assert "3 rounds" in done.err
    assert "/do/0/each/do/0/note" not in done.err
    assert "✓ /do/1/after" in done.err


def test_the_input_comes_from_a_file_or_from_standard_input(home: Path, reach: Reach, workflow: Write) -> None:
    file = workflow(GREET)
    given = home.parent / "input.json"
    given.write_text('{"name": "Grace"}', "utf-8")
    assert reach("run", file, "--input", f"@{given}").json == {"text": "Hello, Grace"}
    piped = subprocess.run(
        [REACH, "run", file, "--input", "-", "--json"],
        input='{"name": "Linus"}',
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(piped.stdout)["output"] == {"text": "Hello, Linus"}


def test_a_fault_is_told_with_its_place_in_the_document(reach: Reach, workflow: Write) -> None:
    file = workflow(FAULT)
    done = reach("run", file)
    assert done.code == 1
    assert done.out == ""
    assert "faulted: Gone fishing (503)" in done.err
    assert "detail: nobody answers" in done.err
    assert f"at: /do/0/fetch  ({file}:4)" in done.err
    assert "4 |   - fetch:" in done.err


def test_a_fault_is_one_object_too(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(FAULT), "--json")
    assert done.code == 1
    assert done.json["status"] == "faulted"
    assert done.json["error"]["instance"] == "/do/0/fetch"
    assert done.err == ""


@pytest.mark.parametrize(("body", "code"), [(GREET, 0), (FAULT, 1)])
def test_the_events_file_has_every_event(reach: Reach, workflow: Write, tmp_path: Path, body: str, code: int) -> None:
    file = tmp_path / "events.ndjson"
    done = reach("run", workflow(body), "--input", '{"name": "Ada"}', "--json", "--events", file)
    assert done.code == code
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [event["seq"] for event in events] == list(range(1, done.json["events"] + 1))
    assert all(list(event) == ["seq", "type", "at", "task", "data", "digest"] for event in events)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["at"]) for event in events)
    assert events[-1]["type"] == f"workflow.{done.json['status']}"
    assert events[-1]["digest"] == done.json["digest"]
    assert events == [json.loads(line) for line in reach("events", "last", "--json").out.splitlines()]


def test_secrets_come_from_words_files_and_the_environment_and_are_recorded_nowhere(
    reach: Reach, workflow: Write, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
use: { secrets: [ first, second, the-third ] }
do:
  - tell:
      run:
        shell:
          command: ${ "printf %s " + $secrets.first + $secrets.second.key + $secrets["the-third"] + " | wc -c" }
"""
    monkeypatch.setenv("REACH_SECRET_THE_THIRD", "cucumber")
    (home.parent / "secret").write_text('{"key": "bananas"}\n', "utf-8")
    done = reach("run", workflow(body), "--secret", "first=apples", "--secret", "second=@secret", "--json")
    assert done.code == 0, done
    assert int(done.json["output"]) == len("applesbananascucumber")
    recorded = reach("events", "last", "--json").out
    assert not any(secret in recorded for secret in ("apples", "bananas", "cucumber"))


def test_a_secret_that_the_workflow_does_not_declare_is_named(reach: Reach, workflow: Write) -> None:
    file = workflow("use: {secrets: [token]}\ndo: [{x: {set: {n: 1}}}]")
    done = reach("run", file, "--secret", "tokn=abc", "--secret", "token=def")
    assert done.code == 0
    assert "not under use.secrets: tokn (it declares token)" in done.err
    assert "abc" not in done.err
    assert "use.secrets" not in reach("run", file, "--secret", "token=def").err


def test_a_cancelled_run_exits_with_three(reach: Reach, workflow: Write) -> None:
    assert reach("run", workflow(GREET), "--step", "--json").code == 4
    assert reach("cancel", "last").code == 0
    run = reach("show", "last", "--json").json
    assert run["status"] == "cancelled"


def test_compiling_needs_no_home(reach: Reach, workflow: Write, home: Path) -> None:
    done = reach("compile", workflow(GREET))
    assert (done.code, done.out) == (0, "")
    assert not home.exists()


def test_every_error_of_every_file_is_reported(reach: Reach, workflow: Write) -> None:
    good = workflow(GREET)
    bad = workflow("do:\n  - one: { sit: {} }\n  - two: { then: nowhere, set: { a: 1 } }\n", "bad.yaml")
    done = reach("compile", good, bad)
    assert done.code == 2
    lines = [line for line in done.err.splitlines() if line.startswith(f"{bad}:")]
    assert [line.split(":")[1] for line in lines] == ["3", "4"]
    found = reach("compile", good, bad, "--json")
    assert found.code == 2
    assert [each["line"] for each in found.json["diagnostics"]] == [3, 4]
    assert all(each["code"] and each["message"] for each in found.json["diagnostics"])


def test_a_document_that_does_not_compile_is_not_run(reach: Reach, workflow: Write) -> None:
    bad = workflow("do:\n  - one: { sit: {} }\n")
    assert reach("run", bad).code == 2
    done = reach("run", bad, "--json")
    assert done.code == 2
    assert done.error["code"] == "compile-failed"
    assert done.json["diagnostics"][0]["line"] == 3
    assert reach("runs", "--json").json == {"runs": []}


def test_a_stored_workflow_can_be_run_by_name(reach: Reach, workflow: Write, tmp_path: Path) -> None:
    stored = workflow(GREET)
    assert reach("add", stored, "--json").json == {"workflow": "test/sample:1.0.0"}
    stored.unlink()
    caller = tmp_path / "caller.yaml"
    caller.write_text(
        "document: {dsl: '1.0.3', namespace: test, name: caller, version: '1.0.0'}\n"
        "do:\n"
        "  - call: { run: { workflow: { namespace: test, name: sample, version: '1.0.0', input: { name: Ada } } } }\n",
        "utf-8",
    )
    assert reach("run", caller).json == {"text": "Hello, Ada"}
