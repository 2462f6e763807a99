"""Deciding about held actions: each is shown whole, then signed for exactly as it was shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from reach_workbench.errors import GateClosed, GateError, NotFound, ReachError
from reach_workbench.protocol.debugging import Query
from reach_workbench.protocol.gates import APPROVAL_STEP, GateView, Verdict
from reach_workbench.ui.dialogs import Tell
from reach_workbench.ui.gates.answerform import AnswerForm, form_of
from reach_workbench.ui.gates.editdialog import EditDialog
from reach_workbench.ui.gates.page import OUTCOMES, task_name
from reach_workbench.ui.gates.signing import Signing
from reach_workbench.ui.gates.verdictdialog import Shown, VerdictDialog
from reach_workbench.ui.reviewer import Reviewer
from reach_workbench.ui.visible import visible

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench

Json = Any

_LOOKED_AT: Final = 50
"""Decisions of a run that are looked through for that about one command, the newest first."""


class Reviewing:
    """All of it is awaited in a worker, and raises ReachError."""

    def __init__(self, workbench: Workbench, reviewer: Reviewer | None) -> None:
        self._workbench = workbench
        self._signing = Signing(workbench, reviewer)

    async def show(self, id: str) -> str | None:
        """Show it whole; gives the id of the action that is to follow."""
        return await self._workbench.push_screen_wait(Shown(await self._workbench.node.gate(id)))

    async def approve_each(self, ids: Sequence[str]) -> list[str]:
        """Show one after the other; gives those that were left undecided when the person left."""
        left = list(ids)
        while left:
            place = f"{len(ids) - len(left) + 1} of {len(ids)}" if len(ids) > 1 else ""
            try:
                if not await self.approve(left[0], place):
                    break
            except GateError as wrong:
                if len(ids) == 1:
                    raise
                self._workbench.report(wrong)  # that one can't be; the others may
            left.pop(0)
        return left

    async def approve(self, id: str, place: str = "") -> bool:
        """Whether it was approved; not when the person left a dialog."""
        gate = await self._open(id)
        answered = form_of(gate) is not None
        answer: Json = None
        if answered:
            given = await self._workbench.push_screen_wait(AnswerForm(gate))
            if given is None:
                return False
            answer = given.input
        dialog = VerdictDialog(gate, "approve", answer=answer, answered=answered, place=place)
        if await self._workbench.push_screen_wait(dialog) is None:
            return False
        return await self._decide(gate, "approve", None, answer)

    async def deny(self, id: str) -> bool:
        gate = await self._open(id)
        reason = await self._workbench.push_screen_wait(VerdictDialog(gate, "deny"))
        return reason is not None and await self._decide(gate, "deny", reason, None)

    async def delegate(self, id: str) -> bool:
        """Hand the decision over to another reviewer, who is chosen from those that the node knows."""
        gate = await self._open(id)
        known = await self._workbench.node.reviewers()
        said = {each.reviewer for each in gate.verdicts} | {self._signing.name}
        may = dict.fromkeys(each.name for each in known if each.revoked_at is None and each.name not in said)
        if not may:
            self._workbench.notify("There is no other reviewer to take it: `reach reviewer add` adds one.", timeout=5)
            return False
        groups = {each.name: ", ".join(each.groups) or "in no group" for each in known}
        options = [(name, f"{visible(name)}  {visible(groups[name])}") for name in may]
        words = "At this gate alone, whoever takes it decides for your groups too; you decide about it no more."
        to = await self._workbench.choose(f"Who decides about {visible(task_name(gate))}?", options, words)
        return to is not None and await self._decide(gate, "delegate", None, {"to": to})

    async def edit(self, id: str) -> None:
        """Change it; then say what the policies make of it, and go on to approve what is held again, if one may."""
        gate = await self._open(id)
        if gate.kind == APPROVAL_STEP:
            self._workbench.notify("An approval step has nothing to edit: approve it, or deny it.", timeout=4)
            return
        newer: GateView | None = None

        async def save(arguments: Json) -> None:
            nonlocal newer
            newer = await self._workbench.node.edit_gate(gate.id, arguments, by=self._signing.name)

        if not await self._workbench.push_screen_wait(EditDialog(gate, save)):
            return
        self._workbench.gate_told(gate.id)
        if newer is None:
            await self._workbench.push_screen_wait(Tell("What the policies say of it now", await self._ruled(gate)))
            return
        self._workbench.gate_told(newer.id, newer)
        if newer.terms.self_approval:
            self._workbench.notify("It is held as it is now, too.", title="Edited", timeout=4)
            await self.approve(newer.id)
        else:
            words = "It is held as it is now, too. You made it what it is, so somebody else has to approve it."
            self._workbench.notify(words, title="Edited", timeout=6)

    async def _open(self, id: str) -> GateView:
        """The gate as it is now. Raises GateClosed."""
        gate = await self._workbench.node.gate(id)
        if gate.outcome is not None:
            self._workbench.gate_told(gate.id)
            reason = f": {gate.reason}" if gate.reason else ""
            raise GateClosed(f"gate {gate.id} is closed: {gate.outcome}{reason}", hint="there is nothing to decide")
        return gate

    async def _decide(self, gate: GateView, asked: Verdict, reason: str | None, answer: Json) -> bool:
        signed = await self._signing.signed(gate, asked, reason, answer)
        if signed is None:
            self._workbench.notify("Nothing was signed: the action still waits.", timeout=4)
            return False
        try:
            after = await self._workbench.node.decide(gate.id, signed)
        except (GateError, NotFound):
            await self._look_again(gate.id)
            raise
        self._workbench.gate_told(after.id, after if after.outcome is None else None)
        name = visible(task_name(gate))
        if after.outcome is not None:
            words = {"approved": f"{name} goes on.", "denied": f"{name} fails with your reason."}
            self._workbench.notify(
                words.get(after.outcome, after.reason or ""), title=OUTCOMES[after.outcome], timeout=4, markup=False
            )
        elif asked == "delegate":
            self._workbench.notify(f"{visible(answer['to'])} decides now.", title=name, timeout=4, markup=False)
        else:
            words_left = f"Your approval counts. Still missing: {visible(after.missing or 'others')}."
            self._workbench.notify(words_left, title=name, timeout=6, markup=False)
        return True

    async def _look_again(self, id: str) -> None:
        """A verdict was refused: the gate is closed by now, or this person can't decide about it, and it is open."""
        try:
            gate = await self._workbench.node.gate(id)
        except NotFound:
            self._workbench.gate_told(id)
        except ReachError:  # nothing is known of it: it stays as it was
            return
        else:
            self._workbench.gate_told(id, gate if gate.outcome is None else None)

    async def _ruled(self, gate: GateView) -> str:
        """What became of an edited action that is not held again."""
        node = self._workbench.node
        run = await node.run(gate.run)
        found = await node.find(
            gate.run, Query(types=("policy.decided",)), after=run.seq + 1, backwards=True, limit=_LOOKED_AT
        )
        for seq in found.seqs:
            page = await node.page(gate.run, seq, 1)
            data = (page.events[0].data if page.events else None) or {}
            if data.get("command") == gate.command:
                policies = ", ".join(map(str, data.get("policies", ())))
                by = f" by {visible(policies)}" if policies else ""
                if data.get("decision", "allow") == "allow":
                    return f"It is allowed{by}: nobody need approve it, and it is performed as it is now."
                if data["decision"] == "deny":
                    reason = f": {visible(str(data['reason']))}" if data.get("reason") else ""
                    return f"It is denied{by}{reason}. Its task has failed."
                return f"It waits{by}, without a gate, until it may go on."
        return "It is not held any more; the run's events tell what became of it."
