"""`reach run` and `reach fork`: a new run, followed to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.declared import declared_in, is_scheduled, references
from reach_workbench.cli.following import finish
from reach_workbench.cli.giving import secrets_for, with_secrets
from reach_workbench.cli.history import EventFile
from reach_workbench.cli.reading import read_document, read_edits, read_json
from reach_workbench.cli.session import Session, go, interruptible
from reach_workbench.cli.source import Source, source_of
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import RunView, StartRun


def _run(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    limits = session.settings.limits
    text = read_document(given.file, limits)
    value = read_json(given.input, "--input", limits) if given.input is not None else None
    request = StartRun(
        source=text,
        file=Path(given.file),
        input=value,
        secrets=secrets_for(session, given.secret, lambda: declared_in(text, given.file, limits)),
        breakpoints=tuple(references(given.break_, text, given.file, limits)),
        hold=given.step,
        may=tuple(given.may) or None,
    )

    async def work(file: EventFile | None) -> int:
        with interruptible(session) as interruption:
            async with session.owning() as node:
                view = await node.start(request)
                _announce(terminal, given, view)
                if given.secret:
                    _name_strangers(terminal, request.secrets, declared_in(text, given.file, limits))
                if "schedule" in text and is_scheduled(text, given.file, limits):
                    _explain_schedule(terminal, given, session)
                source = Source(text, given.file, limits)
                code = await finish(session, node, view, source, interruption, file=file, quiet=given.quiet, after=0)
                if code == 1 and given.input is None and not terminal.json:
                    error = (await node.run(view.id)).error
                    if error is not None and error.get("instance") == "/input":
                        terminal.say("  hint: no input was given; give one with --input JSON, or --input @FILE")
                return code

    with ExitStack() as opened:
        return go(work(opened.enter_context(EventFile(given.events)) if given.events else None))


def _fork(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    limits = session.settings.limits
    text = read_document(given.workflow, limits) if given.workflow is not None else None
    edits = read_edits(given.set, limits)

    async def work(file: EventFile | None) -> int:
        with interruptible(session) as interruption:
            async with session.owning() as node:

                async def fork(secrets: dict[str, Json]) -> RunView:
                    return await node.fork(
                        given.run,
                        given.at,
                        edits=edits,
                        source=text,
                        file=Path(given.workflow) if given.workflow is not None else None,
                        secrets=secrets,
                        hold=given.hold,
                    )

                view = await with_secrets(session, node, given.run, given.secret, fork)
                _announce(terminal, given, view)
                source = Source(text, given.workflow, limits) if text is not None else None
                source = source or await source_of(node, view, limits)
                return await finish(
                    session, node, view, source, interruption, file=file, quiet=given.quiet, after=given.at
                )

    with ExitStack() as opened:
        return go(work(opened.enter_context(EventFile(given.events)) if given.events else None))


def _announce(terminal: Terminal, given: Given, view: RunView) -> None:
    if given.quiet or terminal.json:
        return
    past = f", forked from {view.forked_from} at event {view.forked_at}" if view.forked_from else ""
    terminal.say(Painted("▸ ", "cyan"), view.workflow, Painted(f"  run {view.id}{past}", "dim"))


def _name_strangers(terminal: Terminal, secrets: Mapping[str, Json], declared: Collection[str]) -> None:
    """Those given secrets that the document does not declare: it can't read them, so the name may be a slip."""
    if (strangers := [name for name in secrets if name not in declared]) and not terminal.json:
        names = "it declares " + ", ".join(declared) if declared else "it declares none"
        terminal.say(Painted("  warning: ", "yellow"), f"not under use.secrets: {', '.join(strangers)} ({names})")


def _explain_schedule(terminal: Terminal, given: Given, session: Session) -> None:
    """That the document's schedule has no part in this: what starts by itself is stored, and served."""
    if given.quiet or terminal.json:
        return
    add, serve = session.line("add", given.file), session.line("serve")
    terminal.say(Painted("  its schedule is not followed: it runs once, now. To let it start by itself: ", "dim"))
    terminal.say(f"    {add} && {serve}")


EVENTS = Option("--events", "write every event of the run to this file, a JSON line each", value="FILE", fills="file")
QUIET = Option("--quiet", "no progress, only the result", short="-q")
SECRET = Option(
    "--secret",
    "a secret; VALUE may be JSON or @FILE; else REACH_SECRET_NAME in the environment, or `reach secret set`, gives it",
    value="NAME=VALUE",
    many=True,
)

COMMANDS = (
    Command(
        "run",
        "Run a workflow and wait for its end",
        _run,
        arguments=(Argument("FILE", "the workflow, in YAML or JSON", fills="file"),),
        options=(
            Option("--input", "the workflow's input: JSON, @FILE, or - for standard input", value="JSON", short="-i"),
            JSON,
            EVENTS,
            SECRET,
            Option(
                "--may",
                "a capability: the run may do only what these say, such as http.call or shell.run:git",
                value="KIND[:RESOURCE]",
                many=True,
            ),
            Option("--step", "hold before the first task; `reach step` goes on"),
            Option("--break", "hold before this task, e.g. /do/1/greet", value="REF", many=True),
            QUIET,
        ),
        about=(
            "Progress goes to standard error, the output as JSON to standard output. With --json standard output "
            "has exactly one object {id, workflow, status, output, error, digest, events}, also when the run faults; "
            "`events` is their number. Each line of --events is {seq, type, at, task, data, digest}, `at` being "
            "ISO 8601 in UTC.",
            "Ctrl-C suspends the run, and so do SIGTERM and SIGHUP; `reach resume` goes on with it. A second Ctrl-C "
            "leaves at once: nothing that was committed is lost.",
            "With --may the run, and every run that it starts, has these capabilities and no others: KIND allows all "
            "commands of a kind, KIND:RESOURCE those on one resource (docs/policy.md lists both). Any other command is "
            "refused before a policy is asked, and its task faults with the capability that was missing.",
            "A workflow with `schedule` is run once, now. To let it start by itself, `reach add` it and `reach serve`.",
        ),
        examples=(
            Example("reach run workflows/release-notes.yaml", "with progress"),
            Example('reach run hello.yaml --input \'{"name": "Ada"}\'', "with an input"),
            Example("reach run hello.yaml --input @input.json --json | jq .output", "for scripts"),
            Example("reach run deploy.yaml --secret token=@token.txt", "with a secret from a file"),
            Example("reach run fetch.yaml --may http.call:api.shop.example", "that host and nothing else"),
            Example("reach run hello.yaml --break /do/1/greet", "until that task"),
        ),
    ),
    Command(
        "fork",
        "Start a new run with the past of another",
        _fork,
        arguments=(Argument("RUN", "the run whose first events are shared", fills="run"),),
        options=(
            Option("--at", "the last event that is shared", value="SEQ", number=True, required=True),
            Option(
                "--set",
                "change the data or the context there; pointers start with /data or /context",
                value="POINTER=JSON",
                many=True,
            ),
            Option("--workflow", "go on with this document instead", value="FILE", fills="file"),
            Option("--hold", "hold at once; `reach step` goes on"),
            JSON,
            EVENTS,
            SECRET,
            QUIET,
        ),
        about=(
            "What was recorded up to --at is kept and not done again; everything later is new. A changed workflow "
            "must lead to the very same past, or the fork is refused. Output and exit codes are those of `reach run`.",
        ),
        examples=(
            Example("reach fork last --at 12", "the same again, from event 12"),
            Example("reach fork 01m84xtmxw --at 12 --set /data/amount=0", "with other data"),
            Example("reach fork last --at 12 --workflow fixed.yaml", "with a corrected workflow"),
        ),
    ),
)
