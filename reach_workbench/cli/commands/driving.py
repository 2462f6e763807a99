"""`reach step`, `resume`, `suspend` and `cancel`: a run that exists is driven on, or stopped."""

from __future__ import annotations

from contextlib import ExitStack
from typing import get_args

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.commands.running import EVENTS, QUIET, SECRET
from reach_workbench.cli.following import finish
from reach_workbench.cli.giving import with_secrets
from reach_workbench.cli.history import EventFile
from reach_workbench.cli.outcome import exit_code, result, show_result
from reach_workbench.cli.resuming import resume_all
from reach_workbench.cli.runpage import run_object
from reach_workbench.cli.session import Session, asks, go, interruptible
from reach_workbench.cli.source import source_of
from reach_workbench.cli.standing import stand
from reach_workbench.cli.statepage import change_lines, change_object
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.engine.values import Json
from reach_workbench.errors import UsageError
from reach_workbench.protocol.node_views import RunView, StepMode

_SHOWN = ("/data", "/context", "/output", "/error")
"""The parts of a state whose changes a step shows."""


def _step(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    modes = [mode for mode in get_args(StepMode) if getattr(given, mode)]
    if len(modes) + (given.until is not None) > 1:
        raise UsageError("a step goes one way", hint="give one of --into, --over, --out and --until")

    async def work() -> int:
        async with session.asking() as node:
            before = await node.run(given.run)

            async def step(secrets: dict[str, Json]) -> RunView:
                return await node.step(before.id, modes[0] if modes else "over", until=given.until, secrets=secrets)

            view = await with_secrets(session, node, before.id, given.secret, step)
            changes = [
                change for change in await node.diff(view.id, before.seq, view.seq) if change.pointer.startswith(_SHOWN)
            ]
            source = await source_of(node, view, session.settings.limits)
            ended = view.status in ("completed", "faulted", "cancelled")
            if terminal.json:
                line = source.line(view.position) if source is not None and not ended else None
                shown: dict[str, Json] = {**run_object(view), "line": line.number if line is not None else None}
                terminal.print_json({**shown, "changes": [change_object(change) for change in changes]})
            else:
                terminal.say(f"events {before.seq + 1} to {view.seq}" if view.seq > before.seq else "no new event")
                for text, style in change_lines(changes):
                    terminal.say("  ", Painted(text, style))
                if ended:
                    show_result(session, view, source)
                else:
                    terminal.say(Painted(view.status, "cyan"), f": run {view.id}")
                    await stand(session, node, view, source)
            return 0 if view.status == "held" else exit_code(view)

    return go(session.retrying(work))


def _resume(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    if given.all == (given.run is not None):
        raise UsageError("name a run, or give --all", hint=f"for example {session.line('resume', 'last')}")
    if given.all:
        return go(resume_all(session))

    async def work(file: EventFile | None) -> int:
        with interruptible(session) as interruption:
            async with session.asking() as node:
                before = await node.run(given.run)
                breakpoints = tuple(given.break_) if given.break_ else None

                async def resume(secrets: dict[str, Json]) -> RunView:
                    return await node.resume(before.id, breakpoints=breakpoints, secrets=secrets)

                view = await with_secrets(session, node, before.id, given.secret, resume)
                if asks(node):
                    return await _elsewhere(session, view.id)
                if not given.quiet and not terminal.json:
                    terminal.say(Painted("▸ ", "cyan"), view.workflow, Painted(f"  run {view.id}, goes on", "dim"))
                source = await source_of(node, view, session.settings.limits)
                return await finish(
                    session, node, view, source, interruption, file=file, quiet=given.quiet, after=before.seq
                )

    with ExitStack() as opened:
        file = opened.enter_context(EventFile(given.events)) if given.events else None
        return go(session.retrying(lambda: work(file)))


async def _elsewhere(session: Session, run: str) -> int:
    """Another process drives the run on: say so, and where to look."""
    async with session.reading() as node:
        view = await node.run(run)
    if session.terminal.json:
        session.terminal.print_json(result(view))
    else:
        session.terminal.say(f"run {run} goes on in the process that has this home: {view.status}")
        session.terminal.say(f"  watch it with: {session.line('events', run, '--follow')}")
    return 0


def _suspend(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> int:
        async with session.asking() as node:
            view = await node.suspend(given.run, given.reason)
        if terminal.json:
            terminal.print_json(run_object(view))
        else:
            terminal.say(f"run {view.id} is {view.status}")
            terminal.say(f"  go on with: {session.line('resume', view.id)}")
        return 0

    return go(session.retrying(work))


def _cancel(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> int:
        async with session.asking() as node:
            view = await node.cancel(given.run, given.reason)
        if terminal.json:
            terminal.print_json(run_object(view))
        else:
            terminal.say(f"run {view.id} is {view.status}")
        return 0

    return go(session.retrying(work))


_OPEN = Argument("RUN", "the id of a run, the beginning of one, or `last`", fills="open-run")
_REASON = Option("--reason", "why, for the record", value="TEXT")

COMMANDS = (
    Command(
        "step",
        "Take one step of a held run",
        _step,
        arguments=(Argument("RUN", "a run that is held", fills="held-run"),),
        options=(
            Option("--over", "to the next task of the same list or an outer one (the default)"),
            Option("--into", "to the very next task, inside the present one too"),
            Option("--out", "to the first task after the present list"),
            Option("--until", "on to this task, e.g. /do/1/greet", value="REF"),
            JSON,
            SECRET,
        ),
        about=(
            "Shows what the step changed, then the task before which the run is held again, with its line and the "
            "data. `reach run FILE --step` holds a new run before its first task. With --json: what `reach show "
            "--json` gives, and `line` and `changes`.",
        ),
        examples=(
            Example("reach step last", "one step"),
            Example("reach step last --into", "into a loop or a fork"),
            Example("reach step last --until /do/3/report", "on to a task"),
        ),
    ),
    Command(
        "resume",
        "Go on with a run that is held or suspended, or was cut off",
        _resume,
        arguments=(Argument("RUN", "the run", optional=True, fills="open-run"),),
        options=(
            Option("--all", "all runs that are suspended or were cut off, at the same time"),
            Option("--break", "hold before this task, instead of where it was told before", value="REF", many=True),
            JSON,
            EVENTS,
            SECRET,
            QUIET,
        ),
        about=(
            "Output, exit codes and Ctrl-C are those of `reach run`. With --all and --json: {runs: […]}, and the exit "
            "code is 0 unless a run faulted (1) or has not ended (4).",
        ),
        examples=(
            Example("reach resume last", "go on to the end"),
            Example("reach resume last --break /do/3/report", "or to that task"),
            Example("reach resume --all", "after a crash or a restart"),
        ),
    ),
    Command(
        "suspend",
        "Stop a run so that it can go on later",
        _suspend,
        arguments=(_OPEN,),
        options=(_REASON, JSON),
        examples=(Example("reach suspend last --reason 'waiting for the new key'", "stop it for now"),),
    ),
    Command(
        "cancel",
        "End a run for good",
        _cancel,
        arguments=(_OPEN,),
        options=(_REASON, JSON),
        examples=(Example("reach cancel last", "end it"),),
    ),
)
