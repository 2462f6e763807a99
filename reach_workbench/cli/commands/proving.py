"""`reach verify`: replay a run from what was recorded, and compare."""

from __future__ import annotations

from dataclasses import asdict

from reach_workbench.cli.archives import run_or_archive
from reach_workbench.cli.command import JSON, Argument, Command, Example, Given
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Terminal, json_text
from reach_workbench.protocol.node_views import Verification

_LONGEST = 4000


def _verify(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    def progress(done: int, total: int) -> None:
        terminal.hint_at(f"  … {done:,} of {total:,} events")

    async def work() -> Verification:
        async with run_or_archive(session, given.run) as (node, name, _):
            return await node.verify(name, progress=progress)

    found = go(work())
    terminal.done()
    if terminal.json:
        terminal.print_json(asdict(found))
    else:
        _show(terminal, found)
    return 0 if found.ok else 1


def _show(terminal: Terminal, found: Verification) -> None:
    if found.ok:
        terminal.show(
            Painted("verified", "green"), f": run {found.run}, {found.events:,} events in {found.seconds:.2f} s"
        )
        terminal.show(f"  digest {found.digest}")
        return
    terminal.show(Painted(str(found.problem), "red"), f": run {found.run}: {found.message}")
    terminal.show(f"  event     {found.seq}")
    if found.task:
        terminal.show(f"  task      {found.task}")
    for name, value in (("recorded", found.recorded), ("replayed", found.replayed)):
        text = json_text(value)
        terminal.show(f"  {name}  {text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}")
    terminal.show(f"  the {found.events:,} events before it are as they were recorded")


COMMANDS = (
    Command(
        "verify",
        "Prove a run: replay it from the recorded facts and compare every event",
        _verify,
        arguments=(Argument("RUN", "a run, or the file of an exported one", fills="run"),),
        options=(JSON,),
        about=(
            "When something differs, the first such event is named, with its task and both values, and the exit code "
            "is 1: `damaged` when the record was altered, `diverged` when replaying leads elsewhere. With --json: "
            "{run, ok, events, digest, seconds, problem, seq, task, recorded, replayed, message}.",
        ),
        examples=(
            Example("reach verify last", "a run of this home"),
            Example("reach verify run.reach", "an archive; no home is needed"),
        ),
    ),
)
