"""`reach key` and `reach reviewer`: a person's key, and who may decide with theirs."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench.cli import giving
from reach_workbench.keys import ring, sealed
from reach_workbench.keys.ed25519 import key_id
from tests.cli.conftest import Reach, Running
from tests.keys.keyrings import MemoryRing

pytestmark = pytest.mark.usefixtures("quick_derivation")

WORDS = "correct horse"


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch, quick_derivation: None) -> None:
    monkeypatch.setenv("REACH_PASSPHRASE", WORDS)


def test_the_files_that_tell_of_kept_secrets_are_those_of_the_key_store() -> None:
    assert giving.FILES == (sealed.SEALED, ring.NAMES)


def test_a_key_is_made_shown_listed_and_deleted(reach: Reach, memory_ring: MemoryRing) -> None:
    made = reach("key", "new", "ada", "--json").json
    assert made["name"] == "ada" and made["place"] == "the keyring"
    assert made["id"] == key_id(b64decode(made["public_key"]))
    assert reach("key", "list", "--json").json == {"keys": ["ada"]}
    assert reach("key", "list").out == "ada\n"
    assert reach("key", "show", "ada").out == made["public_key"] + "\n"
    assert "already" in reach("key", "new", "ada").err
    assert reach("key", "delete", "ada").code == 0
    assert reach("key", "list", "--json").json == {"keys": []}
    gone = reach("key", "show", "ada", "--json")
    assert (gone.code, gone.error["code"]) == (2, "key-missing")
    assert memory_ring.held == {}


@pytest.mark.usefixtures("memory_ring")
def test_without_a_name_the_setting_or_the_login_name_counts(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REACH_KEYS_USER")
    monkeypatch.setenv("LOGNAME", "lovelace")
    assert reach("key", "new", "--json").json["name"] == "lovelace"
    monkeypatch.setenv("REACH_KEYS_USER", "ada")
    assert reach("key", "new", "--json").json["name"] == "ada"
    assert reach("key", "show", "--json").json["name"] == "ada"


def test_without_a_keyring_and_a_passphrase_nothing_is_made(home: Path, reach: Reach) -> None:
    done = reach("key", "new", "ada", "--json")
    assert (done.code, done.error["code"]) == (1, "keys-locked")
    assert "REACH_PASSPHRASE" in done.error["hint"]
    assert not (home / "keys.sealed").exists()


@pytest.mark.usefixtures("passphrase")
def test_a_wrong_passphrase_is_told_and_not_repeated(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reach("key", "new", "ada", "--json").json["place"] == "keys.sealed"
    sealed.forget()
    monkeypatch.setenv("REACH_PASSPHRASE", "a wrong one")
    done = reach("key", "show", "ada")
    assert done.code == 1
    assert "the passphrase is wrong" in done.err and "keys-locked" in done.err
    assert "a wrong one" not in done.err


def test_the_passphrase_is_asked_for_on_a_terminal_twice_when_it_is_chosen(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["first", "other", WORDS, WORDS, WORDS]
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return answers.pop(0)

    monkeypatch.setattr("reach_workbench.cli.unlocking.on_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", answer)
    assert "two different passphrases" in reach("key", "new", "ada").err
    assert reach("key", "new", "ada").code == 0
    sealed.forget()
    assert reach("key", "show", "ada").code == 0
    assert [each.split()[0] for each in asked] == ["new", "the", "new", "the", "passphrase"]


@pytest.mark.usefixtures("passphrase")
def test_a_reviewer_gets_this_machines_key_which_is_made_when_missing(home: Path, reach: Reach) -> None:
    added = reach("reviewer", "add", "ada", "--group", "ops", "--group", "finance", "--json").json
    assert (added["name"], added["groups"], added["revoked_at"]) == ("ada", ["finance", "ops"], None)
    assert reach("key", "show", "ada", "--json").json["public_key"] == added["public_key"]
    again = reach("reviewer", "add", "ada", "--group", "ops", "--json").json
    assert again == {**added, "groups": ["ops"]}
    listed = reach("reviewer", "list", "--json").json["reviewers"]
    assert listed == [again]
    shown = reach("reviewer", "list").out
    assert added["key_id"] in shown and "in force" in shown and "ops" in shown


@pytest.mark.usefixtures("memory_ring")
def test_a_reviewer_of_another_machine_is_added_by_the_public_key(reach: Reach) -> None:
    public = reach("key", "show", "ada", "--home", "there").code or None
    assert public == 2, "there is none yet"
    public = reach("key", "new", "ada", "--home", "there", "--json").json["public_key"]
    assert reach("reviewer", "add", "ada", "--key", public).code == 0
    assert reach("key", "list", "--json").json == {"keys": []}
    wrong = reach("reviewer", "add", "grace", "--key", "nonsense", "--json")
    assert wrong.error["code"] == "bad-input"
    id = reach("reviewer", "list", "--json").json["reviewers"][0]["key_id"]
    assert reach("reviewer", "revoke", id[:6], "--json").json["revoked_at"] is not None
    assert "revoked" in reach("reviewer", "list").out
    assert reach("reviewer", "revoke", "zz").code == 2
    assert "was revoked" in reach("reviewer", "add", "ada", "--key", public).err


@pytest.mark.usefixtures("passphrase")
def test_a_serving_node_is_told_of_reviewers_and_never_sees_a_key(
    home: Path, reach: Reach, start: Callable[..., Running]
) -> None:
    serving = start("serve", REACH_PASSPHRASE="")
    serving.read_error_until("node.sock")
    added = reach("reviewer", "add", "ada", "--json").json
    assert reach("reviewer", "list", "--json").json == {"reviewers": [added]}


def test_a_command_of_two_words_helps_with_the_second(reach: Reach) -> None:
    for word in ("key", "secret", "reviewer"):
        assert f"reach {word} COMMAND --help" in reach(word, "--help").out
        assert "needs one word more" in reach(word).err
    assert "did you mean `reach key new`?" in reach("key", "nw").err
    assert reach("completion", "--words", "key", "").out.split() == [
        "new",
        "list",
        "show",
        "delete",
        "rotate",
        "passphrase",
        "move",
    ]
    assert reach("completion", "--words", "reviewer", "add", "--gr").out.split() == ["--group"]
    assert reach("completion", "--words", "ke").out.split() == ["key", "keys"]


@pytest.mark.usefixtures("memory_ring")
def test_completion_offers_the_names_that_are_kept(reach: Reach) -> None:
    reach("key", "new", "ada")
    assert reach("completion", "--words", "key", "show", "").out.split() == ["ada"]


@pytest.mark.usefixtures("memory_ring")
def test_nothing_that_is_shown_holds_a_seed(reach: Reach, memory_ring: MemoryRing) -> None:
    shown = []
    for words in (
        ("key", "new", "ada"),
        ("key", "show", "ada"),
        ("key", "show", "ada", "--json"),
        ("key", "list", "--json"),
        ("reviewer", "add", "ada", "--json"),
        ("reviewer", "list", "--json"),
        ("doctor",),
        ("key", "new", "ada"),
    ):
        done = reach(*words)
        shown.append(done.out + done.err)
    (seed,) = memory_ring.held.values()
    for form in (seed, b64decode(seed).hex(), json.dumps(seed)):
        assert form not in "".join(shown)
