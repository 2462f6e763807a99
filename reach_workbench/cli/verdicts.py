"""Deciding about a gate: what a person has to say first, the signature, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reach_workbench.cli.answering import filled_in, form_of
from reach_workbench.cli.asking import ask_line, can_ask
from reach_workbench.cli.gatepage import STYLES, missing, show_beginning, show_gate, task_name
from reach_workbench.cli.session import Interruption, Session
from reach_workbench.cli.signing import reviewer
from reach_workbench.cli.terminal import Painted
from reach_workbench.clock import SystemClock
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, GateClosed, ReachError, UsageError
from reach_workbench.protocol.gates import APPROVAL_STEP, GateView, Verdict, signed_verdict

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node


def refuse_closed(session: Session, gate: GateView, *, hint: str | None = None) -> None:
    """Raise GateClosed for one that nobody need be asked about any more."""
    if gate.outcome is not None:
        why = f" ({gate.reason})" if gate.reason else ""
        raise GateClosed(
            f"gate {gate.id} is closed: {gate.outcome}{why}",
            hint=hint or f"`{session.line('gates')}` lists those that are open",
        )


async def confirm(session: Session, gate: GateView, *, yes: bool, accepted: str | None) -> None:
    """Have the person say that the action, shown already, may happen. Raises UsageError when nobody does."""
    name = task_name(gate)
    asks = can_ask(session.terminal)
    if gate.terms.risk == "high":
        if accepted is None and asks:
            question = f"the risk is high: type the task's name, {name}, to approve: "
            accepted = await ask_line(session.terminal, question) or ""
        if accepted is None:
            raise UsageError(
                "this action is of high risk: say that you mean it by the name of its task",
                hint=f"add --yes --risk-accepted {name}",
            )
        if accepted != name:
            raise UsageError(f"{accepted!r} is not the name of the task: nothing was approved", hint=f"it is {name}")
        if asks:
            return
    if yes:
        return
    if not asks:
        raise UsageError("nobody can be asked here, without a terminal", hint="add --yes if you mean it")
    show_beginning(session.terminal, gate)
    if (await ask_line(session.terminal, "approve exactly this? [y/N] ") or "").lower() not in ("y", "yes"):
        raise UsageError("nothing was approved", hint=f"`{session.line('deny', gate.id, '--reason', 'TEXT')}` says no")


async def answered(session: Session, gate: GateView, given: Json) -> Json:
    """What the form of an approval step is filled in with: as given, or as typed. Raises UsageError."""
    form = form_of(gate.arguments) if gate.kind == APPROVAL_STEP else None
    if form is None:
        if given is not None:
            raise UsageError(f"this gate asks for no answer: it holds {gate.kind}", hint="leave --answer out")
        return None
    if given is not None:
        return given
    if not can_ask(session.terminal):
        raise UsageError("this approval has a form to fill in", hint="add --answer JSON, an object with its fields")
    answer = await filled_in(session.terminal, form, lambda question: ask_line(session.terminal, question))
    if answer is None:
        raise UsageError("nothing was approved: the form was not filled in")
    return answer


async def decide(
    session: Session,
    node: Node,
    gate: GateView,
    verdict: Verdict,
    *,
    reason: str | None = None,
    answer: Json = None,
    interruption: Interruption | None = None,
) -> GateView:
    """Sign for exactly the action that was shown, and hand it in. Raises what the node refuses it with."""
    name, key = await reviewer(session, node, gate, interruption)
    try:
        signed = signed_verdict(gate, verdict, name, key, reason=reason, answer=answer)
    except ValueError as wrong:
        raise BadInput(f"it can't be signed: {wrong}") from None
    return await node.decide(gate.id, signed)


def tell(session: Session, gate: GateView) -> None:
    """What became of the gate, on standard error."""
    handed = [each for each in gate.verdicts if each.verdict == "delegate"]
    if gate.outcome is None and handed and handed[-1] == gate.verdicts[-1]:
        session.terminal.say(f"gate {gate.id} waits for {handed[-1].to} now; it {missing(gate)}")
    elif gate.outcome is None:
        session.terminal.say(f"your approval of gate {gate.id} counts; it {missing(gate)}")
    else:
        session.terminal.say("gate ", gate.id, " ", Painted(gate.outcome, STYLES.get(gate.outcome, "dim")))


async def ask_about(session: Session, node: Node, gate: GateView, interruption: Interruption) -> bool:
    """Show a gate whole and ask what is to become of it; whether it was decided. What is refused is said."""
    terminal = session.terminal
    show_gate(terminal.say, gate, SystemClock().now(), terminal.columns)
    show_beginning(terminal, gate)

    async def is_closed() -> bool:
        return (await node.gate(gate.id)).outcome is not None

    async def ask(question: str) -> str | None:
        return await ask_line(terminal, question, interruption=interruption, moot=is_closed)

    while True:
        word = ((await ask("[a]pprove, [d]eny, or [l]eave it for later? ")) or "").lower()
        if interruption.asked.is_set():
            return False
        now = await node.gate(gate.id)
        if now.outcome is not None:
            tell(session, now)
            return True
        if word in ("", "l", "leave"):
            return False
        try:
            if word in ("a", "approve"):
                if gate.terms.risk == "high" and await ask(f"the risk is high: type {task_name(gate)}: ") != task_name(
                    gate
                ):
                    terminal.say("that is not the task's name: nothing was approved")
                    continue
                form = form_of(gate.arguments) if gate.kind == APPROVAL_STEP else None
                answer = await filled_in(terminal, form, ask) if form is not None else None
                if form is not None and answer is None:
                    continue
                now = await decide(session, node, gate, "approve", answer=answer, interruption=interruption)
            elif word in ("d", "deny"):
                reason = await ask("why? ")
                if not reason:
                    terminal.say("a denial needs a reason: whoever asked for this will read it")
                    continue
                now = await decide(session, node, gate, "deny", reason=reason, interruption=interruption)
            else:
                continue
        except ReachError as wrong:
            terminal.say(Painted("refused", "red"), f": {wrong.message}")
            if wrong.hint:
                terminal.say(f"  hint: {wrong.hint}")
            terminal.say(f"  code: {wrong.code}")
            if (await node.gate(gate.id)).outcome is not None:
                return True
            continue
        tell(session, now)
        return now.outcome is not None
