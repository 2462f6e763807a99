"""Held actions on the command line: in a home nobody serves, in one that a run owns, in one that is served."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench.keys import sealed
from reach_workbench.keys.ed25519 import SigningKey
from tests.bench.pseudoterminal import Pseudoterminal
from tests.cli.conftest import PATIENCE, Reach
from tests.cli.gating import (
    FORM,
    HOLD,
    PERMIT,
    SHELL,
    Start,
    Write,
    assert_refused,
    builtin,
    held,
    known,
    let_decide,
    outcome,
    policy,
    target,
    terminal,
)

__all__ = ["builtin", "held", "known", "target", "terminal"]


def test_a_newcomer_is_told_what_happened_and_what_to_type(reach: Reach, workflow: Write, target: Path) -> None:
    done = reach("run", workflow(SHELL % json.dumps(f"echo done >> {target}")))
    assert (done.code, done.out, target.exists()) == (4, "", False)
    (gate,) = reach("gates", "--json").json["gates"]
    for words in (
        "/do/0/hello did not happen yet: somebody has to approve it first",
        f"shell.run: echo done >> {target}",
        "the policy hold-shell holds it: A shell command can do on this machine whatever you can.",
        f"look at it whole: reach gates {gate['id']}",
        f"let it happen:    reach approve {gate['id']}",
        f"refuse it:        reach deny {gate['id']} --reason TEXT",
    ):
        assert words in done.err
    assert f"reach approve {gate['id']}" in reach("show", "last").out
    assert f"reach approve {gate['id']}" in reach("state", "last").out
    listed = reach("gates")
    assert listed.code == 0
    assert gate["id"] in listed.out and "shell.run" in listed.out and "/do/0/hello" in listed.out


def test_a_gate_is_shown_whole_and_what_can_not_be_seen_is_written_out(reach: Reach, held: Callable[..., str]) -> None:
    long = "x" * 5000
    gate = held(f"echo p\u0430ypal; echo a\u202eb\u200bc\x1b[2J\u3164 {long}END\nsecond")
    shown = reach("gates", gate)
    assert shown.code == 0
    assert "    echo p\u0430ypal; echo a‹U+202E›b‹U+200B›c‹ESC›[2J‹U+3164› " + long + "END\n    second\n" in shown.out
    assert not set(shown.out) & set("\u202e\u200b\x1b\u3164")
    assert "letters of several alphabets in 'p\u0430ypal'" in shown.out
    block = shown.out.split("arguments, exactly\n")[1].split("  digest")[0]
    gate_object = reach("gates", gate, "--json").json
    assert json.loads(block) == gate_object["arguments"]
    for words in ("hold-shell", 'forbid (principal, action == Action::"shell.run", resource)', "requester   ada",
                  "one approval", "hello fails with the error authorization (403)", "Z, in 2",
                  "the task fails with the error timeout (408)", gate_object["digest"]):  # fmt: skip
        assert words in shown.out
    assert reach("gates", gate[:6]).out[:30] == shown.out[:30]


def test_what_a_workflow_wrote_is_not_taken_for_what_is_said_of_it(
    terminal: Callable[..., Pseudoterminal], reach: Reach, held: Callable[..., str]
) -> None:
    """Blanks up to the edge of the terminal, or a new line, and then words as Reach would say them."""
    gate = held("true" + " " * 200 + "  needs       nothing\n  outcome     approved")
    screen = terminal("gates", gate)
    screen.until(r"code gate-expired", PATIENCE)
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in screen.painted.decode().splitlines()]
    forged = [row for row in rows if re.search("nothing|outcome", row)]
    assert forged
    assert all(row.startswith(("  ┊ ", "  │ ")) for row in forged), forged
    held("true\nfalse")
    assert "  true …  " in reach("gates").out


def test_the_groups_of_an_approval_step_say_nothing_else(reach: Reach, workflow: Write) -> None:
    """They come from the workflow, and stand in what is still needed and missing."""
    step = {"call": "approve:1.0.0@default", "with": {"title": "a", "groups": ["x\n  needs       nothing\u200b"]}}
    reach("run", workflow(f"do: [{{ask: {json.dumps(step)}}}]"))
    (gate,) = reach("gates", "--json").json["gates"]
    shown = reach("gates", gate["id"]).out
    assert "x‹LF›  needs       nothing‹U+200B›" in shown
    assert "\n  needs       nothing" not in shown


def test_lists_can_be_narrowed(reach: Reach, held: Callable[..., str], known: None) -> None:
    assert "there is no open gate" in reach("gates").err
    gate = held()
    run = reach("show", "last", "--json").json["id"]
    assert reach("deny", gate, "--reason", "no").code == 1
    assert [reach("gates", *words, "--json").json["gates"] == [] for words in ((), ("--closed",), ("--all",))] == [
        True,
        False,
        False,
    ]
    assert [each["id"] for each in reach("gates", "--run", run, "--all", "--json").json["gates"]] == [gate]
    assert reach("gates", "--closed", "--all").code == 2


# ------------------------------------------------------------ deciding, without a terminal


def test_an_approved_action_happens_and_the_run_is_driven_to_its_end(
    reach: Reach, held: Callable[..., str], known: None, target: Path
) -> None:
    gate = held()
    assert_refused(reach("approve", gate), "usage", "--yes")
    assert not target.exists()
    done = reach("approve", gate, "--yes", "--reason", "as agreed")
    assert (done.code, json.loads(done.out), target.read_text()) == (0, {"finished": True}, "done\n")
    assert f"gate {gate} approved" in done.err
    assert f"echo done >> {target}" in done.err  # it was shown before it was signed
    again = reach("approve", gate, "--yes", "--json")
    assert (again.code, again.error["code"], target.read_text()) == (2, "gate-closed", "done\n")
    assert reach("verify", "last").code == 0


def test_a_denial_needs_a_reason_and_faults_the_task_with_it(
    reach: Reach, held: Callable[..., str], known: None, target: Path
) -> None:
    gate = held()
    assert reach("deny", gate).code == 2
    assert_refused(reach("deny", gate, "--reason", " "), "usage", "--reason TEXT")
    done = reach("deny", gate, "--reason", "not on a Friday")
    assert (done.code, target.exists()) == (1, False)
    assert "denied by ada: not on a Friday" in done.err
    assert reach("show", "last", "--json").json["error"]["code"] == "gate-denied"


def test_without_a_key_the_way_to_one_is_said(reach: Reach, held: Callable[..., str], home: Path) -> None:
    gate = held()
    assert_refused(reach("approve", gate, "--yes"), "key-missing", "`reach reviewer add ada`")
    from reach_workbench.clock import SystemClock
    from reach_workbench.keys.keystore import KeyStore
    from reach_workbench.settings import load

    KeyStore.open(home, SystemClock(), settings=load(home).keys).create("ada")
    assert_refused(reach("approve", gate, "--yes"), "approval-refused", "`reach reviewer add ada`")
    assert outcome(reach, gate) is None


def test_a_sealed_file_that_nobody_opens_is_said(
    reach: Reach, held: Callable[..., str], known: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held()
    sealed.forget()
    monkeypatch.delenv("REACH_PASSPHRASE")
    assert_refused(reach("approve", gate, "--yes"), "keys-locked", "REACH_PASSPHRASE")


def test_high_risk_wants_the_name_of_the_task(
    reach: Reach, held: Callable[..., str], known: None, home: Path, target: Path
) -> None:
    policy(home, HOLD % '@self("allowed") @risk("high")')
    gate = held()
    assert_refused(reach("approve", gate, "--yes"), "usage", "--risk-accepted hello")
    assert_refused(reach("approve", gate, "--yes", "--risk-accepted", "done"), "usage", "it is hello")
    assert not target.exists()
    assert reach("approve", gate, "--yes", "--risk-accepted", "hello").code == 0
    assert target.exists()


def test_who_may_not_decide_is_told_why(reach: Reach, held: Callable[..., str], known: None, home: Path) -> None:
    policy(home, HOLD % "")
    gate = held()
    assert_refused(reach("approve", gate, "--yes"), "approval-refused", "somebody else has to decide")
    policy(home, HOLD % '@self("allowed") @from("finance")')
    gate = held()
    assert_refused(reach("approve", gate, "--yes"), "approval-refused", "reviewer list")


def test_a_quorum_says_what_is_missing_still(
    reach: Reach, held: Callable[..., str], known: None, home: Path, monkeypatch: pytest.MonkeyPatch, target: Path
) -> None:
    policy(home, HOLD % '@self("allowed") @quorum("2")')
    gate = held()
    first = reach("approve", gate, "--yes")
    assert (first.code, target.exists()) == (0, False)
    assert "needs 2 approvals and has 1" in first.err
    assert "ada approves" in reach("gates", gate).out
    assert_refused(reach("approve", gate, "--yes"), "gate-closed", "")
    let_decide(home, "grace")
    monkeypatch.setenv("REACH_KEYS_USER", "grace")
    assert reach("approve", gate, "--yes").code == 0
    assert target.read_text() == "done\n"


def test_an_answer_is_for_an_approval_step_only(reach: Reach, held: Callable[..., str], known: None) -> None:
    gate = held()
    assert_refused(reach("approve", gate, "--yes", "--answer", "{}"), "usage", "leave --answer out")
    assert outcome(reach, gate) is None


def test_the_answer_to_the_form_of_an_approval_step_is_its_output(reach: Reach, workflow: Write, known: None) -> None:
    done = reach("run", workflow(FORM))
    assert done.code == 4
    assert "Buy it?" in done.err
    (gate,) = reach("gates", "--json").json["gates"]
    assert_refused(reach("approve", gate["id"], "--yes"), "usage", "--answer JSON")
    assert_refused(reach("approve", gate["id"], "--yes", "--answer", '{"amount": 30}'), "bad-input", "reach gates")
    approved = reach("approve", gate["id"], "--yes", "--answer", '{"amount": 3}')
    assert (approved.code, json.loads(approved.out)) == (0, {"got": {"amount": 3}})
    assert reach("verify", "last").code == 0


def test_unknown_and_ambiguous_gates_are_said(reach: Reach, held: Callable[..., str], known: None) -> None:
    for words in (("gates", "zzz"), ("approve", "zzz", "--yes"), ("deny", "zzz", "--reason", "no")):
        assert_refused(reach(*words), "not-found", "reach gates")
    assert_refused(reach("gate", "edit", "zzz", "--arguments", "nowhere.json"), "not-found", "")
    assert reach("gate").code == 2
    assert "gate edit" in reach("gate", "--help").out


def test_a_gate_of_a_sub_workflow_is_told_with_its_caller_and_the_caller_goes_on(
    reach: Reach, workflow: Write, known: None, target: Path
) -> None:
    inner = workflow(SHELL % json.dumps(f"echo done >> {target}"), "inner.yaml")
    inner.write_text(inner.read_text("utf-8").replace("name: sample", "name: inner"), "utf-8")
    assert reach("add", inner).code == 0
    calls = "do: [{call: {run: {workflow: {namespace: test, name: inner, version: 1.0.0}}}}, {end: {set: {outer: 1}}}]"
    done = reach("run", workflow(calls, "outer.yaml"))
    (gate,) = reach("gates", "--json").json["gates"]
    assert done.code == 4, done
    assert f"/do/0/hello of sub-workflow {gate['run']} did not happen yet" in done.err
    assert f"reach approve {gate['id']}" in done.err
    approved = reach("approve", gate["id"], "--yes")
    assert (approved.code, json.loads(approved.out), target.read_text()) == (0, {"outer": 1}, "done\n"), approved


# ------------------------------------------------------------ on a terminal


def test_a_signature_is_never_made_with_a_key_of_somebody_else(
    reach: Reach, held: Callable[..., str], known: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held()
    monkeypatch.setenv("REACH_KEYS_USER", "grace")
    assert_refused(reach("approve", gate, "--yes"), "key-missing", "reach reviewer add grace")
    assert SigningKey.from_seed(bytes(32)).id not in reach("gates", gate).out


def test_a_decision_is_handed_over_and_the_other_reviewer_takes_it(
    reach: Reach, held: Callable[..., str], known: None, home: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held()
    refused = reach("gate", "delegate", gate, "--to", "lin")
    assert (refused.code, target.exists()) == (2, False)
    assert "lin is no reviewer of this node" in refused.err
    let_decide(home, "lin")
    handed = reach("gate", "delegate", gate, "--to", "lin")
    assert (handed.code, target.exists()) == (0, False)
    assert f"gate {gate} waits for lin now" in handed.err
    assert "ada hands the decision over to lin (key" in reach("gates", gate).out
    again = reach("approve", gate, "--yes")
    assert "decided about this gate before" in again.err
    monkeypatch.setenv("REACH_KEYS_USER", "lin")
    assert reach("approve", gate, "--yes").code == 0
    assert target.read_text() == "done\n"


def test_whose_approvals_a_waiting_run_needs_is_said_where_it_waits(
    reach: Reach, workflow: Write, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = '@id("slow") @gate("rate") @limit("9/1h") forbid(principal, action, resource);\n'
    policy(home, HOLD % '@quorum("2") @from("finance, ops")' + rate)
    done = reach("run", workflow(SHELL % "'true'"))
    needs = "it needs 2 approvals, one of each of these groups: finance, ops, none by ada, who asked for it"
    assert needs in done.err
    assert "the policy shells holds it" in done.err and "slow holds it" not in done.err
    (gate,) = reach("gates", "--json").json["gates"]
    assert "counted by  rate gate slow" in reach("gates", gate["id"]).out
    let_decide(home, "grace", "finance")
    let_decide(home, "lin", "ops")
    monkeypatch.setenv("REACH_KEYS_USER", "grace")
    first = reach("approve", gate["id"], "--yes")
    missing = "needs 2 approvals and has 1; one of ops must be among them"
    assert f"your approval of gate {gate['id']} counts; it {missing}" in first.err
    shown = reach("show", "last")
    assert f"still missing: it {missing}" in shown.out
    assert "reach resume" not in shown.err  # that would not let it go on
    monkeypatch.setenv("REACH_KEYS_USER", "lin")
    assert reach("approve", gate["id"], "--yes").code == 0


def test_who_can_not_decide_anyway_is_not_asked_to_make_a_key(
    reach: Reach, held: Callable[..., str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(home, HOLD % '@from("finance")')
    gate = held()
    assert_refused(reach("approve", gate, "--yes"), "approval-refused", "REACH_KEYS_USER=NAME")
    monkeypatch.setenv("REACH_KEYS_USER", "grace")
    assert_refused(reach("approve", gate, "--yes"), "key-missing", "reach reviewer add grace --group GROUP")
    assert reach("reviewer", "list").out == ""


def test_a_handed_over_decision_is_shown_as_that(
    reach: Reach, held: Callable[..., str], home: Path, known: None
) -> None:
    let_decide(home, "lin")
    gate = held()
    assert reach("gate", "delegate", gate, "--to", "lin").code == 0
    assert "  so far      ada hands the decision over to lin (key " in reach("gates", gate).out


def test_a_gate_whose_time_has_passed_says_so_and_how_the_run_goes_on(
    reach: Reach, held: Callable[..., str], home: Path
) -> None:
    policy(home, HOLD % '@self("allowed") @expires("1s")')
    gate = held()
    until = time.monotonic() + PATIENCE
    while "too late" not in reach("gates").out and time.monotonic() < until:
        time.sleep(0.05)
    shown = reach("show", "last").out
    run = reach("gates", gate, "--json").json["run"]
    assert f"no process drives it; go on with: reach resume {run}" in reach("show", "last").err
    assert "its time has passed, so nobody can approve it any more" in shown
    assert f"reach resume {run}" in shown and f"reach approve {gate}" not in shown
    assert reach("resume", "last").code == 1
    assert outcome(reach, gate) == "expired"


def test_a_run_is_no_gate_but_its_gate_is_named(reach: Reach, held: Callable[..., str], known: None) -> None:
    gate = held()
    assert_refused(reach("gates", "last"), "not-found", f"waits at gate {gate}")
    run = reach("gates", gate, "--json").json["run"]
    assert_refused(reach("approve", run, "--yes"), "not-found", f"run {run} waits at gate {gate}")
    assert reach("approve", gate, "--yes").code == 0
    assert_refused(reach("approve", run, "--yes"), "not-found", f"run {run} waits at no gate")


def test_after_other_policies_it_is_said_how_the_action_is_decided_about(
    reach: Reach, held: Callable[..., str], known: None, home: Path
) -> None:
    policy(home, HOLD % '@self("allowed")')
    gate = held()
    run = reach("gates", gate, "--json").json["run"]
    policy(home, HOLD % '@self("allowed") @quorum("1")')
    again = f"the action is decided about afresh once its run goes on: reach resume {run}"
    assert_refused(reach("approve", gate, "--yes"), "gate-closed", again)
    assert_refused(reach("approve", gate, "--yes"), "gate-closed", again)
    assert reach("resume", run).code == 4
    (newer,) = reach("gates", "--json").json["gates"]
    assert_refused(reach("approve", gate, "--yes"), "gate-closed", f"held at gate {newer['id']} now")
    assert reach("approve", newer["id"], "--yes").code == 0


def test_states_of_any_length_keep_apart_from_the_action(
    reach: Reach, held: Callable[..., str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held()
    reach("gates")
    from reach_workbench.clock import SystemClock

    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + 605_000)
    assert re.search(r"open 10 min \d+ s  shell\.run ", reach("gates").out)


def test_a_rate_gate_without_room_is_told_while_the_run_waits(
    reach: Reach, workflow: Write, home: Path, start: Start
) -> None:
    policy(home, PERMIT + '@id("slow") @gate("rate") @limit("1/1h") forbid(principal, action, resource);\n')
    running = start("run", workflow(SHELLS_IN_A_LOOP))
    said = running.read_error_until("rate gate")
    assert re.search(r"… /do/0/many/do/0/one  waits for a free place at a rate gate, (1 h|59 min \d+ s) at most", said)
    running.signal(signal.SIGINT)
    assert running.end().code == 4
    run = reach("runs", "--json").json["runs"][0]["id"]
    assert f"waits for a free place at a rate gate: reach policy explain {run}" in reach("show", run).out


def test_an_approval_whose_key_was_revoked_is_said_not_to_count(
    reach: Reach, home: Path, held: Callable[..., str], known: None
) -> None:
    policy(home, HOLD % '@self("allowed") @quorum("2")')
    gate = held()
    assert reach("approve", gate, "--yes").code == 0
    assert "which does not count" not in reach("gates", gate).out
    key = reach("gates", gate, "--json").json["verdicts"][0]["key"]
    assert reach("reviewer", "revoke", key).code == 0
    (said,) = [line for line in reach("gates", gate).out.split("\n") if "so far" in line]
    assert f"ada approves (key {key}), which does not count: the key was revoked at 20" in said
    shown = reach("gates", gate, "--json").json
    assert shown["verdicts"][0]["void"].startswith("the key was revoked at ")
    assert "has 0" in shown["missing"]


def test_between_the_decision_and_its_gate_an_action_is_held_for_approval(
    reach: Reach, held: Callable[..., str]
) -> None:
    held()
    events = map(json.loads, reach("events", "last", "--json").out.splitlines())
    at = next(event["seq"] for event in events if event["type"] == "policy.decided")
    then = [reach("state", "last", "--at", str(at + more)).out for more in (0, 1)]
    assert "/do/0/hello is held for approval: its gate opens next" in then[0]
    assert "run, held for approval" in then[0] and "rate" not in then[0]
    assert "run, at a gate" in then[1]


SHELLS_IN_A_LOOP = "do: [{many: {for: {each: n, in: '${ [1, 2] }'}, do: [{one: {run: {shell: {command: 'true'}}}}]}}]"


def test_an_approval_of_a_run_that_lacks_its_secrets_is_not_the_end_of_it(
    reach: Reach, workflow: Write, known: None, target: Path
) -> None:
    body = "use: {secrets: [token]}\n" + SHELL % json.dumps(f"echo done >> {target}")
    assert reach("run", workflow(body), "--secret", "token=abcdefgh", "--json").code == 4
    (gate,) = reach("gates", "--run", "last", "--json").json["gates"]
    done = reach("approve", gate["id"], "--yes")
    assert done.code == 4
    assert "without its secrets: token" in done.err
    assert not target.exists()
    assert reach("resume", "last", "--secret", "token=abcdefgh").code == 0
    assert target.read_text() == "done\n"
