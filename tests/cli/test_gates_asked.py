"""Gates that a run asks about on a terminal, and verdicts that another process is asked to take."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench.engine.values import Json
from reach_workbench.storage.home import Lock
from reach_workbench.storage.store import Store
from tests.bench.pseudoterminal import Pseudoterminal
from tests.cli.conftest import PATIENCE, Reach
from tests.cli.gating import (
    FORM,
    HOLD,
    LEAVE,
    SHELL,
    Start,
    Until,
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


def test_a_run_on_a_terminal_asks_and_goes_on(
    terminal: Callable[..., Pseudoterminal], workflow: Write, target: Path, reach: Reach
) -> None:
    screen = terminal("run", workflow(SHELL % json.dumps(f"echo done >> {target}")))
    screen.until(r"\[a\]pprove, \[d\]eny, or \[l\]eave", PATIENCE)
    assert f"echodone>>{target}" in re.sub(r"[\s│┊]", "", screen.text)  # however it had to be wrapped
    assert not target.exists()
    screen.send(b"a\n")
    screen.until("make one for ada, and let it decide about gates here", PATIENCE)
    screen.send(b"y\n")
    screen.until(r"completed\s+in", PATIENCE)
    assert target.read_text() == "done\n"
    assert '"finished": true' in screen.text


def test_a_run_on_a_terminal_can_be_denied_or_left(
    terminal: Callable[..., Pseudoterminal], workflow: Write, target: Path, reach: Reach, known: None
) -> None:
    two = (
        "do: [{one: {try: [{first: {run: {shell: {command: 'echo 1 >> %s'}}}}], catch: {}}},"
        " {two: {run: {shell: {command: 'echo 2 >> %s'}}}}]"
    )
    screen = terminal("run", workflow(two % (target, target)))
    screen.until(LEAVE, PATIENCE)
    screen.send(b"d\n")
    screen.until(r"why\?", PATIENCE)
    screen.send(b"too soon\n")
    screen.until("denied", PATIENCE)
    screen.until(rf"echo 2(?s:.)*{LEAVE}", PATIENCE)
    screen.send(b"l\n")
    screen.until("reach approve", PATIENCE)
    (gate,) = reach("gates", "--json").json["gates"]
    assert gate["task"] == "/do/1/two"
    assert not target.exists()


def test_approving_on_a_terminal_asks_for_the_passphrase_without_showing_it(
    terminal: Callable[..., Pseudoterminal], held: Callable[..., str], known: None, target: Path
) -> None:
    gate = held()
    screen = terminal("approve", gate, REACH_PASSPHRASE="")
    screen.until(r"approve exactly this\? \[y/N\]", PATIENCE)
    screen.send(b"y\n")
    screen.until("passphrase of this home's keys", PATIENCE)
    screen.send(b"correct horse\n")
    screen.until(r"completed\s+in", PATIENCE)
    assert "correct horse" not in screen.text
    assert target.exists()


def test_a_form_is_filled_in_on_the_terminal(
    terminal: Callable[..., Pseudoterminal], workflow: Write, reach: Reach, known: None
) -> None:
    screen = terminal("run", workflow(FORM))
    screen.until(LEAVE, PATIENCE)
    screen.send(b"a\n")
    screen.until(r"amount \(integer; required\)", PATIENCE)
    screen.send(b"much\n")
    screen.until("that is no integer", PATIENCE)
    screen.send(b"30\n")
    screen.until(r"why \(string; or empty\)", PATIENCE)
    screen.send(b"\n")
    screen.until("bad-input", PATIENCE)
    screen.until(rf"bad-input(?s:.)*{LEAVE}", PATIENCE)
    screen.send(b"a\n")
    screen.until(r"bad-input(?s:.)*amount \(integer", PATIENCE)
    screen.send(b"3\n")
    screen.until(r"bad-input(?s:.)*why \(string", PATIENCE)
    screen.send(b"as agreed\n")
    screen.until(r"completed\s+in", PATIENCE)
    assert reach("show", "last", "--json").json["output"] == {"got": {"amount": 3, "why": "as agreed"}}


def test_a_verdict_for_which_the_owner_ended_is_given_by_this_process(
    reach: Reach, held: Callable[..., str], known: None, target: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when two are given at once: the second finds the home taken, and then its owner gone."""
    gate = held()
    asked = Store.post_request
    lock = Lock(home)

    def post(store: Store, kind: str, payload: Json) -> int:
        number = asked(store, kind, payload)
        lock.release()
        return number

    monkeypatch.setattr(Store, "post_request", post)
    done = reach("approve", gate, "--yes")
    assert (done.code, json.loads(done.out), target.read_text()) == (0, {"finished": True}, "done\n")
    assert done.err.count("requester") == 1  # it was shown once
    assert len(reach("gates", gate, "--json").json["verdicts"]) == 1


def test_no_is_the_answer_of_whoever_says_nothing(
    terminal: Callable[..., Pseudoterminal], held: Callable[..., str], known: None, target: Path, reach: Reach
) -> None:
    gate = held()
    screen = terminal("approve", gate)
    screen.until(r"approve exactly this\? \[y/N\]", PATIENCE)
    screen.send(b"\n")
    screen.until("nothing was approved", PATIENCE)
    assert (outcome(reach, gate), target.exists()) == (None, False)


def test_what_another_decides_meanwhile_ends_the_question(
    terminal: Callable[..., Pseudoterminal], workflow: Write, target: Path, reach: Reach, known: None
) -> None:
    screen = terminal("run", workflow(SHELL % json.dumps(f"echo done >> {target}")))
    screen.until(LEAVE, PATIENCE)
    (gate,) = reach("gates", "--json").json["gates"]
    assert reach("approve", gate["id"], "--yes").code == 0  # through the mailbox of the process that asks
    screen.until(r"completed\s+in", PATIENCE)
    assert target.read_text() == "done\n"


def test_a_gate_that_expires_while_it_is_asked_about_ends_the_question(
    terminal: Callable[..., Pseudoterminal], workflow: Write, target: Path, reach: Reach, known: None, home: Path
) -> None:
    policy(home, HOLD % '@self("allowed") @expires("2s")')
    screen = terminal("run", workflow(SHELL % json.dumps(f"echo done >> {target}")))
    screen.until(LEAVE, PATIENCE)
    screen.until("gate-expired", PATIENCE)
    screen.until(r"faulted\s+in", PATIENCE)
    assert [each["outcome"] for each in reach("gates", "--closed", "--json").json["gates"]] == ["expired"]
    assert not target.exists()


def test_a_yes_that_comes_too_late_is_refused(
    terminal: Callable[..., Pseudoterminal], held: Callable[..., str], known: None, home: Path, target: Path
) -> None:
    policy(home, HOLD % '@self("allowed") @expires("3s")')
    gate = held()
    screen = terminal("approve", gate)
    screen.until(r"approve exactly this\? \[y/N\]", PATIENCE)
    time.sleep(3.1)  # the gate's own time
    screen.send(b"y\n")
    screen.until("gate-closed", PATIENCE)
    assert "has expired" in screen.text
    assert not target.exists()


# ------------------------------------------------------------ homes that others have


BOTH = (
    "do: [{both: {fork: {branches: [{held: {run: {shell: {command: %s}}}},"
    " {open: {listen: {to: {one: {with: {type: go}}}}}}]}}}]"
)


def test_the_process_that_has_the_home_is_asked(
    start: Start, reach: Reach, workflow: Write, known: None, target: Path, until: Until
) -> None:
    process = start("run", workflow(BOTH % json.dumps(f"echo done >> {target}")))
    process.read_error_until("held at gate")
    (gate,) = reach("gates", "--json").json["gates"]
    done = reach("approve", gate["id"], "--yes")
    assert done.code == 0, done
    assert "goes on in the process that has this home" in done.err
    process.read_error_until("✓")
    assert target.read_text() == "done\n"
    assert_refused(reach("deny", gate["id"], "--reason", "late"), "gate-closed", "")
    process.signal(signal.SIGINT)
    assert process.end().code == 4


def test_a_node_that_serves_is_asked(
    start: Start, reach: Reach, workflow: Write, known: None, target: Path, until: Until, tmp_path: Path
) -> None:
    node = start("serve")
    node.read_error_until("serving")
    file = workflow(SHELL % json.dumps(f"echo done >> {target}"))
    done = reach("run", file)
    assert (done.code, target.exists()) == (4, False)
    (gate,) = reach("gates", "--json").json["gates"]
    arguments = {**gate["arguments"], "process": {"command": f"echo edited >> {target}"}}
    (tmp_path / "action.json").write_text(json.dumps(arguments))
    assert reach("gate", "edit", gate["id"], "--arguments", "action.json").code == 0
    (newer,) = reach("gates", "--json").json["gates"]
    assert_refused(reach("approve", gate["id"], "--yes"), "gate-closed", "")
    approved = reach("approve", newer["id"], "--yes", "--json")
    assert (approved.code, approved.json["outcome"]) == (0, "approved")
    assert until("completed")["output"] == {"finished": True}
    assert target.read_text() == "edited\n"
    assert reach("run", file).code == 4
    (last,) = reach("gates", "--json").json["gates"]
    denied = reach("deny", last["id"], "--reason", "enough")
    assert denied.code == 0
    assert until("faulted")["error"]["detail"] == "denied by ada: enough"


def test_who_asks_a_node_that_serves_is_who_asked_and_not_who_serves(
    start: Start, reach: Reach, workflow: Write, home: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever asks through a node of somebody else could approve their own."""
    let_decide(home, "ada")
    let_decide(home, "grace")
    policy(home, HOLD % "")
    node = start("serve")
    node.read_error_until("serving")
    monkeypatch.setenv("REACH_KEYS_USER", "grace")
    assert reach("run", workflow(SHELL % json.dumps(f"echo done >> {target}"))).code == 4
    assert reach("fork", "last", "--at", "2").code == 4
    gates = reach("gates", "--json").json["gates"]
    assert [gate["requester"] for gate in gates] == ["grace", "grace"]
    for gate in gates:
        assert_refused(reach("approve", gate["id"], "--yes"), "approval-refused", "somebody else has to decide")
    assert not target.exists()
