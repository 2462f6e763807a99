"""With a keyring, keys are there and nowhere else; one that fails, is locked, hangs or keeps plain text is told."""

from __future__ import annotations

import asyncio
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, PasswordSetError

from reach_workbench.clock import SystemClock
from reach_workbench.errors import BadInput, KeyMissing, KeysDamaged, KeysLocked, KeysUnavailable
from reach_workbench.keys import ring
from reach_workbench.keys.aside import aside
from reach_workbench.keys.keystore import KeyStore
from reach_workbench.settings import Keys
from tests.keys.keyrings import MemoryRing


def store(home: Path, backend: str = "", seconds: float = 5.0, words: str | None = "words") -> KeyStore:
    settings = Keys(backend=backend, wait_seconds=seconds)
    return KeyStore.open(home, SystemClock(), passphrase=lambda: words, settings=settings)


def test_keys_and_secrets_are_in_the_keyring_and_in_no_file(tmp_path: Path, memory_ring: MemoryRing) -> None:
    keys = store(tmp_path, words=None)
    made, own = keys.create("ada"), keys.node_key()
    keys.keep_secret("token", {"a": 1})
    again = store(tmp_path, words=None)
    assert (again.signing_key("ada"), again.node_key(), again.secret("token")) == (made, own, {"a": 1})
    assert (again.names(), again.secret_names(), again.place) == (("ada",), ("token",), "the keyring")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["keys.lock", "keys.names"]
    assert (tmp_path / "keys.names").stat().st_mode & 0o777 == 0o600
    written = (tmp_path / "keys.names").read_text()
    assert all(value not in written for value in memory_ring.held.values())


def test_two_homes_have_nothing_in_common(tmp_path: Path, memory_ring: MemoryRing) -> None:
    one, two = store(tmp_path / "one"), store(tmp_path / "two")
    assert one.create("ada") != two.create("ada")
    assert len({service for service, _ in memory_ring.held}) == 2
    one.delete("ada")
    assert two.names() == ("ada",)


def test_what_is_deleted_leaves_the_keyring(tmp_path: Path, memory_ring: MemoryRing) -> None:
    keys = store(tmp_path)
    keys.create("ada")
    keys.keep_secret("token", 1)
    keys.delete("ada")
    keys.drop_secret("token")
    assert memory_ring.held == {}
    with pytest.raises(KeyMissing):
        store(tmp_path).signing_key("ada")


def test_names_are_told_without_meeting_the_keyring(tmp_path: Path, memory_ring: MemoryRing) -> None:
    store(tmp_path).create("ada")
    keyring.set_keyring(Failing(AssertionError("met")))
    assert store(tmp_path).names() == ("ada",)


def test_a_key_that_the_keyring_lost_is_told_and_not_made_anew(tmp_path: Path, memory_ring: MemoryRing) -> None:
    store(tmp_path).node_key()
    store(tmp_path).create("ada")
    memory_ring.held.clear()
    with pytest.raises(KeysDamaged, match="no longer"):
        store(tmp_path).node_key()
    keys = store(tmp_path)
    with pytest.raises(KeysDamaged, match="no longer"):
        keys.signing_key("ada")
    keys.delete("ada")
    keys.create("ada")


def test_what_somebody_else_wrote_there_is_no_key(tmp_path: Path, memory_ring: MemoryRing) -> None:
    store(tmp_path).create("ada")
    for place in memory_ring.held:
        memory_ring.held[place] = "not a seed"
    with pytest.raises(KeysDamaged, match="not what was written"):
        store(tmp_path).signing_key("ada")


def test_a_damaged_list_of_names_is_found_at_every_byte(tmp_path: Path, memory_ring: MemoryRing) -> None:
    store(tmp_path).create("ada")
    file = tmp_path / "keys.names"
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(KeysDamaged):
            store(tmp_path).signing_key("ada")


def test_a_home_that_began_with_a_file_stays_with_it(tmp_path: Path, memory_ring: MemoryRing) -> None:
    made = store(tmp_path, "file").create("ada")
    assert store(tmp_path).signing_key("ada") == made
    assert memory_ring.held == {}


def test_a_home_that_began_with_a_keyring_does_not_change_to_a_file(tmp_path: Path, memory_ring: MemoryRing) -> None:
    from keyring.backends.fail import Keyring

    store(tmp_path).node_key()
    keyring.set_keyring(Keyring())
    with pytest.raises(KeysUnavailable, match="no keyring"):
        store(tmp_path).node_key()
    assert not (tmp_path / "keys.sealed").exists()


def test_a_keyring_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable, match="no keyring") as told:
        store(tmp_path, "keyring").create("ada")
    assert "REACH_KEYS_BACKEND=file" in str(told.value.hint)


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="vault"):
        store(tmp_path, "vault")


def plaintext() -> KeyringBackend:
    """One that says it is of keyrings.alt, as its class's module does."""
    module = types.ModuleType("keyrings.alt.file")

    class PlaintextKeyring(MemoryRing):
        pass

    PlaintextKeyring.__module__ = module.__name__
    return PlaintextKeyring()


def null() -> KeyringBackend:
    from keyring.backends.null import Keyring

    return Keyring()


@pytest.mark.parametrize("unfit", [plaintext, null])
def test_a_keyring_that_keeps_plain_text_or_nothing_is_passed_over(
    tmp_path: Path, memory_ring: MemoryRing, unfit: Callable[[], KeyringBackend]
) -> None:
    ring = unfit()
    keyring.set_keyring(ring)
    keys = store(tmp_path)
    keys.create("ada")
    assert keys.place == "keys.sealed"
    assert getattr(ring, "held", {}) == {}
    with pytest.raises(KeysUnavailable):
        store(tmp_path / "other", "keyring").create("ada")


class Chain(MemoryRing):
    """A chain of keyrings, of which only the last is fit."""

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


def test_the_first_fit_keyring_of_a_chain_is_used(tmp_path: Path, memory_ring: MemoryRing) -> None:
    keyring.set_keyring(Chain(plaintext(), memory_ring))
    store(tmp_path).create("ada")
    assert len(memory_ring.held) == 1


class Failing(MemoryRing):
    """Raises whatever it is told to."""

    def __init__(self, wrong: Exception) -> None:
        super().__init__()
        self.wrong = wrong

    def get_password(self, service: str, username: str) -> str | None:
        raise self.wrong

    def set_password(self, service: str, username: str, password: str) -> None:
        raise type(self.wrong)(f"{self.wrong} {password}")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (KeyringLocked("Failed to unlock"), KeysLocked),
        (InitError("no bus"), KeysUnavailable),
        (PasswordSetError("refused"), KeysUnavailable),
        (RuntimeError("a bug of the backend"), KeysUnavailable),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_a_keyring_that_raises_is_told_without_what_it_was_given(
    tmp_path: Path, memory_ring: MemoryRing, wrong: Exception, error: type[Exception]
) -> None:
    keyring.set_keyring(Failing(wrong))
    canary = "canary-77-do-not-show"
    with pytest.raises(error) as told:
        store(tmp_path).keep_secret("token", canary)
    assert canary not in str(told.value.as_dict())  # type: ignore[attr-defined]
    assert told.value.__cause__ is None and told.value.__suppress_context__
    assert not (tmp_path / "keys.names").exists()
    assert not (tmp_path / "keys.sealed").exists(), "no second place for keys behind one's back"


class Hanging(MemoryRing):
    """Waits for a dialog that nobody sees."""

    def __init__(self) -> None:
        super().__init__()
        self.freed = threading.Event()
        self.asked = 0

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked += 1
        self.freed.wait(60)
        super().set_password(service, username, password)


@pytest.fixture
def hanging(memory_ring: MemoryRing) -> Iterator[Hanging]:
    ring = Hanging()
    keyring.set_keyring(ring)
    yield ring
    ring.freed.set()


def test_a_keyring_that_hangs_is_given_up(tmp_path: Path, hanging: Hanging) -> None:
    keys = store(tmp_path, seconds=0.1)
    for _ in range(2):
        with pytest.raises(KeysUnavailable, match=r"did not answer within 0\.1 seconds"):
            keys.create("ada")
    assert hanging.asked == 1, "one that did not answer is not asked again"


def test_a_home_with_keys_in_a_keyring_is_not_sent_to_a_file_where_it_has_none(
    tmp_path: Path, memory_ring: MemoryRing
) -> None:
    keyring.set_keyring(Failing(KeyringLocked("no")))
    with pytest.raises(KeysLocked) as told:
        store(tmp_path).keep_secret("token", 1)
    assert "REACH_KEYS_BACKEND=file" in str(told.value.hint)
    keyring.set_keyring(memory_ring)
    store(tmp_path).node_key()
    keyring.set_keyring(Failing(KeyringLocked("no")))
    with pytest.raises(KeysLocked) as told:
        store(tmp_path).node_key()
    assert "`reach key move file`" in str(told.value.hint) and "BACKEND" not in str(told.value.hint)


def test_a_keyring_that_has_answered_too_late_is_asked_again(tmp_path: Path, hanging: Hanging) -> None:
    keys = store(tmp_path, seconds=0.1)
    with pytest.raises(KeysUnavailable):
        keys.create("ada")
    hanging.freed.set()  # somebody has unlocked it
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join()
    assert keys.create("ada") == store(tmp_path).signing_key("ada")


def test_who_is_kept_waiting_is_told_for_what(
    tmp_path: Path, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[float] = []

    @contextmanager
    def waiting(seconds: float) -> Iterator[None]:
        said.append(seconds)
        hanging.freed.set()
        yield

    monkeypatch.setattr(ring, "_PATIENCE", 0.05)
    keys = KeyStore.open(tmp_path, SystemClock(), settings=Keys(wait_seconds=40.0), waiting=waiting)
    keys.create("ada")
    assert said == [40.0]


def test_names_are_told_while_another_thread_waits_for_the_keyring(tmp_path: Path, hanging: Hanging) -> None:
    keys = store(tmp_path, seconds=60.0)
    waiting = threading.Thread(target=keys.create, args=("ada",), daemon=True)
    waiting.start()
    while not hanging.asked:
        assert waiting.is_alive()
    assert keys.names() == ()
    hanging.freed.set()
    waiting.join()
    assert keys.names() == ("ada",)


def test_an_event_loop_neither_stands_still_nor_lives_on_for_a_keyring_that_hangs(
    tmp_path: Path, hanging: Hanging
) -> None:
    async def body() -> None:
        asking = asyncio.ensure_future(aside(lambda: store(tmp_path, seconds=60.0).create("ada")))
        while not hanging.asked:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])

    began = time.monotonic()
    asyncio.run(body())
    assert time.monotonic() - began < 30
    assert not hanging.freed.is_set()


def test_no_keyring_of_the_tests_is_found_by_chance() -> None:
    """`keyring` knows every class of its kind, and one that hangs was once the one that it took."""
    assert not {each for each in KeyringBackend.get_viable_backends() if each.__module__.startswith("tests")}
    assert keyring.get_keyring().priority == 0
