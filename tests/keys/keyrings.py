"""A keyring that lives in memory, and a derivation that costs nothing."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from reach_workbench.keys import sealed


class MemoryRing(KeyringBackend):
    """A keyring as the platforms' are, for one test.

    `keyring` knows every class of this kind and takes the one of the highest priority that is viable: one that any
    other test was to meet by chance, as a keyring that hangs, must not be among them.
    """

    priority = 5  # type: ignore[assignment]
    viable = False  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("no such password")


@pytest.fixture
def quick_derivation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The least that libsodium derives with: a test need not be slow to guess against."""
    monkeypatch.setattr(sealed, "OPS", 1)
    monkeypatch.setattr(sealed, "MEMORY", 8192)
    monkeypatch.delenv("REACH_PASSPHRASE", raising=False)
    sealed.forget()
    yield
    sealed.forget()


@pytest.fixture
def memory_ring() -> Iterator[MemoryRing]:
    before = keyring.get_keyring()
    ring = MemoryRing()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)
