"""Keyrings that never answer, as a Secret Service does whose dialog nobody sees; named by PYTHON_KEYRING_BACKEND."""

from __future__ import annotations

import threading

from keyring.backend import KeyringBackend


class Silent(KeyringBackend):
    """Is there, and gives no answer."""

    priority = 5  # type: ignore[assignment]
    viable = False  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        threading.Event().wait()


class Unmet(Silent):
    """Does not even say whether it is there, as on a message bus that hangs."""

    def __init__(self) -> None:
        threading.Event().wait()
