"""Another passphrase, and another place: whatever cuts the change off, every key is there before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keyring
import pytest

from reach_workbench.clock import SystemClock
from reach_workbench.errors import KeysDamaged, KeysError, KeysLocked, KeysUnavailable, UsageError
from reach_workbench.keys import ring, sealed
from reach_workbench.keys.keystore import KeyStore, Place
from reach_workbench.settings import Keys
from tests.keys.keyrings import MemoryRing

WORDS = "correct horse"


def store(home: Path, backend: str = "", words: str = WORDS) -> KeyStore:
    return KeyStore.open(home, SystemClock(), passphrase=lambda: words, settings=Keys(backend=backend))


def filled(home: Path, backend: str = "") -> dict[str, Any]:
    """A home with keys and secrets, and what is in it."""
    keys = store(home, backend)
    keys.create("ada")
    keys.create("grace")
    keys.keep_secret("token", {"a": [1, None]})
    keys.node_key()
    return everything(home, backend)


def everything(home: Path, backend: str = "") -> dict[str, Any]:
    keys = store(home, backend)
    found: dict[str, Any] = {name: keys.signing_key(name).seed for name in keys.names()}
    found |= {f"secret {name}": keys.secret(name) for name in keys.secret_names()}
    return {**found, "node": keys.node_key().seed}


def files(home: Path) -> list[str]:
    return sorted(file.name for file in home.iterdir())


def test_keys_are_moved_into_the_keyring_and_back(tmp_path: Path, memory_ring: MemoryRing) -> None:
    before = filled(tmp_path, "file")
    assert memory_ring.held == {}
    assert len(store(tmp_path).move("keyring")) == 4
    assert files(tmp_path) == ["keys.lock", "keys.names"] and len(memory_ring.held) == 4
    assert everything(tmp_path) == before
    assert len(store(tmp_path).move("file")) == 4
    assert files(tmp_path) == ["keys.lock", "keys.sealed"] and memory_ring.held == {}
    assert everything(tmp_path) == before


@pytest.mark.parametrize(("backend", "place"), [("file", "file"), ("keyring", "keyring"), ("", "keyring")])
def test_what_is_there_already_is_not_moved(
    tmp_path: Path, memory_ring: MemoryRing, backend: str, place: Place
) -> None:
    with pytest.raises(UsageError, match="no keys yet"):
        store(tmp_path).move(place)
    before = filled(tmp_path, backend)
    with pytest.raises(UsageError, match="already"):
        store(tmp_path).move(place)
    assert everything(tmp_path) == before


def test_a_setting_that_would_lead_to_the_empty_place_is_told(tmp_path: Path, memory_ring: MemoryRing) -> None:
    before = filled(tmp_path, "file")
    with pytest.raises(UsageError, match=r"'keys\.backend' says file") as told:
        store(tmp_path, "file").move("keyring")
    assert "REACH_KEYS_BACKEND" in str(told.value.hint)
    assert everything(tmp_path, "file") == before


def test_two_keys_of_one_name_are_not_put_over_each_other(tmp_path: Path, memory_ring: MemoryRing) -> None:
    filled(tmp_path, "file")
    store(tmp_path, "keyring").create("ada")
    held = dict(memory_ring.held)
    for place in ("keyring", "file"):
        with pytest.raises(UsageError, match="both have a key 'ada', and they are not the same"):
            store(tmp_path).move(place)  # type: ignore[arg-type]
    assert memory_ring.held == held and "keys.sealed" in files(tmp_path)


def test_what_is_in_both_places_and_the_same_is_joined(tmp_path: Path, memory_ring: MemoryRing) -> None:
    before = filled(tmp_path, "file")
    copy = (tmp_path / "keys.sealed").read_bytes()
    store(tmp_path).move("keyring")
    store(tmp_path).create("lin")
    (tmp_path / "keys.sealed").write_bytes(copy)  # a backup came back
    assert len(store(tmp_path).move("file")) == 5
    assert everything(tmp_path).items() >= before.items() and memory_ring.held == {}


class Killed(BaseException):
    """The process is gone here."""


@contextmanager
def killed_at(count: int, *, after: bool) -> Iterator[Callable[[], int]]:
    """Every change of the keyring and of a file is counted; the one with that number is the last, or not even done."""
    done = 0
    places: list[tuple[Any, str]] = [
        (MemoryRing, "set_password"),
        (MemoryRing, "delete_password"),
        (ring, "write_private"),
        (ring, "rename_private"),
        (ring, "remove_private"),
        (sealed, "write_private"),
        (sealed, "remove_private"),
    ]

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any) -> Any:
            nonlocal done
            done += 1
            if done > count or (done == count and not after):
                raise Killed
            work(*words)
            if done == count:
                raise Killed

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in places:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield lambda: done


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("start", "place"), [("file", "keyring"), ("keyring", "file")])
def test_a_move_that_is_cut_off_anywhere_loses_nothing_and_can_be_repeated(
    tmp_path: Path, memory_ring: MemoryRing, start: str, place: Place, after: bool
) -> None:
    cut = 0
    while True:
        cut += 1
        home = tmp_path / str(cut)
        memory_ring.held.clear()
        before = filled(home, start)
        with killed_at(cut, after=after) as done:
            try:
                store(home).move(place)
                break  # it took fewer steps than that
            except (Killed, KeysError):
                assert done() >= cut
        assert everything(home) == before, f"cut off at step {cut}"
        try:
            store(home).move(place)
        except UsageError as told:
            assert "already" in told.message
        assert everything(home) == before
        assert files(home) == ["keys.lock", "keys.names" if place == "keyring" else "keys.sealed"]
        assert len(memory_ring.held) == (4 if place == "keyring" else 0), "nothing is left behind in the keyring"
    assert cut > 5


def test_a_move_that_was_cut_off_is_undone_by_one_the_other_way(tmp_path: Path, memory_ring: MemoryRing) -> None:
    before = filled(tmp_path, "file")
    with killed_at(4, after=True), pytest.raises((Killed, KeysError)):
        store(tmp_path).move("keyring")
    assert memory_ring.held and "keys.moving" in files(tmp_path)
    store(tmp_path).move("file")
    assert files(tmp_path) == ["keys.lock", "keys.sealed"] and memory_ring.held == {}
    assert everything(tmp_path) == before


class Careless(MemoryRing):
    """Says that it keeps what it was given, and keeps something else."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password[:-1])


def test_a_keyring_that_keeps_something_else_gets_nothing(tmp_path: Path, memory_ring: MemoryRing) -> None:
    before = filled(tmp_path, "file")
    keyring.set_keyring(Careless())
    with pytest.raises(KeysUnavailable, match="gives back something else"):
        store(tmp_path).move("keyring")
    assert everything(tmp_path) == before and "keys.sealed" in files(tmp_path)


def test_another_passphrase_opens_the_file_and_the_old_one_does_not(tmp_path: Path) -> None:
    before = filled(tmp_path)
    store(tmp_path).change_passphrase(lambda: "battery staple")
    sealed.forget()
    with pytest.raises(KeysLocked, match="wrong"):
        store(tmp_path).signing_key("ada")
    sealed.forget()
    assert store(tmp_path, words="battery staple").signing_key("ada").seed == before["ada"]
    assert everything(tmp_path) == before, "what this process derived opens it"


def test_the_old_passphrase_is_wanted_before_another_is_chosen(tmp_path: Path) -> None:
    filled(tmp_path)
    whole = (tmp_path / "keys.sealed").read_bytes()
    sealed.forget()

    def never() -> str:
        raise AssertionError("asked")

    with pytest.raises(KeysLocked, match="wrong"):
        store(tmp_path, words="a guess").change_passphrase(never)
    assert (tmp_path / "keys.sealed").read_bytes() == whole


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_change_that_is_cut_off_leaves_a_file_that_one_of_both_opens(tmp_path: Path, after: bool) -> None:
    before = filled(tmp_path)
    with killed_at(1, after=after), pytest.raises(Killed):
        store(tmp_path).change_passphrase(lambda: "battery staple")
    sealed.forget()
    words = "battery staple" if after else WORDS
    assert store(tmp_path, words=words).signing_key("ada").seed == before["ada"]
    assert files(tmp_path) == ["keys.lock", "keys.sealed"]


def test_keys_in_the_keyring_have_no_passphrase(tmp_path: Path, memory_ring: MemoryRing) -> None:
    with pytest.raises(UsageError, match="it has none yet"):
        store(tmp_path).change_passphrase(lambda: "x")
    store(tmp_path).create("ada")
    with pytest.raises(UsageError, match="in the keyring") as told:
        store(tmp_path).change_passphrase(lambda: "x")
    assert "reach key move file" in str(told.value.hint)


def test_a_damaged_list_of_a_move_is_told(tmp_path: Path, memory_ring: MemoryRing) -> None:
    filled(tmp_path, "file")
    (tmp_path / "keys.moving").write_bytes(b"reach-names-1 nothing\n")
    with pytest.raises(KeysDamaged, match="names what the keyring holds"):
        store(tmp_path).move("keyring")
