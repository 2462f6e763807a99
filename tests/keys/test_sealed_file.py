"""Without a keyring, keys are in a file that its passphrase opens, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from reach_workbench.clock import SystemClock
from reach_workbench.errors import KeyMissing, KeysDamaged, KeysError, KeysLocked, KeysUnavailable, UsageError
from reach_workbench.keys import sealed
from reach_workbench.keys.ed25519 import verify
from reach_workbench.keys.keystore import KeyStore

WORDS = "correct horse"


def store(home: Path, words: str | None = WORDS) -> KeyStore:
    return KeyStore.open(home, SystemClock(), passphrase=lambda: words)


def test_a_key_is_there_again_in_another_process(tmp_path: Path) -> None:
    made = store(tmp_path).create("ada")
    sealed.forget()  # as a new process begins
    found = store(tmp_path).signing_key("ada")
    assert found == made
    assert verify(made.public, b"so be it", found.sign(b"so be it"))


def test_the_nodes_own_key_is_made_once_and_is_none_of_the_persons(tmp_path: Path) -> None:
    keys = store(tmp_path)
    assert keys.node_key() == keys.node_key() == store(tmp_path).node_key()
    assert keys.names() == ()
    assert keys.create("node") != keys.node_key()


def test_nothing_is_asked_until_something_is_kept(tmp_path: Path) -> None:
    def never() -> str:
        raise AssertionError("asked")

    keys = KeyStore.open(tmp_path / "none", SystemClock(), passphrase=never)
    assert keys.names() == keys.secret_names() == ()
    for absent in (keys.signing_key, keys.secret, keys.delete, keys.drop_secret):
        with pytest.raises(KeyMissing):
            absent("ada")
    assert not (tmp_path / "none").exists()


def test_the_names_can_be_had_without_a_passphrase(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create("grace")
    keys.create("ada")
    keys.keep_secret("token", "t")
    sealed.forget()
    locked = store(tmp_path, None)
    assert (locked.names(), locked.secret_names()) == (("ada", "grace"), ("token",))
    with pytest.raises(KeysLocked, match="no passphrase"):
        locked.signing_key("ada")
    with pytest.raises(KeyMissing):
        locked.signing_key("alan")


def test_secrets_are_any_json_and_go_when_told(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.keep_secret("github", {"user": "ada", "token": ["ü", 1, None]})
    keys.keep_secret("github", {"token": "newer"})
    assert store(tmp_path).secret("github") == {"token": "newer"}
    keys.drop_secret("github")
    with pytest.raises(KeyMissing):
        keys.secret("github")


def test_a_key_is_not_made_over_another_and_goes_when_deleted(tmp_path: Path) -> None:
    keys = store(tmp_path)
    first = keys.create("ada")
    with pytest.raises(UsageError, match="already"):
        keys.create("ada")
    keys.delete("ada")
    with pytest.raises(KeyMissing):
        keys.signing_key("ada")
    assert keys.create("ada") != first


@pytest.mark.parametrize("name", ["", " ada", "ada\n", "a\x1b[2Jda", "a" * 129, "\u202eada", "\ud800"])
def test_a_name_that_would_trouble_a_terminal_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be the name"):
        store(tmp_path).create(name)


def test_a_wrong_passphrase_opens_nothing_and_changes_nothing(tmp_path: Path) -> None:
    store(tmp_path).create("ada")
    before = (tmp_path / "keys.sealed").read_bytes()
    sealed.forget()
    wrong = store(tmp_path, "incorrect horse")
    for attempt in (lambda: wrong.signing_key("ada"), lambda: wrong.create("grace"), lambda: wrong.delete("ada")):
        with pytest.raises(KeysLocked, match="wrong") as told:
            attempt()
        assert "horse" not in str(told.value.as_dict())
    assert (tmp_path / "keys.sealed").read_bytes() == before


def test_a_forgotten_derivation_never_seals_anew_with_other_words(tmp_path: Path) -> None:
    words = [WORDS]
    keys = KeyStore.open(tmp_path, SystemClock(), passphrase=lambda: words[0])
    keys.create("ada")
    sealed.forget()
    words[0] = "other words"
    with pytest.raises(KeysLocked):
        keys.create("grace")
    assert store(tmp_path).names() == ("ada",)


def test_the_environment_gives_the_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACH_PASSPHRASE", WORDS)
    made = KeyStore.open(tmp_path, SystemClock()).create("ada")
    sealed.forget()
    assert store(tmp_path).signing_key("ada") == made


def test_one_process_derives_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        return WORDS

    for _ in range(3):
        keys = KeyStore.open(tmp_path, SystemClock(), passphrase=ask)
        keys.node_key()
        keys.keep_secret("token", "t")
    assert len(asked) == 1


@pytest.mark.parametrize("change", [lambda byte: byte ^ 1, lambda byte: byte ^ 0x80], ids=["lowest", "highest"])
def test_every_damaged_byte_is_found(tmp_path: Path, change: object) -> None:
    keys = store(tmp_path)
    keys.create("ada")
    keys.keep_secret("token", "t")
    file = tmp_path / "keys.sealed"
    whole = file.read_bytes()
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] = change(data[place])  # type: ignore[operator]
        file.write_bytes(data)
        with pytest.raises(KeysDamaged):
            store(tmp_path).signing_key("ada")
        with pytest.raises(KeysDamaged):
            store(tmp_path).create("grace")
        assert file.read_bytes() == data


def test_a_file_cut_anywhere_or_emptied_is_found(tmp_path: Path) -> None:
    store(tmp_path).create("ada")
    file = tmp_path / "keys.sealed"
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(KeysDamaged):
            store(tmp_path).names()


def test_names_changed_together_with_the_sum_are_found_when_the_box_opens(tmp_path: Path) -> None:
    from dataclasses import replace

    store(tmp_path).create("ada")
    file = tmp_path / "keys.sealed"
    found = sealed._parsed(file.read_bytes())
    file.write_bytes(sealed._written(replace(found, names=("key/mallory",))))
    with pytest.raises(KeysDamaged):
        store(tmp_path).signing_key("mallory")


def test_a_file_that_asks_for_all_the_memory_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    store(tmp_path).create("ada")
    file = tmp_path / "keys.sealed"
    found = sealed._parsed(file.read_bytes())
    file.write_bytes(sealed._written(replace(found, memory=1 << 40)))
    with pytest.raises(KeysDamaged):
        store(tmp_path).signing_key("ada")


def test_only_the_owner_reads_the_file_even_under_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store(tmp_path / "home").create("ada")
    finally:
        os.umask(before)
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "home").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_can_not_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = store(tmp_path)
    keys.create("ada")
    before = (tmp_path / "keys.sealed").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeysUnavailable, match="No space"):
        keys.create("grace")
    assert (tmp_path / "keys.sealed").read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["keys.lock", "keys.sealed"]
    monkeypatch.undo()
    assert store(tmp_path).names() == ("ada",)


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(KeysUnavailable):
        store(tmp_path / "home").create("ada")


MAKE = """
import sys
from pathlib import Path
from reach_workbench.clock import SystemClock
from reach_workbench.keys import sealed
from reach_workbench.keys.keystore import KeyStore
from reach_workbench.settings import Keys
sealed.OPS, sealed.MEMORY = 1, 8192
keys = KeyStore.open(Path(sys.argv[1]), SystemClock(), passphrase=lambda: "w", settings=Keys(backend="file"))
sys.stdin.readline()
for number in range(10):
    keys.create(f"{sys.argv[2]}-{number}")
print(keys.node_key().id)
"""


def test_processes_that_make_keys_at_the_same_moment_lose_none(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two", "three")
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    answers = {maker.communicate(timeout=60)[0] for maker in makers}
    assert len(answers) == 1, "all have the same node key"
    names = store(tmp_path, "w").names()
    assert len(names) == 30
    assert len({store(tmp_path, "w").signing_key(name).public for name in names}) == 30


def test_a_lock_that_is_held_for_too_long_is_told(tmp_path: Path) -> None:
    from reach_workbench.keys.privacy import locked
    from reach_workbench.settings import Keys

    keys = KeyStore.open(tmp_path, SystemClock(), passphrase=lambda: WORDS, settings=Keys(wait_seconds=0.1))
    keys.create("ada")
    with locked(tmp_path / "keys.lock", SystemClock(), 1), pytest.raises(KeysUnavailable, match="another process"):
        keys.create("grace")


def test_no_seed_and_no_secret_stands_anywhere_in_plain(tmp_path: Path) -> None:
    canary = "canary-5e11-do-not-show"
    keys = store(tmp_path)
    seed = keys.create("ada").seed
    keys.keep_secret("token", {"value": canary})
    forms = [seed, seed.hex().encode(), b64encode(seed), canary.encode(), b64encode(canary.encode()), WORDS.encode()]
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert all(form not in written for form in forms)
    assert all(form not in repr(keys).encode() + repr(keys.signing_key("ada")).encode() for form in forms)
    for wrong in (lambda: store(tmp_path, "bad").delete("x"), lambda: keys.create("ada"), lambda: keys.secret("no")):
        with pytest.raises((KeysError, UsageError)) as told:
            wrong()
        assert all(form.decode("latin-1") not in str(told.value.as_dict()) for form in forms)
