"""Keys that can't be had: each way has its code, says what happened, and what to do next."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.keys import sealed
from tests.cli.conftest import Answer, Reach
from tests.keys.keyrings import MemoryRing

pytestmark = pytest.mark.usefixtures("quick_derivation")

WORDS = "correct horse"
TASK = "do: [{one: {set: {n: 1}}}]"


def told(done: Answer, code: str, message: str, hint: str) -> None:
    assert done.code == 1 and done.err == ""
    assert done.error["code"] == code
    assert message in done.error["message"]
    assert hint in done.error["hint"]


@pytest.fixture
def ring_of_all(reach: Reach, memory_ring: MemoryRing, workflow: Callable[..., Path]) -> MemoryRing:
    """A home whose node, a person and a secret have entries in the keyring."""
    assert reach("run", workflow(TASK)).code == 0
    assert reach("export", "last", "run.reach").code == 0
    assert reach("key", "new", "ada").code == 0
    return memory_ring


WORDS_OF_ALL = (
    (("export", "last", "again.reach", "--json"), "keys.names away to begin with new keys"),
    (("key", "rotate", "--json"), "keys.names away to begin with new keys"),
    (("key", "show", "ada", "--json"), "`reach key delete ada`"),
    (("reviewer", "add", "ada", "--json"), "`reach key delete ada`"),
)


@pytest.mark.parametrize(("words", "hint"), WORDS_OF_ALL)
def test_a_key_that_the_keyring_no_longer_has(
    reach: Reach, ring_of_all: MemoryRing, words: tuple[str, ...], hint: str
) -> None:
    ring_of_all.held.clear()
    told(reach(*words), "keys-damaged", "the keyring no longer has", hint)


@pytest.mark.parametrize("words", [words for words, _ in WORDS_OF_ALL])
@pytest.mark.parametrize("wrong", ["", "not a seed", "AAAA", "é", 7, b"bytes", ["list"]])
def test_a_keyring_that_answers_with_something_else(
    reach: Reach, ring_of_all: MemoryRing, words: tuple[str, ...], wrong: Any
) -> None:
    for entry in ring_of_all.held:
        ring_of_all.held[entry] = wrong
    done = reach(*words)
    told(done, "keys-damaged", "of this home" if not isinstance(wrong, str) else "is not what was written", "re")


@pytest.fixture
def sealed_home(reach: Reach, home: Path, monkeypatch: pytest.MonkeyPatch, workflow: Callable[..., Path]) -> Path:
    """The sealed file of a home whose passphrase this process has forgotten."""
    monkeypatch.setenv("REACH_PASSPHRASE", WORDS)
    assert reach("run", workflow(TASK)).code == 0
    assert reach("export", "last", "run.reach").code == 0
    assert reach("key", "new", "ada").code == 0
    sealed.forget()
    return home / "keys.sealed"


ASKING = (("export", "last", "again.reach", "--json"), ("key", "rotate", "--json"), ("key", "show", "ada", "--json"))


@pytest.mark.parametrize("words", ASKING)
def test_a_sealed_file_that_is_cut_in_half(reach: Reach, sealed_home: Path, words: tuple[str, ...]) -> None:
    half = sealed_home.read_bytes()[: sealed_home.stat().st_size // 2]
    sealed_home.write_bytes(half)
    told(reach(*words), "keys-damaged", "the file of keys is damaged", "restore it from a backup")
    assert sealed_home.read_bytes() == half, "it is left as it is"


@pytest.mark.parametrize("words", ASKING)
def test_a_wrong_passphrase(
    reach: Reach, sealed_home: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACH_PASSPHRASE", "a guess")
    told(reach(*words), "keys-locked", "the passphrase is wrong", "REACH_PASSPHRASE")


@pytest.mark.parametrize("words", ASKING)
def test_no_passphrase(
    reach: Reach, sealed_home: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REACH_PASSPHRASE")
    told(reach(*words), "keys-locked", "there is no passphrase", "set REACH_PASSPHRASE")


@pytest.mark.parametrize("words", ASKING)
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_sealed_file_that_may_not_be_read(reach: Reach, sealed_home: Path, words: tuple[str, ...]) -> None:
    sealed_home.chmod(0)
    told(reach(*words), "keys-unavailable", "can't read keys.sealed: Permission denied", "permissions")


@pytest.mark.parametrize("words", ASKING)
def test_a_folder_where_the_sealed_file_was(reach: Reach, sealed_home: Path, words: tuple[str, ...]) -> None:
    sealed_home.unlink()
    sealed_home.mkdir()
    told(reach(*words), "keys-unavailable", "can't read keys.sealed: Is a directory", "permissions")


def test_files_that_others_may_read_are_told_of(reach: Reach, sealed_home: Path) -> None:
    def check() -> Any:
        return next(each for each in reach("doctor", "--json").json["checks"] if each["name"] == "keys")

    assert check() == {"name": "keys", "ok": True, "message": "kept in keys.sealed", "hint": ""}
    sealed_home.chmod(0o644)
    found = check()
    assert not found["ok"] and "others may read keys.sealed" in found["message"]
    assert found["hint"] == f"chmod 600 {sealed_home}"
    assert reach("key", "new", "grace").code == 0
    assert check()["ok"], "what is written anew is the owner's alone"


@pytest.mark.parametrize("name", ["keys.sealed", "keys.names"])
def test_the_doctor_says_that_a_file_of_keys_is_damaged(reach: Reach, sealed_home: Path, name: str) -> None:
    file = sealed_home.with_name(name)
    if name == "keys.sealed":
        file.write_bytes(file.read_bytes()[:-20])
    else:
        sealed_home.unlink()
        file.write_text("{}")
        file.chmod(0o600)
    listed = reach("key", "list", "--json")
    done = reach("doctor", "--json")
    (check,) = [each for each in done.json["checks"] if each["name"] == "keys"]
    assert (done.code, check["ok"], check["hint"]) == (1, False, listed.error["hint"])
    assert check["message"] == f"{file}: {listed.error['message']}"


def test_the_passphrase_is_changed(reach: Reach, sealed_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told_of = reach("key", "passphrase", "--json")
    assert told_of.code == 2 and "REACH_NEW_PASSPHRASE" in told_of.error["hint"]
    monkeypatch.setenv("REACH_NEW_PASSPHRASE", "")
    assert "empty" in reach("key", "passphrase").err
    monkeypatch.setenv("REACH_NEW_PASSPHRASE", "battery staple")
    done = reach("key", "passphrase")
    assert done.code == 0 and "REACH_PASSPHRASE has the old one still" in done.err
    assert "battery" not in done.err
    sealed.forget()
    assert "the passphrase is wrong" in reach("key", "show", "ada").err
    monkeypatch.setenv("REACH_PASSPHRASE", "battery staple")
    assert reach("key", "show", "ada").code == 0


def test_keys_are_moved_and_sign_as_before(reach: Reach, sealed_home: Path, memory_ring: MemoryRing) -> None:
    shown = reach("key", "show", "ada").out
    assert reach("key", "move", "attic").code == 2
    moved = reach("key", "move", "keyring", "--json").json
    assert moved == {"place": "the keyring", "keys": ["ada"], "secrets": []}
    assert not sealed_home.exists() and len(memory_ring.held) == 2
    key = reach("export", "last", "again.reach", "--json").json["key"]
    assert json.loads(reach("verify", "run.reach", "--key", key, "--json").out)["ok"], "it is the same node's"
    assert "already" in reach("key", "move", "keyring").err
    assert "2 keys and secrets are in keys.sealed now" in reach("key", "move", "file").err
    assert reach("key", "show", "ada").out == shown and memory_ring.held == {}
