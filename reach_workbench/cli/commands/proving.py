"""`reach verify`: replay a run from what was recorded, and compare; prove a capsule."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reach_workbench.cli.archives import is_file, missing_file
from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Style, Terminal, json_text
from reach_workbench.errors import NotFound, ReachError, UsageError
from reach_workbench.protocol.node_views import Progress, Verification

if TYPE_CHECKING:
    from reach_workbench.node.acquaintances import Known

_LONGEST = 4000


def _verify(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    keys = [_key(each) for each in given.key or ()]

    def progress(done: int, total: int) -> None:
        terminal.hint_at(f"  … {done:,} of {total:,} events")

    async def work() -> Verification:
        if is_file(given.run):
            return await _of_file(session, Path(given.run), keys, progress)
        try:
            async with session.reading() as node:
                found = await node.verify(given.run, progress=progress)
        except NotFound as missing:
            if not Path(given.run).is_file():
                raise missing_file(given.run) or missing from None
            return await _of_file(session, Path(given.run), keys, progress)
        if keys:
            raise UsageError("--key is for capsules: a run of a home is not signed", hint="export it first")
        return found

    found = go(work())
    terminal.done()
    if terminal.json:
        terminal.print_json(asdict(found))
    else:
        _steps(terminal, found)
        _show(terminal, found)
    return 0 if found.ok else 1


async def _of_file(session: Session, file: Path, keys: list[bytes], progress: Progress) -> Verification:
    """Needs neither a home nor a network; a home that is there tells whose keys it knows."""
    from reach_workbench.clock import SystemClock
    from reach_workbench.engineclient import ChildEvaluator
    from reach_workbench.node import archive

    clock = SystemClock()
    evaluator = ChildEvaluator(session.settings.limits, clock=clock)
    try:
        known, limits = await _known(session), session.settings.limits
        return archive.verify(file, evaluator, clock, progress, keys=keys, known=known, limits=limits)
    finally:
        evaluator.close()


async def _known(session: Session) -> Known:
    from reach_workbench.node.acquaintances import acquaintances, nobody
    from reach_workbench.storage.home import DATABASE

    if not (session.settings.home / DATABASE).exists():
        return nobody
    try:
        async with session.reading() as node:
            return acquaintances(node.store, session.settings)
    except ReachError:  # a home that can't be read is no reason not to verify
        return nobody


def _key(text: str) -> bytes:
    from reach_workbench.keys.ed25519 import is_public_key

    try:
        public = b64decode(text, validate=True)
    except ValueError:
        public = b""
    if not is_public_key(public):
        raise UsageError(f"{text!r} is no public key", hint="32 bytes in base64, as `reach export` prints them")
    return public


_MARKS: Final[dict[str, tuple[str, Style]]] = {
    "held": ("✓", "green"),
    "failed": ("✗", "red"),
    "noted": ("!", "yellow"),
    "unchecked": ("·", "dim"),
}


def _steps(terminal: Terminal, found: Verification) -> None:
    width = max((len(step.name) for step in found.steps), default=0)
    for step in found.steps:
        mark, colour = _MARKS[step.status]
        terminal.show("  ", Painted(mark, colour), f" {step.name:{width}}  {step.message}")


def _show(terminal: Terminal, found: Verification) -> None:
    if found.ok:
        terminal.show(
            Painted("verified", "green"), f": run {found.run}, {found.events:,} events in {found.seconds:.2f} s"
        )
        terminal.show(f"  digest {found.digest}")
        return
    terminal.show(Painted(str(found.problem), "red"), f": run {found.run}: {found.message}")
    if found.seq is None:
        return
    terminal.show(f"  event     {found.seq}")
    if found.task:
        terminal.show(f"  task      {found.task}")
    if found.recorded is None and found.replayed is None:
        return
    for name, value in (("recorded", found.recorded), ("replayed", found.replayed)):
        text = json_text(value)
        terminal.show(f"  {name}  {text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}")
    terminal.show(f"  the {found.events:,} events before it are as they were recorded")


COMMANDS = (
    Command(
        "verify",
        "Prove a run, or the capsule of one: replay it from the recorded facts and compare every event",
        _verify,
        arguments=(Argument("RUN", "a run, or the file of an exported one", fills="run"),),
        options=(
            Option("--key", "a public key in base64, of whom must have signed the capsule", value="KEY", many=True),
            JSON,
        ),
        about=(
            "When something differs, the first such event is named, with its task and both values, and the exit code "
            "is 1: `damaged` when the record was altered, `diverged` when replaying leads elsewhere. With --json: "
            "{run, ok, events, digest, seconds, problem, seq, task, recorded, replayed, message, signer, steps}.",
            "Of a capsule more is checked, and each step told: its form, the signature, every member's digest, the "
            "workflow, the audit log's records and the checkpoint over them, the events, their replay, that every "
            "effect was decided about, that reviewers signed for exactly what they let go on, and that the log's "
            "digests are the events'. It needs no home and no network. `unproved` is a capsule whose events hold and "
            "whose evidence does not. With --key it must be signed by one of these keys; without, a signer whom this "
            "home does not know is said.",
        ),
        examples=(
            Example("reach verify last", "a run of this home"),
            Example("reach verify run.reach", "a capsule; no home is needed"),
        ),
    ),
)
