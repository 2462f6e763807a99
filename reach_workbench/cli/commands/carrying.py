"""`reach export` and `reach import`: a run as a file that goes anywhere."""

from __future__ import annotations

from pathlib import Path

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.runpage import run_object
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Terminal
from reach_workbench.errors import NotFound, UsageError
from reach_workbench.protocol.node_views import RunView


def _export(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    file = Path(given.output)
    if file.is_dir():
        raise UsageError(f"{file} is a folder", hint=f"name a file, for example -o {file / 'run.reach'}")
    if not file.parent.is_dir():
        raise NotFound(f"there is no folder {file.parent}", hint="make it first, or name another with -o")

    async def work() -> RunView:
        async with session.exporting() as node:
            view = await node.run(given.run)
            await node.export(view.id, file)
            return view

    view = go(work())
    if terminal.json:
        terminal.print_json({"run": view.id, "file": str(file), "events": view.seq, "digest": view.digest})
    else:
        terminal.say(f"exported run {view.id}, {view.seq:,} events, to {file}")
        terminal.say(f"  anyone can prove it: reach verify {file}")
    return 0


def _import(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    file = Path(given.file)
    if file.is_dir():
        raise UsageError(f"{file} is a folder", hint="name an archive that `reach export` made")
    if not file.exists():
        raise NotFound(f"there is no file {file}", hint="check the name")

    async def work() -> RunView:
        async with session.owning() as node:
            return await node.import_(file)

    view = go(work())
    if terminal.json:
        terminal.print_json(run_object(view))
    else:
        terminal.say(f"imported run {view.id} of {view.workflow}: {view.status}, {view.seq:,} events, verified")
        terminal.say(f"  look at it with: {session.line('show', view.id)}")
    return 0


COMMANDS = (
    Command(
        "export",
        "Write a run to a file that can be verified anywhere",
        _export,
        arguments=(Argument("RUN", "the run", fills="run"),),
        options=(Option("--output", "the file", value="FILE", short="-o", required=True, fills="file"), JSON),
        about=(
            "The archive holds the workflow and every event with its digest. `verify`, `state` and `diff` read it "
            "without a home. Secrets are never in it: what is recorded has placeholders in their place.",
        ),
        examples=(Example("reach export last -o run.reach", "then: reach verify run.reach"),),
    ),
    Command(
        "import",
        "Verify an exported run and store it in this home",
        _import,
        arguments=(Argument("FILE", "an archive that `reach export` wrote", fills="file"),),
        options=(JSON,),
        examples=(Example("reach import run.reach", "then: reach show RUN, reach fork RUN --at SEQ"),),
    ),
)
