"""`reach gates`, `approve`, `deny`, `gate delegate`, `gate edit`: held actions, and what becomes of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, get_args

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.following import ENDED, finish
from reach_workbench.cli.gatepage import gate_object, held_in, show_gate, show_table
from reach_workbench.cli.outcome import UNFINISHED, exit_code, show_result
from reach_workbench.cli.reading import read_json
from reach_workbench.cli.session import Session, drives, go, interruptible
from reach_workbench.cli.source import source_of
from reach_workbench.cli.terminal import Terminal
from reach_workbench.cli.unlocking import user
from reach_workbench.cli.verdicts import answered, confirm, decide, refuse_closed, tell
from reach_workbench.clock import SystemClock
from reach_workbench.engine.values import Json
from reach_workbench.errors import GateClosed, NotFound, ReachError, RunStateError, UsageError
from reach_workbench.protocol.gates import GateOutcome, GateState, GateView, Verdict
from reach_workbench.protocol.node_views import RunView

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

_MOST = 100


def _gates(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    now = SystemClock().now()
    if given.closed and given.all:
        raise UsageError("give one of --closed and --all")
    limit = _MOST if given.limit is None else given.limit
    if not 1 <= limit <= 1000:
        raise UsageError("--limit is a number from 1 to 1000")
    state: GateState = "closed" if given.closed else "all" if given.all else "open"

    async def work() -> int:
        async with session.reading() as node:
            if given.gate is not None:
                gate = await _gate_named(session, node, given.gate)
                if terminal.json:
                    terminal.print_json(gate_object(gate))
                else:
                    show_gate(terminal.show, gate, now, terminal.columns)
                    if gate.outcome is None:
                        terminal.say(f"approve it: {session.line('approve', gate.id)}")
                        terminal.say(f"deny it:    {session.line('deny', gate.id, '--reason', 'TEXT')}")
                return 0
            found = await node.gates(state=state, run=given.run, limit=limit)
        if terminal.json:
            terminal.print_json({"gates": [gate_object(gate) for gate in found]})
            return 0
        show_table(terminal, found, now)
        if not found:
            which = "no gate" if state == "all" else f"no {state} gate"
            terminal.say(
                f"there is {which}" + (f" of run {given.run}" if given.run else "") + f" in {session.settings.home}"
            )
        elif any(gate.outcome is None for gate in found):
            terminal.say(f"look at one: {session.line('gates', 'GATE')}")
        if len(found) == limit:
            terminal.say(f"these are {limit}; there may be more: --limit N shows up to N")
        return 0

    return go(work())


def _approve(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    answer = read_json(given.answer, "--answer", session.settings.limits) if given.answer is not None else None

    async def ready(gate: GateView) -> Json:
        found = await answered(session, gate, answer)
        await confirm(session, gate, yes=given.yes, accepted=given.risk_accepted)
        return found

    return _decide(session, given.gate, "approve", given.reason, ready)


def _deny(terminal: Terminal, given: Given) -> int:
    if not given.reason.strip():
        raise UsageError("a denial needs a reason", hint="whoever asked for the action reads it: --reason TEXT")

    async def ready(_: GateView) -> Json:
        return None

    return _decide(Session(terminal, given), given.gate, "deny", given.reason, ready)


def _delegate(terminal: Terminal, given: Given) -> int:
    async def ready(_: GateView) -> Json:
        return {"to": given.to}

    return _decide(Session(terminal, given), given.gate, "delegate", given.reason, ready)


async def _gate_named(session: Session, node: Node, name: str) -> GateView:
    """The gate of that id. Raises NotFound; where a run was named, with the gate at which that waits."""
    try:
        return await node.gate(name)
    except NotFound as wrong:
        try:
            run = (await node.run(name)).id
        except ReachError:
            raise wrong from None
        open_here = [each.id for each in await held_in(node, run)]
        waits = f"run {run} waits at {'gate ' + ', '.join(open_here) if open_here else 'no gate'}"
        raise NotFound(f"{name} names a run, and a gate is wanted here", hint=waits) from None


async def _after_other_policies(session: Session, node: Node, gate: GateView) -> str:
    """What became of an action whose gate was superseded: where it is held now, or what lets it be decided about."""
    newer = [each for each in await node.gates(state="open", run=gate.run) if each.command == gate.command]
    if newer:
        return f"the action is held at gate {newer[0].id} now"
    view = await _outermost(node, gate.run)
    if view.status in ENDED or not drives(node):
        return f"`{session.line('show', gate.run)}` shows what became of the action"
    return f"the action is decided about afresh once its run goes on: {session.line('resume', view.id)}"


Ready = Callable[[GateView], Awaitable[Json]]
"""Asks for what has to be said first, once the gate was shown; returns the answer for its form."""


def _decide(session: Session, name: str, verdict: Verdict, reason: str | None, ready: Ready) -> int:
    said: list[tuple[GateView, Json]] = []  # of the gate as it was shown

    async def work() -> int:
        async with session.asking() as node:
            gate = await _gate_named(session, node, name)
            if gate.outcome == "superseded":
                refuse_closed(session, gate, hint=await _after_other_policies(session, node, gate))
            refuse_closed(session, gate)
            if not said:
                if not session.terminal.json:
                    show_gate(session.terminal.say, gate, SystemClock().now(), session.terminal.columns)
                said.append((gate, await ready(gate)))
            shown, answer = said[0]
            try:
                decided = await decide(session, node, shown, verdict, reason=reason, answer=answer)
            except GateClosed as wrong:
                if (await node.gate(gate.id)).outcome == "superseded":
                    wrong.hint = await _after_other_policies(session, node, gate)
                raise
            if not session.terminal.json:
                tell(session, decided)
            return await _go_on(session, node, decided)

    return go(session.retrying(work))


async def _go_on(session: Session, node: Node, gate: GateView) -> int:
    """Drive the run on that the gate held, where nobody else does, until it stops again."""
    terminal = session.terminal
    if terminal.json:
        terminal.print_json(gate_object(gate))
    view = await _outermost(node, gate.run)
    if view.status in ENDED and drives(node) and not terminal.json:
        show_result(session, view, await source_of(node, view, session.settings.limits))
        return exit_code(view)
    if gate.outcome is None or view.status in ENDED:
        return 0
    if not drives(node) or view.status in ("held", "suspended"):
        if not terminal.json:
            where = (
                "in the process that has this home" if not drives(node) else f"once it is told to: it is {view.status}"
            )
            terminal.say(f"run {view.id} goes on {where}")
            watch = ("events", view.id, "--follow") if not drives(node) else ("resume", view.id)
            terminal.say(f"  {'watch it' if not drives(node) else 'go on'} with: {session.line(*watch)}")
        return 0
    with interruptible(session) as interruption:
        try:
            going = await node.resume(view.id)
        except RunStateError as wrong:
            if not terminal.json:
                terminal.say(wrong.message)
                terminal.say(f"  go on with: {session.line('resume', view.id, '--secret', '…')}")
            return UNFINISHED
        if terminal.json:
            return exit_code(await node.wait(going.id))
        source = await source_of(node, going, session.settings.limits)
        return await finish(session, node, going, source, interruption, file=None, quiet=False, after=view.seq)


async def _outermost(node: Node, run: str) -> RunView:
    """The run that waits for this one, or itself: whoever goes on with that goes on with all below it."""
    view = await node.run(run)
    while view.parent is not None:
        view = await node.run(view.parent)
    return view


async def _held_again(node: Node, gate: GateView) -> GateView | None:
    """Have an edited action decided about, where that is for this process to do; its new gate if it has one."""
    view = await _outermost(node, gate.run)
    if view.status not in ("held", "suspended"):
        await node.resume(view.id)
        await node.wait(view.id)
    found = await node.gates(state="open", run=gate.run)
    return next((each for each in found if each.command == gate.command), None)


def _edit(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    word = given.arguments if given.arguments.startswith(("-", "@", "{")) else f"@{given.arguments}"
    arguments = read_json(word, "--arguments", session.settings.limits)

    async def work() -> int:
        async with session.asking() as node:
            gate = await _gate_named(session, node, given.gate)
            refuse_closed(session, gate)
            newer = await node.edit_gate(gate.id, arguments, by=user(session, None))
            if newer is None and drives(node):
                newer = await _held_again(node, gate)
            newer = await node.gate(newer.id) if newer is not None else None
            if terminal.json:
                terminal.print_json({"superseded": gate.id, "gate": gate_object(newer) if newer is not None else None})
            else:
                terminal.say(f"gate {gate.id} is superseded: what was approved there does not count for this action")
            if newer is not None:
                if not terminal.json:
                    show_gate(terminal.say, newer, SystemClock().now(), terminal.columns)
                    terminal.say(f"it is held again, at gate {newer.id}")
                    who = "approve it" if newer.terms.self_approval else "somebody else approves it"
                    terminal.say(f"  {who}: {session.line('approve', newer.id)}")
                return 0
            if terminal.json:
                return 0
            terminal.say("no gate holds the action as it is now")
            return await _go_on(session, node, await node.gate(gate.id))

    return go(session.retrying(work))


_GATE = Argument("GATE", "a gate's id, or its beginning", fills="gate")

COMMANDS = (
    Command(
        "gates",
        "List the actions that are held, or show one of them whole",
        _gates,
        arguments=(Argument("GATE", "show this one whole: its id, or its beginning", optional=True, fills="gate"),),
        options=(
            Option("--run", "only gates of this run", value="RUN", fills="run"),
            Option("--closed", "those that were decided about, the newest first"),
            Option("--all", "open ones and closed ones"),
            Option("--limit", f"how many at most (default: {_MOST})", value="N", number=True),
            JSON,
        ),
        about=(
            "A policy holds an action at a gate until those whom it asks for have approved exactly that action. Shown "
            "whole are the action as it would be typed and its exact arguments, with characters that can't be seen "
            "written out; who asked for it; the policies that hold it; what is missing; and what happens when "
            "the gate expires. docs/approvals.md tells more.",
            "`too late` stands at a gate whose time has passed while no process had the home: `reach resume RUN` goes "
            "on with what follows. A gate ends in one of: "
            + ", ".join(get_args(GateOutcome))
            + ". With --json: {gates: […]}, each as "
            "`reach gates GATE --json` gives it: {id, outcome, reason, missing, kind, arguments, digest, requester, "
            "run, command, task, workflow, policy, policies, holding, quorum, groups, self_approval, otherwise, risk, "
            "editors, nonce, opened_at, expires_at, closed_at, verdicts}; `holding` is filled in for one gate only.",
        ),
        examples=(
            Example("reach gates", "what waits for a decision"),
            Example("reach gates fzpe7w5500", "one of them, whole"),
            Example("reach gates --run last --all", "every gate that the last run has had"),
        ),
    ),
    Command(
        "approve",
        "Let a held action happen: sign for exactly what is shown",
        _approve,
        arguments=(_GATE,),
        options=(
            Option("--reason", "why, for the record", value="TEXT"),
            Option("--answer", "what the form of an approval step is filled in with: JSON, @FILE, or -", value="JSON"),
            Option("--yes", "do not ask; needed without a terminal", short="-y"),
            Option("--risk-accepted", "the name of the task, for an action of high risk", value="NAME"),
            JSON,
        ),
        about=(
            "The signature is made with the key of the setting `keys.user` (REACH_KEYS_USER=NAME for one command), or "
            "of your login name, and covers the action, its arguments, the run, the policies and the gate: nothing "
            "else can be done with it, and one byte changed later keeps the action from happening. Where you have no "
            "key yet, or the node does not know it, you are asked first.",
            "Where no process has the home, the run is driven on here until it ends or stops again, and the exit code "
            "is that of `reach run`; else it goes on in that process. With --json: the gate, as `reach gates GATE "
            "--json` gives it.",
        ),
        examples=(
            Example("reach approve fzpe7w5500", "look at it, and say yes"),
            Example("reach approve fzpe7w5500 --yes --reason 'as agreed'", "in a script"),
        ),
    ),
    Command(
        "deny",
        "Refuse a held action; its task fails with your reason",
        _deny,
        arguments=(_GATE,),
        options=(Option("--reason", "why: whoever asked for it reads this", value="TEXT", required=True), JSON),
        about=("One denial closes the gate, whatever was approved before. Signed and told as `reach approve` does.",),
        examples=(Example("reach deny fzpe7w5500 --reason 'not on a Friday'", "with a reason"),),
    ),
    Command(
        "gate delegate",
        "Hand the decision about a held action over to another reviewer",
        _delegate,
        arguments=(_GATE,),
        options=(
            Option("--to", "the reviewer who is to decide, by name", value="NAME", required=True),
            Option("--reason", "why, for the record", value="TEXT"),
            JSON,
        ),
        about=(
            "Signed as an approval is. At this gate alone, whoever takes the decision decides for your groups, too; "
            "you have spoken by that, and decide about it no more. The action goes on waiting.",
        ),
        examples=(Example("reach gate delegate fzpe7w5500 --to lin", "let another decide"),),
    ),
    Command(
        "gate edit",
        "Change a held action; what it is now is decided about from the start",
        _edit,
        arguments=(_GATE,),
        options=(
            Option(
                "--arguments",
                "the file with the whole arguments as JSON, or - for standard input",
                value="FILE",
                required=True,
                fills="file",
            ),
            JSON,
        ),
        about=(
            "Its gate is superseded, and approvals given there do not count. The policies may hold the action as it is "
            "now at a new gate, allow it, or deny it. With --json: {superseded, gate}, gate being null when it is not "
            "held again.",
        ),
        examples=(
            Example("reach gates fzpe7w5500 --json | jq .arguments > action.json", "get what there is"),
            Example("reach gate edit fzpe7w5500 --arguments action.json", "hand in what you made of it"),
        ),
    ),
)
