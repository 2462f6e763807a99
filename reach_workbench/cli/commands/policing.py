"""`reach policy explain` and `reach policy try`: why something was decided, and what other policies would change."""

from __future__ import annotations

from typing import Final

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.rulingpage import report, ruling, shortened, summary
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.cli.when import moment
from reach_workbench.clock import SystemClock
from reach_workbench.errors import UsageError
from reach_workbench.protocol import wire
from reach_workbench.protocol.policies import GROUPS_MOST, CommandRuling, TryPolicies, TryReport

_LISTED: Final = 50


def _explain(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    if given.command is not None and not (given.command.isdecimal() and len(given.command) < 16):
        raise UsageError(
            f"{given.command!r} is no command's number", hint="it is that of its event: `reach policy explain RUN`"
        )
    number = int(given.command) if given.command is not None else None

    async def work() -> list[CommandRuling]:
        async with session.reading() as node:
            return list(await node.explain_policy(given.run, number))

    found = go(work())
    if terminal.json:
        terminal.print_json({"commands": [wire.tree(each) for each in found]})
        return 0
    for each in found:
        for line in ruling(each, whole=number is not None):
            terminal.show(*line)
    cut = [each for each in found if number is None and shortened(each.request.context) != each.request.context]
    if cut:
        whole = session.line("policy", "explain", cut[0].run, str(cut[0].command))
        terminal.say(f"long texts are cut; one command whole: {whole}")
    if not found:
        terminal.say("the run has asked nothing of the world, so no policy was asked")
    return 0


def _try(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli.policyfiles import named

    session = Session(terminal, given)
    limit = _LISTED if given.limit is None else given.limit
    if limit > GROUPS_MOST:
        raise UsageError(f"--limit is {GROUPS_MOST:,} at most")
    now = SystemClock().now()
    asked = TryPolicies(
        named(given.file, session.settings.limits),
        basis="now" if given.now else "recorded",
        since=moment(given.since, "--since", now),
        until=moment(given.until, "--until", now),
        limit=limit,
    )

    def progress(done: int, total: int) -> None:
        terminal.hint_at(f"  … {done:,} of {total:,} events")

    async def work() -> TryReport:
        async with session.reading() as node:
            return await node.try_policies(asked, progress=progress)

    found = go(work())
    terminal.done()
    if terminal.json:
        terminal.print_json(wire.tree(found))
    else:
        for line in report(found):
            terminal.show(*line)
        terminal.say(Painted(summary(found), "yellow" if found.changed else "green"))
        if found.unreadable:
            terminal.say(f"not whole on record: run {', '.join(found.unreadable)}; `reach verify` names the event")
    return 1 if found.changed else 0


COMMANDS = (
    Command(
        "policy explain",
        "Show what was decided about the commands of a run, why, and what would change it",
        _explain,
        arguments=(
            Argument("RUN", "the run", fills="run"),
            Argument("COMMAND", "only the command of this event, as `reach events` numbers it", optional=True),
        ),
        options=(JSON,),
        about=(
            "For each command: every decision on record with its event and the digest of the policies in force, the "
            "policies that decided with their texts and reasons, what became of its gates, what the policies would say "
            "without each that decided, what lifts a gate, what those in force now say, and the request as policies "
            "see it. With --json: {commands: [{run, command, at, kind, task, arguments, request, decisions, gates, "
            "then, now}]}; `then` is null when no policy was asked, or when their texts are not kept.",
        ),
        examples=(
            Example("reach policy explain last", "every command of the last run"),
            Example("reach policy explain last 12 --json | jq '.commands[0].now.without'", "what would change it"),
        ),
    ),
    Command(
        "policy try",
        "Judge every recorded action by other policies, and list the verdicts that would change",
        _try,
        arguments=(Argument("FILE", "the policies, in the place of the tenant's own", many=True, fills="file"),),
        options=(
            Option("--now", "compare with what the policies in force say now, not with what was recorded"),
            Option("--since", "only actions from then on: 2h, 7d, 2026-03-01, 2026-03-01T12:00:00Z", value="TIME"),
            Option("--until", "only actions up to then", value="TIME"),
            Option("--limit", f"how many groups of changes at most (default: {_LISTED})", value="N", number=True),
            JSON,
        ),
        about=(
            "The actions are the commands of all runs of this home, edited ones as they were edited too; nothing is "
            "performed. Workspaces keep their policies. Rate gates count what was done in its time. Changes are in "
            "groups of the same verdicts, action, resource and policies, each with the first as an example, the RUN "
            "and COMMAND for `reach policy explain`. An action without a decision on record is compared with what the "
            "policies in force say.",
            "Exit code 0 when nothing would change, 1 when something would, 2 when the policies have errors. Ctrl-C "
            "leaves. With --json: {digest, basis, runs, actions, undecided, changed, groups, changes, warnings, "
            "unreadable, seconds}; each of `changes` is {before, after, action, resource_type, resource, by, was_by, "
            "count, run, command, reason}.",
        ),
        examples=(
            Example("reach policy try new.cedar", "what would it have changed?"),
            Example("reach policy try new.cedar --now --since 7d", "beside what is in force, for a week's actions"),
            Example("reach policy try new.cedar --json | jq '.changes[] | select(.after == \"deny\")'", "for a check"),
        ),
    ),
)
