"""`reach export` and `reach import`: a run as a file that goes anywhere."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.runpage import run_object
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Terminal
from reach_workbench.cli.unlocking import key_store
from reach_workbench.errors import KeysError, NotFound, UsageError
from reach_workbench.protocol.node_views import RunView


def _export(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    if given.file and given.output:
        raise UsageError("the file is named twice", hint="give FILE or -o FILE")
    named = given.file or given.output
    file = Path(named) if named else None
    if file is not None and file.is_dir():
        raise UsageError(f"{file} is a folder", hint=f"name a file, for example {file / 'run.reach'}")
    if file is not None and not file.parent.is_dir():
        raise NotFound(f"there is no folder {file.parent}", hint="make it first, or name another")

    if file is not None and _is_other(file):
        raise UsageError(f"{file} is there already, and is no capsule", hint="name another file, or move it away")

    async def work() -> tuple[RunView, Path]:
        async with session.exporting(key_store(session).node_key if not given.unsigned else None) as node:
            view = await node.run(given.run)
            into = file or Path(f"{view.id}.reach")
            await node.export(view.id, into, unsigned=given.unsigned)
            return view, into

    try:
        view, into = go(work())
    except KeysError as wrong:
        unsigned = "`--unsigned` exports without a signature"
        wrong.hint = f"{wrong.hint}; {unsigned}" if wrong.hint else unsigned
        raise
    from reach_workbench.node.inspection import signer_of

    public = signer_of(into)
    key = b64encode(public).decode() if public is not None else None
    if terminal.json:
        said = {"run": view.id, "file": str(into), "events": view.seq, "digest": view.digest}
        terminal.print_json({**said, "key": key})
        return 0
    terminal.say(f"exported run {view.id}, {view.seq:,} events, to {into}")
    if key is None:
        terminal.say("  UNSIGNED: nobody vouches for what is in it")
        terminal.say(f"  anyone can check it: reach verify {into}")
    else:
        terminal.say(f"  anyone can prove it: reach verify {into} --key {key}")
        terminal.say("  tell them that key by another way than with the capsule")
    return 0


def _is_other(file: Path) -> bool:
    """Whether something else would be lost: a slip of the pen must cost nobody their workflow."""
    try:
        with file.open("rb") as opened:
            beginning = opened.read(4)
    except OSError:
        return False
    return bool(beginning) and not beginning.startswith(b"PK")


def _import(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    file = Path(given.file)
    if file.is_dir():
        raise UsageError(f"{file} is a folder", hint="name a capsule that `reach export` made")
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
        "Write a run to a signed capsule, a file that anyone can verify offline",
        _export,
        arguments=(
            Argument("RUN", "the run", fills="run"),
            Argument("FILE", "the file (default: the run's id with .reach)", optional=True, fills="file"),
        ),
        options=(
            Option("--output", "the file", value="FILE", short="-o", fills="file"),
            Option("--unsigned", "without the node's signature: nobody vouches for such a capsule"),
            JSON,
        ),
        about=(
            "A capsule is a plain zip with the workflow, the policies that decided, every event with its digest, what "
            "reviewers signed, and the audit log's records with proofs that a signed checkpoint covers them; all of it "
            "under the node's signature. docs/capsule.md says how other programs verify it. `verify`, `state` and "
            "`diff` read it without a home. Secrets are never in it: what is recorded has placeholders in their place.",
            "The node's key may have to be unlocked: REACH_PASSPHRASE, or it is asked for. Its "
            "public half is printed: those who verify should have that from you by another way than the capsule. "
            "--json: {run, file, events, digest, key}.",
        ),
        examples=(
            Example("reach export last run.reach", "then: reach verify run.reach"),
            Example("reach export last run.reach --unsigned", "without a key"),
        ),
    ),
    Command(
        "import",
        "Verify a capsule and store its run in this home",
        _import,
        arguments=(Argument("FILE", "a capsule that `reach export` wrote", fills="file"),),
        options=(JSON,),
        about=(
            "What does not hold is not imported; who signed it is not asked: `reach verify FILE --key KEY` does. With "
            "the run come its gates and the policies that decided, which never come into force here. Archives of "
            "version 1, which earlier versions wrote, are read too.",
        ),
        examples=(Example("reach import run.reach", "then: reach show RUN, reach fork RUN --at SEQ"),),
    ),
)
