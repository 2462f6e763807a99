"""`reach runs`, `show`, `events`, `state` and `diff`: looking at runs, while another process may drive them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import orjson

from reach_workbench.cli.archives import run_or_archive
from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.gatepage import held_in, is_over
from reach_workbench.cli.history import event_line, event_object
from reach_workbench.cli.pending import waits
from reach_workbench.cli.runpage import run_object, show_page, show_table
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.source import source_of
from reach_workbench.cli.standing import doubtful
from reach_workbench.cli.statepage import change_lines, change_object, show_state, state_object
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.clock import SystemClock
from reach_workbench.errors import UsageError
from reach_workbench.protocol.lifecycle import Lifecycle
from reach_workbench.protocol.node_views import StateView, Status

if TYPE_CHECKING:
    from reach_workbench.protocol.gates import GateView

_ENDED = ("completed", "faulted", "cancelled")
_GOING = ("pending", "running", "waiting")


def _runs(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    limit = 50 if given.limit is None else given.limit
    if limit < 1:
        raise UsageError("--limit must be at least 1")

    async def work() -> int:
        async with session.reading() as node:
            views = await node.runs(status=given.status, limit=limit, before=given.before)
        if terminal.json:
            terminal.print_json({"runs": [run_object(view) for view in views]})
        elif not views:
            which = f" {given.status} run" if given.status else " run"
            terminal.say(
                f"there is no{which} in {session.settings.home}; start one with: {session.line('run', 'FILE')}"
            )
        else:
            show_table(terminal, views, SystemClock().now())
            if any(view.status in _GOING for view in views) and not session.is_driven:
                terminal.say(f"no process drives runs here: nothing goes on until {session.line('resume', '--all')}")
        return 0

    return go(work())


def _show(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> int:
        async with session.reading() as node:
            view = await node.run(given.run)
            if view.status in _ENDED:
                state = None
            else:  # a run that goes on notes in its row only now and then where it is
                state = await node.state(view.id)
                view = replace(view, position=state.position)
            if terminal.json:
                terminal.print_json(run_object(view))
                return 0
            lines: list[str] = []
            place = None
            people = False
            if state is not None:
                gates = await held_in(node, view.id)
                lines = list(waits(state, session.line, await doubtful(node, state), gates))
                people = _waits_for_people(state, gates)
                source = await source_of(node, view, session.settings.limits) if view.position else None
                place = source.line(view.position) if source is not None else None
            show_page(terminal, view, str(place) if place is not None else None, lines)
            if view.status in ("held", "suspended"):
                terminal.say(f"go on with: {session.line('resume', view.id)}")
            elif view.status in _GOING and not session.is_driven and not people:
                terminal.say(f"no process drives it; go on with: {session.line('resume', view.id)}")
        return 0

    return go(work())


def _waits_for_people(state: StateView, gates: Sequence[GateView]) -> bool:
    """Whether nothing but verdicts lets the run go on: `reach approve` then drives it, and `reach resume` is no use."""
    now = SystemClock().now()
    waits_for_nothing_else = all(each.kind == "gate" for each in state.pending)
    return bool(gates) and waits_for_nothing_else and not any(is_over(gate, now) for gate in gates)


def _events(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    after = given.after or 0
    first = 0 if given.cloudevents else after  # what a lifecycle event says may depend on earlier ones

    async def work() -> int:
        async with (
            session.reading() as node,
            aclosing(node.events(given.run, after=first, follow=given.follow)) as events,  # type: ignore[type-var]
        ):
            lifecycle = Lifecycle(await node.run(given.run)) if given.cloudevents else None
            async for event in events:
                if lifecycle is not None:
                    for told in lifecycle.tell(event):
                        if event.seq > after:
                            terminal.show(orjson.dumps(told).decode())
                elif terminal.json:
                    terminal.show(orjson.dumps(event_object(event)).decode())
                else:
                    terminal.show(*event_line(event))
                if terminal.closed:
                    break
        return 0

    return go(work())


def _state(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> int:
        async with run_or_archive(session, given.run) as (node, name, is_archive):
            state = await node.state(name, given.at)
            if terminal.json:
                terminal.print_json(state_object(state))
                return 0
            place, issued, gates = None, {}, []
            if not is_archive:
                issued = await doubtful(node, state)
                gates = await held_in(node, state.run) if given.at is None else []
                source = await source_of(node, await node.run(name), session.settings.limits)
                place = source.line(state.position) if source is not None else None
            show_state(terminal, state, str(place) if place is not None else None, session.line, issued, gates)
        return 0

    return go(work())


def _diff(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    before, after = (_number(word) for word in (given.a, given.b))

    async def work() -> int:
        async with run_or_archive(session, given.run) as (node, name, _):
            changes = await node.diff(name, before, after)
            if terminal.json:
                terminal.print_json({"changes": [change_object(change) for change in changes]})
            elif not changes:
                terminal.say(f"nothing changed between event {before} and event {after}")
            else:
                for line, style in change_lines(changes):
                    terminal.show(Painted(line, style))
        return 0

    return go(work())


def _number(word: str) -> int:
    if not word.isdecimal():
        raise UsageError(f"{word!r} is no event's number", hint="`reach events RUN` shows them; 0 is before the first")
    return int(word)


_RUN = Argument("RUN", "the id of a run, the beginning of one, or `last`", fills="run")
_ARCHIVE = Argument("RUN", "a run, or the file of an exported one", fills="run")

COMMANDS = (
    Command(
        "runs",
        "List runs, the newest first",
        _runs,
        options=(
            Option("--status", "only runs of this status", value="STATUS", choices=get_args(Status)),
            Option("--limit", "how many at most (default: 50)", value="N", number=True),
            Option("--before", "only runs that were started before this one", value="RUN", fills="run"),
            JSON,
        ),
        about=("With --json: {runs: […]}, each as `reach show --json` gives it.",),
        examples=(
            Example("reach runs", "the last fifty"),
            Example("reach runs --status waiting", "what waits for an event, a time or a decision"),
        ),
    ),
    Command(
        "show",
        "Show one run: status, position, what it waits for, output",
        _show,
        arguments=(_RUN,),
        options=(JSON,),
        about=(
            "With --json: {id, workflow, status, output, error, digest, events, created_at, ended_at, file, position, "
            "waiting, in_doubt, gates, breakpoints, parent, forked_from, forked_at}.",
        ),
        examples=(Example("reach show last", "the run that was started last"),),
    ),
    Command(
        "events",
        "Show what a run recorded, event by event",
        _events,
        arguments=(_RUN,),
        options=(
            Option("--follow", "stay until the run has ended", short="-f"),
            Option("--after", "only events with a greater number", value="SEQ", number=True),
            Option("--json", "a JSON line an event: {seq, type, at, task, data, digest}"),
            Option("--cloudevents", "the specification's lifecycle CloudEvents instead, a JSON line each"),
        ),
        examples=(
            Example("reach events last --follow", "watch a run of another process"),
            Example("reach events last --json | jq -r 'select(.type == \"task.faulted\") | .task'", "what failed"),
        ),
    ),
    Command(
        "state",
        "Show a run as it was after any of its events",
        _state,
        arguments=(_ARCHIVE,),
        options=(Option("--at", "the event (default: the last)", value="SEQ", number=True), JSON),
        about=(
            "Position, the tasks being executed with their variables, input, context and data. With --json: {run, seq, "
            "status, position, stack, input, context, data, output, error, pending}.",
        ),
        examples=(
            Example("reach state last", "now"),
            Example("reach state last --at 12 --json | jq .context", "the context after event 12"),
            Example("reach state run.reach --at 12", "of an archive"),
        ),
    ),
    Command(
        "diff",
        "Show what changed between two events of a run",
        _diff,
        arguments=(
            _ARCHIVE,
            Argument("A", "the number of an event, 0 for before the first"),
            Argument("B", "the number of another event"),
        ),
        options=(JSON,),
        about=(
            "A line for each difference: + added, - removed, ~ changed, with the JSON pointer into the state. With "
            "--json: {changes: [{pointer, kind, before, after}]}.",
        ),
        examples=(Example("reach diff last 3 12", "what events 4 to 12 changed"),),
    ),
)
