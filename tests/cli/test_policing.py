"""`reach policy explain`, `reach policy try` and `reach run --may`, as people and scripts use them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Reach, Running

ALL = '@id("all") permit (principal, action, resource);\n'
NO_SHELLS = ALL + '@id("shells") @reason("not here")\nforbid (principal, action == Action::"shell.run", resource);\n'
SHELLS = "do: [{one: {run: {shell: {command: 'echo one'}}}}, {two: {run: {shell: {command: 'true'}}}}]"


@pytest.fixture
def policy(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes the policy file of the home."""
    file = tmp_path / "policy.cedar"
    monkeypatch.setenv("REACH_POLICY_FILE", str(file))
    monkeypatch.setenv("REACH_KEYS_USER", "ada")

    def write(text: str) -> Path:
        file.write_text(text, "utf-8")
        return file

    return write


def run_of(answer: Answer) -> str:
    return str(answer.json["id"])


def test_a_denied_command_is_explained_to_people(reach: Reach, policy: Callable[[str], Path], workflow) -> None:
    policy(NO_SHELLS)
    assert reach("run", workflow(SHELLS), "--json").code == 1
    answer = reach("policy", "explain", "last")
    lines = answer.out.splitlines()
    assert (answer.code, lines[0]) == (0, "command 4  shell.run at echo  /do/0/one")
    assert lines[1].startswith("  asked by  ada, 20")
    assert lines[2].startswith("  decided   deny by shells  ")
    assert '            shells  policy.cedar:2  "not here"' in lines
    assert '            without "shells" it would be allowed by all' in lines
    assert "  now       the same policies are in force" in lines
    assert '"resource_type":"Program","resource":"echo","context":{"args":{"command":"echo one"' in lines[-1]


def test_one_command_is_explained_to_scripts(reach: Reach, policy: Callable[[str], Path], workflow) -> None:
    policy(ALL)
    run = run_of(reach("run", workflow(SHELLS), "--json"))
    commands = reach("policy", "explain", run, "--json").json["commands"]
    assert [each["request"]["resource"] for each in commands] == ["echo", "true"]
    number = commands[1]["command"]
    policy(NO_SHELLS)
    [one] = reach("policy", "explain", run, str(number), "--json").json["commands"]
    assert (one["then"]["verdict"], one["now"]["verdict"]) == ("allow", "deny")
    assert one["now"]["without"] == [{"policies": ["shells"], "verdict": "allow", "by": ["all"]}]
    shown = reach("policy", "explain", run, str(number)).out
    assert "  now       deny by shells" in shown
    assert reach("policy", "explain", run, "1", "--json").error["code"] == "not-found"
    assert reach("policy", "explain", run, "one", "--json").error["code"] == "usage"
    assert reach("policy", "explain", "none", "--json").error["code"] == "not-found"


def test_a_run_that_asked_nothing_has_nothing_to_explain(reach: Reach, workflow) -> None:
    reach("run", workflow("do: [{one: {set: {x: 1}}}]"), "--json")
    answer = reach("policy", "explain", "last")
    assert (answer.code, answer.out) == (0, "")
    assert "no policy was asked" in answer.err


def test_a_trial_that_changes_nothing_exits_with_0(reach: Reach, policy: Callable[[str], Path], workflow) -> None:
    same = policy(ALL)
    reach("run", workflow(SHELLS), "--json")
    answer = reach("policy", "try", same)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err.startswith("nothing would change: 2 actions of 1 run would be decided as recorded (")


def test_a_trial_lists_what_would_change_and_exits_with_1(
    reach: Reach, policy: Callable[[str], Path], workflow, tmp_path: Path
) -> None:
    policy(ALL)
    run = run_of(reach("run", workflow(SHELLS), "--json"))
    reach("run", workflow(SHELLS), "--json")
    new = tmp_path / "new.cedar"
    new.write_text(NO_SHELLS + '@id("soon") @mode("warn") forbid (principal, action, resource);', "utf-8")
    answer = reach("policy", "try", new)
    first, second, warns = answer.out.splitlines()
    assert answer.code == 1
    assert first == f"allow → deny  2 × shell.run at echo  by shells (was by all)  e.g. {run}:4"
    assert second.startswith("allow → deny  2 × shell.run at true  by shells (was by all)")
    assert warns == f"would warn  4 × shell.run  by soon  e.g. {run}:4"
    assert "4 of 4 actions of 2 runs would not be decided as recorded" in answer.err
    one = reach("policy", "try", new, "--limit", "1")
    assert len([line for line in one.out.splitlines() if "→" in line]) == 1
    assert "… and 1 group more" in one.out
    told = reach("policy", "try", new, "--json")
    assert (told.code, told.json["changed"], told.json["groups"]) == (1, 4, 2)
    assert told.json["changes"][0] == {
        "before": "allow", "after": "deny", "action": "shell.run", "resource_type": "Program", "resource": "echo",
        "by": ["shells"], "was_by": ["all"], "count": 2, "run": run, "command": 4, "reason": None,
    }  # fmt: skip
    explained = reach("policy", "explain", *told.json["changes"][0]["run"].split(), "4")
    assert explained.code == 0


def test_a_trial_takes_times_and_refuses_what_is_none(
    reach: Reach, policy: Callable[[str], Path], workflow, tmp_path: Path
) -> None:
    policy(ALL)
    reach("run", workflow(SHELLS), "--json")
    new = tmp_path / "new.cedar"
    new.write_text(NO_SHELLS, "utf-8")
    assert reach("policy", "try", new, "--since", "1h", "--json").json["actions"] == 2
    assert reach("policy", "try", new, "--until", "1h", "--json").json["actions"] == 0
    assert reach("policy", "try", new, "--since", "2999-01-01", "--json").json["actions"] == 0
    assert reach("policy", "try", new, "--until", "2999-01-01T00:00:00Z", "--json").json["actions"] == 2
    assert reach("policy", "try", new, "--since", "yesterday", "--json").error["code"] == "usage"
    assert reach("policy", "try", new, "--limit", "1001", "--json").error["code"] == "usage"
    assert reach("policy", "try", "--json").error["code"] == "usage"


def test_a_trial_of_broken_policies_names_every_flaw(reach: Reach, tmp_path: Path) -> None:
    new = tmp_path / "new.cedar"
    new.write_text('permit (principal, action == Action::"shell.rn", resource);', "utf-8")
    answer = reach("policy", "try", "new.cedar")
    assert answer.code == 2
    assert "new.cedar:1:38: error unknown-action" in answer.err
    assert "did you mean shell.run?" in answer.err


def test_a_trial_leaves_at_once_when_it_is_interrupted(
    reach: Reach, start: Callable[..., Running], policy: Callable[[str], Path], workflow, tmp_path: Path
) -> None:
    policy(ALL)
    reach("run", workflow(SHELLS), "--json")
    fifo = tmp_path / "slow.cedar"
    os.mkfifo(fifo)  # the policies never come: the command is there, and waits
    process = start("policy", "try", fifo)
    writer = os.open(fifo, os.O_WRONLY)  # returns once the command reads
    process.signal(signal.SIGINT)
    answer = process.end()
    os.close(writer)
    assert (answer.code, answer.out, answer.err) == (130, "", "interrupted\n")
    assert reach("policy", "try", policy(ALL)).code == 0


def test_a_run_may_only_what_it_was_given(reach: Reach, policy: Callable[[str], Path], workflow) -> None:
    policy(ALL)
    assert reach("run", workflow(SHELLS), "--json", "--may", "shell.run").code == 0
    refused = reach("run", workflow(SHELLS), "--json", "--may", "shell.run:echo", "--may", "http.call")
    assert (refused.code, refused.json["error"]["status"]) == (1, 403)
    assert refused.json["error"]["detail"] == "the run was not given the capability shell.run:true"
    assert "not given the capability shell.run:true" in reach("policy", "explain", "last").out
    wrong = reach("run", workflow(SHELLS), "--json", "--may", "shel.run")
    assert (wrong.code, wrong.error["code"], wrong.error["hint"]) == (2, "bad-input", "did you mean shell.run?")
    assert reach("run", workflow(SHELLS), "--json", "--may", "shell.run:").error["code"] == "bad-input"


def test_runs_that_a_run_starts_have_its_capabilities(reach: Reach, policy: Callable[[str], Path], workflow) -> None:
    policy(ALL)
    inner = workflow(SHELLS, "inner.yaml")
    inner.write_text(inner.read_text("utf-8").replace("name: sample", "name: inner"), "utf-8")
    assert reach("add", inner).code == 0
    outer = workflow("do: [{call: {run: {workflow: {namespace: test, name: inner, version: 1.0.0}}}}]")
    assert reach("run", outer, "--json", "--may", "workflow.run", "--may", "shell.run").code == 0
    refused = reach("run", outer, "--json", "--may", "workflow.run")
    assert refused.code == 1
    assert "the run was not given the capability shell.run:echo" in refused.json["error"]["detail"]


def test_a_refusal_gives_the_policy_its_reason_and_says_how_to_ask_for_more(
    reach: Reach, policy: Callable[[str], Path], workflow
) -> None:
    policy(NO_SHELLS)
    answer = reach("run", workflow(SHELLS))
    assert "  detail: denied by policy shells: not here\n" in answer.err
    assert "hint: `reach policy explain " in answer.err
    other = reach("run", workflow(SHELLS), "--home", "other")
    assert re.search("hint: `reach policy explain [0-9a-z]+ --home other`", other.err)


def test_long_texts_are_cut_beside_other_commands_and_whole_alone(
    reach: Reach, policy: Callable[[str], Path], workflow
) -> None:
    policy(ALL)
    long = "x" * 5_000
    body = "do: [{one: {run: {shell: {command: cat, stdin: %s}}}}]"
    run = run_of(reach("run", workflow(body % long), "--json"))
    answer = reach("policy", "explain", run)
    assert max(map(len, answer.out.splitlines())) < 2_000
    assert answer.err == f"long texts are cut; one command whole: reach policy explain {run} 4\n"
    alone = reach("policy", "explain", run, "4")
    assert long in alone.out and alone.err == ""
