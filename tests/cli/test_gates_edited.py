"""Held actions that are edited: gated again from the start, or refused at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Reach
from tests.cli.gating import (
    HOLD,
    Write,
    assert_refused,
    builtin,
    held,
    known,
    outcome,
    policy,
    target,
    terminal,
)

__all__ = ["builtin", "held", "known", "target", "terminal"]


def test_an_edited_action_is_held_again_and_says_where(
    reach: Reach, held: Callable[..., str], known: None, target: Path, tmp_path: Path
) -> None:
    gate = held()
    arguments = reach("gates", gate, "--json").json["arguments"]
    arguments["process"]["command"] = f"echo edited >> {target}"
    (tmp_path / "action.json").write_text(json.dumps(arguments))
    done = reach("gate", "edit", gate, "--arguments", "action.json")
    assert done.code == 0
    (newer,) = reach("gates", "--json").json["gates"]
    assert f"gate {gate} is superseded" in done.err
    assert f"it is held again, at gate {newer['id']}" in done.err
    assert f"    echo edited >> {target}\n" in done.err
    assert outcome(reach, gate) == "superseded"
    assert_refused(reach("approve", gate, "--yes"), "gate-closed", "")
    assert_refused(reach("gate", "edit", newer["id"], "--arguments", "action.json"), "bad-input", "")
    assert reach("approve", newer["id"], "--yes").code == 0
    assert target.read_text() == "edited\n"


def test_an_edited_action_that_nothing_holds_happens(
    reach: Reach, held: Callable[..., str], known: None, home: Path, target: Path, tmp_path: Path
) -> None:
    harmless = 'unless { context.args.command like "echo fine*" };'
    policy(home, (HOLD % '@self("allowed")').removesuffix(";\n") + f" {harmless}\n")
    gate = held()
    arguments = reach("gates", gate, "--json").json["arguments"]
    arguments["process"]["command"] = f"echo fine >> {target}"
    (tmp_path / "action.json").write_text(json.dumps(arguments))
    done = reach("gate", "edit", gate, "--arguments", "action.json")
    assert (done.code, target.read_text()) == (0, "fine\n")
    assert "no gate holds the action as it is now" in done.err


@pytest.mark.parametrize("edited", ['{"await": true}', '{"process": {"comand": "true"}}'])
def test_an_edit_that_loses_what_the_action_is_about_is_refused(
    reach: Reach, held: Callable[..., str], edited: str
) -> None:
    gate = held()
    assert_refused(reach("gate", "edit", gate, "--arguments", edited), "bad-input", "change other values only")
    assert outcome(reach, gate) is None


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("return", "bogus", "`return` must be one of: stdout, stderr, code, all, none; not 'bogus'"),
        ("await", "no", "`await` must be a boolean, not a string"),
        ("process", {"command": 5}, "`command` must be a string, not a number"),
        ("process", {"command": "ls", "arguments": {}}, "`arguments` must be an array, not an object"),
        ("process", {"command": "ls", "environment": {"A=B": 1}}, "can't be the name of an environment variable"),
    ],
)
def test_an_edit_that_its_adapter_would_fault_is_refused_before_anybody_approves_it(
    reach: Reach, held: Callable[..., str], tmp_path: Path, member: str, value: Any, says: str
) -> None:
    gate = held()
    arguments = reach("gates", gate, "--json").json["arguments"] | {member: value}
    (tmp_path / "action.json").write_text(json.dumps(arguments))
    refused = reach("gate", "edit", gate, "--arguments", "action.json")
    assert_refused(refused, "bad-input", "reach gates GATE")
    assert says in refused.err
    assert outcome(reach, gate) is None


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("output", "all", "`output` must be one of: raw, content, response; not 'all'"),
        ("method", 5, "`method` must be a string, not a number"),
        ("headers", ["a"], "`headers` must be an object, not an array"),
        ("endpoint", "shop.example/pay", "an absolute http or https URI is needed"),
    ],
)
def test_an_edited_call_that_could_not_be_sent_is_refused(
    reach: Reach, home: Path, workflow: Write, tmp_path: Path, member: str, value: Any, says: str
) -> None:
    policy(home, HOLD.replace("shell.run", "http.call") % "")
    call = "{method: post, endpoint: 'https://shop.example/pay', body: {n: 1}}"
    assert reach("run", workflow(f"do: [{{pay: {{call: http, with: {call}}}}}]"), "--json").json["status"] == "waiting"
    (gate,) = reach("gates", "--json").json["gates"]
    (tmp_path / "action.json").write_text(json.dumps(gate["arguments"] | {member: value}))
    refused = reach("gate", "edit", gate["id"], "--arguments", "action.json")
    assert_refused(refused, "bad-input", "reach gates GATE")
    assert says in refused.err
    assert outcome(reach, gate["id"]) is None
    better = gate["arguments"] | {"endpoint": "https://shop.example/refund", "output": "response"}
    (tmp_path / "action.json").write_text(json.dumps(better))
    assert reach("gate", "edit", gate["id"], "--arguments", "action.json").code == 0
    assert outcome(reach, gate["id"]) == "superseded"
