"""`reach secret`, and runs that take what a workflow declares from where it is kept."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Reach, Running
from tests.keys.keyrings import MemoryRing

pytestmark = pytest.mark.usefixtures("quick_derivation")

CANARY = "canary-9b1d-do-not-record"
COUNTS = """
use: { secrets: [ token ] }
do:
  - count: { run: { shell: { command: '${ "printf %s " + $secrets.token + " | wc -c" }' } } }
"""

Write = Callable[..., Path]


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch, quick_derivation: None) -> None:
    monkeypatch.setenv("REACH_PASSPHRASE", "correct horse")


@pytest.fixture(autouse=True)
def nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policy is not what these tests are about."""
    monkeypatch.setenv("REACH_POLICY_FILE", str(Path(__file__).parents[1] / "data/open.cedar"))


@pytest.fixture
def keep(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`reach secret set NAME` with this on standard input."""

    def set_(name: str, value: str | bytes, *words: str) -> Any:
        content = value if isinstance(value, bytes) else value.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return reach("secret", "set", name, *words)

    return set_


def bytes_of(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


@pytest.mark.usefixtures("passphrase")
def test_a_run_takes_a_declared_secret_from_where_it_is_kept(
    home: Path, reach: Reach, workflow: Write, keep: Callable[..., Any]
) -> None:
    kept = keep("token", CANARY + "\n")
    assert kept.code == 0 and "keys.sealed" in kept.err
    done = reach("run", workflow(COUNTS), "--json")
    assert done.code == 0
    assert int(done.json["output"]) == len(CANARY)
    shown = "".join(reach(*words).out for words in (("events", "last"), ("state", "last"), ("show", "last", "--json")))
    assert CANARY not in shown + done.out + done.err
    assert CANARY.encode() not in bytes_of(home)


@pytest.mark.usefixtures("memory_ring")
def test_what_is_given_counts_more_than_what_is_kept(
    reach: Reach, workflow: Write, keep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("token", "four")
    file = workflow(COUNTS)
    assert int(reach("run", file, "--json").json["output"]) == 4
    monkeypatch.setenv("REACH_SECRET_TOKEN", "fives")
    assert int(reach("run", file, "--json").json["output"]) == 5
    assert int(reach("run", file, "--secret", "token=sixsix", "--json").json["output"]) == 6


def test_secrets_are_listed_by_name_replaced_and_removed(
    reach: Reach, keep: Callable[..., Any], memory_ring: MemoryRing
) -> None:
    assert reach("secret", "list", "--json").json == {"secrets": []}
    keep("token", CANARY)
    keep("github", '{"user": "ada"}')
    keep("token", "newer")
    assert reach("secret", "list", "--json").json == {"secrets": ["github", "token"]}
    assert {json.dumps({"user": "ada"}), '"newer"'} == set(memory_ring.held.values())
    assert reach("secret", "remove", "token").code == 0
    assert reach("secret", "list").out == "github\n"
    assert reach("secret", "remove", "token", "--json").error["code"] == "key-missing"


@pytest.mark.usefixtures("memory_ring")
def test_a_secret_is_asked_for_on_a_terminal_without_showing_it(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: CANARY)
    done = reach("secret", "set", "token")
    assert done.code == 0
    assert CANARY not in done.out + done.err


@pytest.mark.usefixtures("memory_ring")
@pytest.mark.parametrize(
    "value", ["", "\n", b"\xff\xfe", b"x" * (1 << 20) + b"xx"], ids=["none", "line", "bytes", "long"]
)
def test_what_can_be_no_secret_is_not_kept(reach: Reach, keep: Callable[..., Any], value: str | bytes) -> None:
    assert keep("token", value).code == 2
    assert reach("secret", "list", "--json").json == {"secrets": []}


@pytest.mark.usefixtures("memory_ring")
def test_a_run_that_declares_no_kept_secret_unlocks_nothing(
    reach: Reach, workflow: Write, keep: Callable[..., Any], memory_ring: MemoryRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("other", CANARY)

    def met(*_: object) -> None:
        raise AssertionError("the keyring was asked")

    monkeypatch.setattr(memory_ring, "get_password", met)
    assert reach("run", workflow("do: [{a: {set: {n: 1}}}]"), "--json").code == 0
    lacking = reach("run", workflow(COUNTS), "--json")
    assert lacking.json["status"] == "faulted"


@pytest.mark.usefixtures("passphrase")
def test_a_locked_secret_is_told_before_a_run_is_started(
    reach: Reach, workflow: Write, keep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from reach_workbench.keys import sealed

    keep("token", CANARY)
    sealed.forget()
    monkeypatch.delenv("REACH_PASSPHRASE")
    done = reach("run", workflow(COUNTS), "--json")
    assert (done.code, done.error["code"]) == (1, "keys-locked")
    assert reach("runs", "--json").out.strip() in ("", "[]", '{"runs":[]}')


@pytest.mark.usefixtures("memory_ring")
def test_a_run_that_exists_gets_its_kept_secrets_again(reach: Reach, workflow: Write, keep: Callable[..., Any]) -> None:
    keep("token", CANARY)
    two = COUNTS + "  - again: { set: { n: '${ . }' } }\n"
    held = reach("run", workflow(two), "--step", "--json").json["id"]
    assert reach("step", held, "--json").json["status"] == "held"
    assert reach("resume", held, "--json").json["status"] == "completed"
    forked = reach("fork", held, "--at", "3", "--json")
    assert forked.json["status"] == "completed"
    reach("secret", "remove", "token")
    missing = reach("fork", held, "--at", "3", "--json")
    assert (missing.code, missing.error["code"]) == (2, "secrets-missing")
    assert "reach secret set" in missing.error["hint"]


@pytest.mark.usefixtures("memory_ring")
def test_all_suspended_runs_get_theirs(reach: Reach, workflow: Write, keep: Callable[..., Any]) -> None:
    keep("token", CANARY)
    held = reach("run", workflow(COUNTS), "--step", "--json").json["id"]
    reach("suspend", held)
    done = reach("resume", "--all", "--json")
    assert [each["status"] for each in done.json["runs"]] == ["completed"]


@pytest.mark.usefixtures("passphrase")
def test_a_serving_node_is_handed_the_secret_and_unlocks_nothing(
    home: Path, reach: Reach, workflow: Write, keep: Callable[..., Any], start: Callable[..., Running]
) -> None:
    keep("token", CANARY)
    serving = start("serve", REACH_PASSPHRASE="")
    serving.read_error_until("node.sock")
    done = reach("run", workflow(COUNTS), "--json")
    assert int(done.json["output"]) == len(CANARY)
    serving.signal(signal.SIGTERM)
    ended = serving.end()
    assert CANARY not in ended.out + ended.err
    assert CANARY.encode() not in bytes_of(home)


@pytest.mark.usefixtures("passphrase")
def test_no_process_of_a_workflow_sees_the_passphrase(
    home: Path, start: Callable[..., Running], workflow: Write
) -> None:
    body = "do: [{look: {run: {shell: {command: env}}}}]"
    seen = start("run", workflow(body), "--json", REACH_PASSPHRASE=CANARY, REACH_SECRET_OTHER=CANARY).end()
    assert seen.code == 0
    assert "PATH=" in seen.json["output"]
    assert CANARY not in seen.out + seen.err
