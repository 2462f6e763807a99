"""What stands between a reviewer and a signature: keys, passphrases, groups, time, others; each is said."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keyring
import pytest
from textual.widgets import Input

from reach_workbench.cli.keyreviewer import KeyReviewer
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import GateView, SignedVerdict
from reach_workbench.settings import load
from reach_workbench.ui.gates.verdictdialog import VerdictDialog
from tests.keys.keyrings import MemoryRing, memory_ring
from tests.ui.conftest import Desk
from tests.ui.gating import Court, court, know
from tests.ui.test_inbox import notified, says

Go = Callable[[Callable[[], Any]], None]

__all__ = ["court", "memory_ring"]


async def approving(desk: Desk) -> None:
    """Up to the dialog that `y` confirms in, the action seen."""
    await desk.until_shown("◆ gate")
    await desk.press("a")
    await desk.until_screen("VerdictDialog")
    await desk.until(lambda: "whole action" in says(desk))


async def asked(desk: Desk, words: str) -> Input:
    """The field of the dialog that asks for a passphrase with these words."""
    await desk.until(lambda: type(desk.app.screen).__name__ == "AskText" and words in desk.shown())
    await desk.pilot.pause()
    return desk.app.screen.query_one(Input)


def test_a_passphrase_is_chosen_twice_then_asked_for_without_being_shown(court: Court, go: Go) -> None:
    court.passphrase(None)

    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.press("y")
                await know(desk)
                field = await asked(desk, "Choose its passphrase")
                assert field.password
                await desk.press(*"s3cret", "enter")
                await asked(desk, "once more")
                await desk.press(*"other", "enter")
                await asked(desk, "not the same")
                await desk.press(*"s3cret", "enter")
                await asked(desk, "once more")
                assert "s3cret" not in desk.shown()
                await desk.press(*"s3cret", "enter")
                await desk.until_screen("InboxScreen")
                assert (await node.wait(run.id)).status == "completed"

            from reach_workbench.keys import sealed

            sealed.forget()
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.press("y")
                await asked(desk, "The passphrase of your keys")
                await desk.press(*"wrong", "enter")
                await asked(desk, "is wrong")
                assert (await node.run(run.id)).gates
                await desk.press("escape")
                await notified(desk, "Nothing was signed")
                await approving(desk)
                await desk.press("y")
                await asked(desk, "The passphrase of your keys")
                await desk.press(*"s3cret", "enter")
                await desk.until_screen("InboxScreen")
                assert (await node.wait(run.id)).status == "completed"
            assert len(await node.reviewers()) == 1

    go(body)


def test_no_key_is_made_unasked(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.press("y")
                await desk.until_screen("Confirm")
                await desk.until_shown("You have no key")
                await desk.press("y", "escape")  # y has confirmed the action: it does not make the key too
                await notified(desk, "Nothing was signed")
                assert not await node.reviewers()
                assert not (court.place.folder / "home" / "keys.sealed").exists()
                assert (await node.run(run.id)).gates

    go(body)


def test_a_key_that_was_revoked_or_is_not_known_is_said(court: Court, go: Go) -> None:
    async def body() -> None:
        from reach_workbench.keys.ed25519 import key_id

        public = await court.reviewer().make_key()
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.press("y")
                await desk.until_screen("Confirm")
                await desk.until_shown("not known to this node")
                await desk.press("m")
                await desk.until_screen("InboxScreen")
                assert (await node.wait(run.id)).status == "completed"
            await node.revoke_reviewer(key_id(public))
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.press("y")
                await notified(desk, "was revoked")
                assert (await node.run(run.id)).gates

    go(body)


def test_a_key_that_the_keyring_lost_is_said(court: Court, go: Go) -> None:
    async def body() -> None:
        reviewer = court.reviewer()
        await reviewer.make_key()

        async def lost(*_: Any) -> SignedVerdict:
            from reach_workbench.errors import KeysDamaged

            raise KeysDamaged("the keyring no longer has 'key/grace' of this home", hint="restore the keyring")

        reviewer.sign = lost  # type: ignore[method-assign]
        async with court.node() as node:
            run = await court.hold(node)
            async with court.place.desk(node, "inbox", reviewer=reviewer) as desk:
                await approving(desk)
                await desk.press("y")
                await know(desk)
                await notified(desk, "no longer has")
                await notified(desk, "restore the keyring")
                assert (await node.run(run.id)).gates

    go(body)


def test_nobody_approves_an_action_of_their_own(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node, requester="grace")
            async with court.desk(node) as desk:
                await desk.until_shown("Whoever asked for it (grace) may not decide")
                await approving(desk)
                await desk.press("y")
                await know(desk)
                await notified(desk, "an action of their own")
                await notified(desk, "somebody else has to decide")
                assert (await node.run(run.id)).gates

    go(body)


def test_a_quorum_shows_who_has_approved_and_what_is_missing(court: Court, go: Go) -> None:
    async def body() -> None:
        court.holds('@quorum("2")')
        async with court.node() as node:
            run = await court.hold(node)
            await court.add(node, "lin")
            async with court.desk(node) as desk:
                await desk.until_shown("needs 2 approvals and has 0")
                await approving(desk)
                await desk.press("y")
                await know(desk)
                await notified(desk, "Your approval counts. Still missing")
                await desk.until_shown("needs 2 approvals and has 1")
                await desk.until_shown("✓ grace approved")
                await approving(desk)
                await desk.press("y")
                await notified(desk, "decided about this gate before")
                await desk.until_screen("InboxScreen")
                await desk.until_shown("✓ grace approved")
                assert "◆ 1" in desk.shown().split("\n")[0]
                [gate] = await node.gates()
                await node.decide(gate.id, court.signed(gate, "approve", "lin"))
                await desk.until_shown("Nothing waits for you")
                assert (await node.wait(run.id)).status == "completed"
                assert court.written == 1

    go(body)


def test_a_group_that_is_wanted_is_said(court: Court, go: Go) -> None:
    async def body() -> None:
        court.holds('@from("finance")')
        async with court.node() as node:
            await court.hold(node)
            async with court.desk(node) as desk:
                await desk.until_shown("1 approval, from finance")
                await approving(desk)
                await desk.press("y")
                await know(desk)
                await notified(desk, "in none of the groups")

    go(body)


def test_decided_by_somebody_else_while_the_dialog_is_open(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            await court.add(node, "lin")
            async with court.desk(node) as desk:
                await approving(desk)
                [gate] = await node.gates()
                await node.decide(gate.id, court.signed(gate, "deny", "lin", "no"))
                await desk.until(lambda: "closed by now" in says(desk))
                await desk.press("y")
                await desk.pilot.pause()
                assert isinstance(desk.app.screen, VerdictDialog), "it takes no verdict any more"
                await desk.press("escape")
                await desk.until_shown("Nothing waits for you")
                assert (await node.wait(run.id)).status == "faulted"
                assert court.written == 0

    go(body)


def test_expired_while_the_dialog_is_open(court: Court, go: Go) -> None:
    async def body() -> None:
        court.holds('@expires("5s")')
        async with court.node() as node:
            await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.until(lambda: "expired while" in says(desk) or "closed by now" in says(desk))
                await desk.press("y")
                await desk.pilot.pause()
                assert isinstance(desk.app.screen, VerdictDialog)
                await desk.press("escape")
                await desk.until_shown("Nothing waits for you")
                assert court.written == 0

    go(body)


class Swapping:
    """A node that answers for a gate with another action than the one it holds, as one between both might."""

    def __init__(self, node: LocalNode) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def gate(self, gate: str) -> GateView:
        return dataclasses.replace(await self._node.gate(gate), arguments={"process": {"command": "echo harmless"}})


def test_what_was_signed_is_what_was_shown_whatever_the_gate_holds(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            swapping: Any = Swapping(node)
            async with court.desk(swapping) as desk:
                await approving(desk)
                await desk.until_shown("echo harmless")
                await desk.press("y")
                await know(desk)
                await notified(desk, "another action than the one at this gate")
                assert (await node.run(run.id)).gates
                assert court.written == 0

    go(body)


def test_policies_that_changed_meanwhile_decide_anew(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await approving(desk)
                court.holds('@risk("high")')
                await asyncio.sleep(1.1)  # the files are looked at once a second
                await desk.press("y")
                await know(desk)
                await notified(desk, "the policies changed")
                await desk.until_shown("high")
                [gate] = await node.gates()
                assert gate.terms.risk == "high"
                assert (await node.run(run.id)).gates == (gate.id,)

    go(body)


PAYS = """\
do: [{pay: {call: 'approve:1.0.0@default', with: {title: Pay the bill?, details: "Number 4711\\nto ACME",
  form: {type: object, required: [amount], properties: {amount: {type: integer}, note: {type: string}}}}}}]"""
GOES_ON = "do: [{go: {call: 'approve:1.0.0@default', with: {title: Go on?}}}]"


def test_the_answer_to_an_approval_steps_form_is_signed_and_becomes_its_output(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.run(node, PAYS, "bills")
            async with court.desk(node) as desk:
                await desk.until_shown("Pay the bill?")
                await desk.until_shown("to ACME")
                await desk.press("E")
                await notified(desk, "nothing to edit")
                await desk.press("a")
                await desk.until_screen("AnswerForm")
                await desk.until_shown("Pay the bill?")
                await desk.press("enter")
                assert type(desk.app.screen).__name__ == "AnswerForm", "the amount is required"
                await desk.press(*"120", "tab", *"in time", "enter")
                await desk.until_screen("VerdictDialog")
                await desk.until_shown('"amount": 120')
                await desk.until(lambda: "whole action" in says(desk))
                await desk.press("y")
                await know(desk)
                await desk.until_shown("Nothing waits for you")
                run = await node.wait(run.id)
                assert (run.status, run.output) == ("completed", {"amount": 120, "note": "in time"})
                [closed] = [event async for event in node.events(run.id) if event.type == "gate.closed"]
                assert closed.data is not None
                assert closed.data["approvals"][0]["answer"] == {"amount": 120, "note": "in time"}

    go(body)


def test_an_approval_step_without_a_form_is_approved_at_once(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.run(node, GOES_ON)
            async with court.desk(node) as desk:
                await approving(desk)
                await desk.until_shown("The run goes on past this step")
                await desk.press("y")
                await know(desk)
                await desk.until_shown("Nothing waits for you")
                run = await node.wait(run.id)
                assert (run.status, run.output) == ("completed", {"approved": True, "by": ["grace"]})

    go(body)


class Silent(MemoryRing):
    """Never answers once it is given something."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked.set()
        threading.Event().wait()


@pytest.mark.usefixtures("memory_ring")
def test_a_keyring_that_never_answers_keeps_neither_the_screen_nor_its_end(
    court: Court, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Silent()
    keyring.set_keyring(ring)
    monkeypatch.setattr("reach_workbench.keys.ring._PATIENCE", 0.05)
    told: list[float] = []

    @contextmanager
    def waiting(seconds: float) -> Iterator[None]:
        told.append(seconds)
        yield

    settings = load(court.place.folder / "home", {"REACH_KEYS_USER": "grace", "REACH_KEYS_WAIT_SECONDS": "600"})

    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            async with court.place.desk(node, "inbox", reviewer=KeyReviewer(settings, waiting)) as desk:
                await approving(desk)
                await desk.press("y")
                await know(desk)
                await desk.until(lambda: ring.asked.is_set() and told == [600.0])
                await desk.press("escape")
                await desk.until_screen("InboxScreen")
                await desk.press("3")
                await desk.until_screen("RunsScreen")
            assert (await node.run(run.id)).gates

    go(body)
