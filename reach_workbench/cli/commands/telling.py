"""`reach publish` and `reach resolve`: telling waiting runs what they wait for."""

from __future__ import annotations

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.outcome import result
from reach_workbench.cli.reading import read_json
from reach_workbench.cli.session import Session, drives, go
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.cli.unheard import explained
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, NobodyWaits, UsageError
from reach_workbench.protocol.node_views import Decision


def _publish(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    event = _event(session, given)

    async def work() -> int:
        async with session.asking() as node:
            try:
                published = await node.publish(event)
            except NobodyWaits as wrong:
                raise await explained(session, node, event, wrong) from None
            driven = not drives(node)
        if terminal.json:
            told: dict[str, Json] = {"event": published.event, "consumed_by": list(published.consumed_by)}
            terminal.print_json({**told, "queued": published.queued, "kept_for": list(published.kept_for)})
            return 0
        terminal.say("published ", Painted(str(published.event["type"]), "bold"), f", id {published.event['id']}")
        if published.queued:
            terminal.say("  a schedule took it, and waits for the other events that it starts by")
        if published.kept_for:
            names = ", ".join(published.kept_for)
            many = len(published.kept_for) > 1
            say = f"{len(published.kept_for)} stored workflows hear" if many else "1 stored workflow hears"
            terminal.say(f"  kept: {say} it when a node serves: {names}")
            terminal.say(f"    serve with: {session.line('serve')}")
        for run in published.consumed_by:
            terminal.say(f"  consumed by run {run}")
            if not driven:
                terminal.say(f"    no process drives it; go on with: {session.line('resume', run)}")
        return 0

    return go(session.retrying(work))


def _event(session: Session, given: Given) -> dict[str, Json]:
    limits = session.settings.limits
    event: dict[str, Json] = {}
    if given.event is not None:
        value = read_json(given.event, "the event", limits)
        if not isinstance(value, dict):
            raise BadInput("a CloudEvent is a JSON object", hint='for example \'{"type": "com.example.approved"}\'')
        event = value
    elif given.type is None:
        raise UsageError("an event needs a type", hint="give EVENT as JSON, or --type with --data")
    for name in ("type", "source", "subject"):
        if getattr(given, name) is not None:
            event[name] = getattr(given, name)
    if given.data is not None:
        event["data"] = read_json(given.data, "--data", limits)
    return event


def _resolve(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    if not given.command.isdecimal():
        raise UsageError(f"{given.command!r} is no effect's number", hint=f"`{session.line('show', given.run)}` has it")
    decision, value = _decision(session, given)

    async def work() -> int:
        async with session.asking() as node:
            view = await node.resolve(given.run, int(given.command), decision, value=value)
            driven = not drives(node)
        if terminal.json:
            terminal.print_json(result(view))
            return 0
        words = {"repeat": "is repeated", "result": "took the given result", "fail": "failed"}[decision]
        terminal.say(f"effect {given.command} of run {view.id} {words}; the run is {view.status}")
        if not driven and view.status not in ("completed", "faulted", "cancelled"):
            terminal.say(f"  go on with: {session.line('resume', view.id)}")
        return 0

    return go(session.retrying(work))


def _decision(session: Session, given: Given) -> tuple[Decision, Json]:
    ways = given.repeat + (given.result is not None) + (given.fail is not None)
    if ways > 1:
        raise UsageError(
            "an effect is decided one way", hint="give only one of --repeat, --result JSON and --fail MESSAGE"
        )
    if not ways:
        raise UsageError("say what became of the effect", hint="give one of --repeat, --result JSON and --fail MESSAGE")
    if given.repeat:
        return "repeat", None
    if given.fail is not None:
        return "fail", given.fail
    return "result", read_json(given.result, "--result", session.settings.limits)


COMMANDS = (
    Command(
        "publish",
        "Send a CloudEvent to the runs that wait for it",
        _publish,
        arguments=(Argument("EVENT", "the event: JSON, @FILE, or - for standard input", optional=True),),
        options=(
            Option("--type", "the event's type", value="TYPE"),
            Option("--data", "its data: JSON, @FILE, or -", value="JSON"),
            Option("--source", "its source (default: /reach/publish)", value="URI"),
            Option("--subject", "its subject", value="TEXT"),
            JSON,
        ),
        about=(
            "`id`, `source`, `time` and `specversion` are filled in when they are missing. Exit code 1 when no run "
            "and no schedule waits for such an event. With --json: {event, consumed_by: [run, …], queued, kept_for: "
            "[workflow, …]}; queued: a schedule keeps it until the other events have come; kept_for: stored workflows "
            "that hear it when a node serves, where none does.",
        ),
        examples=(
            Example('reach publish --type com.example.approved --data \'{"by": "Ada"}\'', "from its parts"),
            Example("reach publish @event.json", "from a file"),
        ),
    ),
    Command(
        "resolve",
        "Decide an effect of which nobody knows whether it happened",
        _resolve,
        arguments=(
            Argument("RUN", "the run", fills="open-run"),
            Argument("COMMAND", "the effect's number, as `reach show RUN` gives it"),
        ),
        options=(
            Option("--repeat", "it did not happen, or may happen again: do it again"),
            Option(
                "--result",
                "it happened, and this is what came back (a shell's output is a string): JSON, @FILE, or -",
                value="JSON",
            ),
            Option("--fail", "it failed, with this message", value="MESSAGE"),
            JSON,
        ),
        about=(
            "A process that ends between the start of an effect and its outcome leaves the effect in doubt, unless "
            "repeating it is safe. It is never repeated silently: a person decides.",
        ),
        examples=(
            Example("reach resolve last 22 --repeat", "do it again"),
            Example("reach resolve last 22 --result '{\"id\": 7}'", "it happened"),
            Example("reach resolve last 22 --fail 'the payment bounced'", "let the workflow handle it"),
        ),
    ),
)
