"""Signing for the person at the screen: the key is made, and made known at the node, when it is first needed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from reach_workbench.errors import ApprovalRefused, KeysLocked, UsageError
from reach_workbench.keys.ed25519 import key_id
from reach_workbench.protocol.gates import GateView, SignedVerdict, Verdict
from reach_workbench.protocol.reviewing import another_key
from reach_workbench.ui.reviewer import Reviewer

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench

Json = Any
Result = TypeVar("Result")


class _Left(Exception):
    """The person left a dialog."""


class Signing:
    """Signs for the person at the screen, and asks what has to be asked before. All of it is awaited in a worker."""

    def __init__(self, workbench: Workbench, reviewer: Reviewer | None) -> None:
        self._workbench = workbench
        self._reviewer = reviewer
        self._known: str | None = None

    @property
    def name(self) -> str | None:
        """Whose verdicts they are."""
        return self._reviewer.name if self._reviewer is not None else None

    async def signed(
        self, gate: GateView, verdict: Verdict, reason: str | None = None, answer: Json = None
    ) -> SignedVerdict | None:
        """A verdict on exactly that; None when the person left a dialog. Raises ReachError."""
        reviewer = self._reviewer
        if reviewer is None:
            raise UsageError("this screen has no key to sign with", hint="open it with `reach`, on your own machine")
        try:
            name = self._known or await self._make_known(reviewer)
            self._known = name
            return await self._unlocked(reviewer, lambda: reviewer.sign(gate, verdict, name, reason, answer))
        except _Left:
            return None

    async def _make_known(self, reviewer: Reviewer) -> str:
        """See that there is a key, and that the node lets it decide; gives the name in which it does."""
        public = await self._unlocked(reviewer, reviewer.public_key)
        if public is None:
            words = (
                f"You have no key to sign with yet. One will be made in the name {reviewer.name!r}, kept in "
                f"{await reviewer.place()}, and this node will be told that it may decide about gates.\n\n"
                "Only this key's signature counts as yours. It never leaves this machine."
            )
            if not await self._workbench.confirm("Make a key?", words, "m", "make it"):
                raise _Left
            public = await self._unlocked(reviewer, reviewer.make_key)
            await self._add(reviewer, public)
        else:
            known = {each.key_id: each for each in await self._workbench.node.reviewers()}.get(key_id(public))
            if known is not None and known.revoked_at is not None:
                raise ApprovalRefused(
                    f"your key {known.key_id} was revoked at this node: it decides no more",
                    hint=f"what it signed before that stays; {another_key(reviewer.name)}",
                )
            if known is not None:
                return known.name
            words = (
                f"Your key {key_id(public)} is not known to this node yet. It would decide about gates there in "
                f"the name {reviewer.name!r}, in no group."
            )
            if not await self._workbench.confirm("Become a reviewer?", words, "m", "make it known"):
                raise _Left
            await self._add(reviewer, public)
        return reviewer.name

    async def _add(self, reviewer: Reviewer, public: bytes) -> None:
        await self._workbench.node.add_reviewer(reviewer.name, b64encode(public).decode())

    async def _unlocked(self, reviewer: Reviewer, ask: Callable[[], Awaitable[Result]]) -> Result:
        """What `ask` gives, with a passphrase where one is wanted. Raises _Left when the person leaves its dialog."""
        while True:
            try:
                return await ask()
            except KeysLocked as wrong:
                if not reviewer.asks:
                    raise
                passphrase = await self._passphrase(reviewer, wrong)
                if not passphrase:
                    raise _Left from None
                reviewer.given(passphrase)

    async def _passphrase(self, reviewer: Reviewer, wrong: KeysLocked) -> str | None:
        from reach_workbench.ui.dialogs import AskText

        push = self._workbench.push_screen_wait
        if not reviewer.is_new:
            said = "The passphrase is wrong. Try again:" if "wrong" in wrong.message else "The passphrase of your keys:"
            return await push(AskText("Unlock your key", said, hidden=True))
        words = "Your key will be kept in a sealed file. Choose its passphrase; forgotten, it can't be got back:"
        first = await push(AskText("Choose a passphrase", words, hidden=True))
        while first:
            again = await push(AskText("Choose a passphrase", "The same once more:", hidden=True))
            if again is None or again == first:
                return again
            words = "They were not the same. Choose the passphrase:"
            first = await push(AskText("Choose a passphrase", words, hidden=True))
        return None
