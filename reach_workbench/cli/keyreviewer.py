"""What the screen has of this machine: the key of whoever opens it, and the secrets it keeps. All that waits for a
keyring is done aside, and given up when the screen is left.
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any, TypeVar

from reach_workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from reach_workbench.keys.keystore import KeyStore
    from reach_workbench.keys.ring import Waiting
    from reach_workbench.protocol.gates import GateView, SignedVerdict, Verdict
    from reach_workbench.settings import Settings

Json = Any
Result = TypeVar("Result")


class KeyReviewer:
    """See `ui.reviewer.Reviewer`. Nothing is touched or asked until the first verdict. `waiting` is entered, in another
    thread, while a keyring lets the screen wait.
    """

    def __init__(self, settings: Settings, waiting: Waiting | None = None) -> None:
        self._settings = settings
        self._waiting = waiting
        self._store: KeyStore | None = None
        self._passphrase: str | None = None
        self._asked = False

    @property
    def name(self) -> str:
        """The name that this machine's requests go by too (`node.local.person`)."""
        if self._settings.keys.user:
            return self._settings.keys.user
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # no such entry, as in some containers
            return "local"

    async def place(self) -> str:
        return await self._aside(lambda: self._keys().place)

    @property
    def asks(self) -> bool:
        return self._asked

    @property
    def is_new(self) -> bool:
        return self._keys().is_new

    def given(self, passphrase: str) -> None:
        self._passphrase = passphrase

    async def public_key(self) -> bytes | None:
        def look() -> bytes | None:
            keys = self._keys()
            return keys.signing_key(self.name).public if self.name in keys.names() else None

        return await self._aside(look)

    async def make_key(self) -> bytes:
        return await self._aside(lambda: self._keys().create(self.name).public)

    async def sign(
        self, gate: GateView, verdict: Verdict, name: str, reason: str | None, answer: Json
    ) -> SignedVerdict:
        from reach_workbench.protocol.gates import signed_verdict

        def signed() -> SignedVerdict:
            key = self._keys().signing_key(self.name)
            try:
                return signed_verdict(gate, verdict, name, key, reason=reason, answer=answer)
            except ValueError as wrong:
                raise BadInput(f"this can't be signed: {wrong}") from None

        return await self._aside(signed)

    async def _aside(self, work: Callable[[], Result]) -> Result:
        from reach_workbench.keys.aside import aside

        self._asked = False
        return await aside(work)

    def _keys(self) -> KeyStore:
        if self._store is None:
            from reach_workbench.clock import SystemClock
            from reach_workbench.keys.keystore import KeyStore

            settings = self._settings
            self._store = KeyStore.open(
                settings.home,
                SystemClock(),
                passphrase=self._words,
                settings=settings.keys,
                waiting=self._waiting,
            )
        return self._store

    def _words(self) -> str | None:
        """The passphrase that was given for this one try; without one the screen is to ask."""
        self._asked = True
        given, self._passphrase = self._passphrase, None
        return given


class KeptSecrets:
    """See `ui.keeper.Kept`."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def secret_names(self) -> tuple[str, ...]:
        return self._store.secret_names()

    async def secrets(self, names: Collection[str]) -> dict[str, Json]:
        from reach_workbench.keys.aside import aside

        return await aside(lambda: {name: self._store.secret(name) for name in sorted(names)})
