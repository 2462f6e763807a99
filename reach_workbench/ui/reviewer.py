"""Whoever sits at this screen, as one who signs verdicts about held actions."""

from __future__ import annotations

from typing import Any, Protocol

from reach_workbench.protocol.gates import GateView, SignedVerdict, Verdict

Json = Any


class Reviewer(Protocol):
    """What signs. Each method but `given` may raise what `errors.KeysError` stands for.

    When KeysLocked was raised for want of a passphrase, `asks` is true, and the next call may use the one that is
    `given`; `is_new` says that there is nothing sealed yet, so that it is one to be chosen.
    """

    @property
    def name(self) -> str: ...

    async def place(self) -> str:
        """Where its key is kept, for people."""
        ...

    @property
    def asks(self) -> bool: ...

    @property
    def is_new(self) -> bool: ...

    def given(self, passphrase: str) -> None: ...

    async def public_key(self) -> bytes | None:
        """None when there is no key of that name yet."""
        ...

    async def make_key(self) -> bytes: ...

    async def sign(
        self, gate: GateView, verdict: Verdict, name: str, reason: str | None, answer: Json
    ) -> SignedVerdict:
        """A verdict in that name, which is the one that the node knows the key by. Raises BadInput for what JSON
        can't carry.
        """
        ...
