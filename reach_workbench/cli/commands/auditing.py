"""`reach audit`: the audit log, listed, looked into and verified."""

from __future__ import annotations

from dataclasses import asdict

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, Option
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Terminal, brief
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import NotFound, UsageError
from reach_workbench.protocol.audit import AuditVerification, AuditView
from reach_workbench.ui.words import shortened

_RUN = 15


def _audit(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    match given.what, given.n:
        case None, None:
            return go(_list(terminal, session, given))
        case "show", str(number):
            return go(_show(terminal, session, _number(number)))
        case "show", None:
            raise UsageError("`reach audit show` needs the number of a record", hint="`reach audit` lists them")
        case "verify", None:
            return _verify(terminal, session)
        case "verify", _:
            raise UsageError("`reach audit verify` verifies the whole log and takes nothing more")
        case _:
            raise UsageError(f"`reach audit` knows no {given.what!r}", hint="it takes nothing, `show N` or `verify`")


async def _list(terminal: Terminal, session: Session, given: Given) -> int:
    limit = 50 if given.limit is None else given.limit
    if limit < 1:
        raise UsageError("--limit must be at least 1")
    async with session.reading() as node:
        found = await node.audit(
            given.run, type=given.type or "", text=given.text or "", before=given.before, limit=limit
        )
    if terminal.json:
        terminal.print_json({"records": [_object(record) for record in found]})
    elif not found:
        terminal.say("no such record in the audit log" if given.run or given.type or given.text else "no record yet")
    for record in [] if terminal.json else found:
        run = shortened(record.run) if record.run else "–"
        terminal.show(
            Painted(f"{record.seq:>8}  {iso8601(record.at)}  ", "dim"),
            Painted(f"{record.type:<20}", "bold"),
            f"  {run:<{_RUN}}  {brief(record.data)}",
        )
    return 0


async def _show(terminal: Terminal, session: Session, number: int) -> int:
    async with session.reading() as node:
        found = await node.audit(after=number - 1, before=number + 1, limit=1)
    if not found:
        raise NotFound(f"the audit log has no record {number}", hint="`reach audit` lists the newest")
    (record,) = found
    if terminal.json:
        terminal.print_json(_object(record))
        return 0
    terminal.show(Painted(record.type, "bold"))
    for name, text in (("record", f"{record.seq:,}"), ("at", iso8601(record.at)), ("run", record.run or "–")):
        terminal.show(Painted(f"  {name:<8}", "dim"), text)
    terminal.print_json(record.data, indent=True)
    return 0


def _verify(terminal: Terminal, session: Session) -> int:
    def progress(done: int, total: int) -> None:
        terminal.hint_at(f"  … {done:,} of {total:,} records")

    async def work() -> AuditVerification:
        async with session.vouching() as node:
            return await node.audit_verify(progress=progress)

    found = go(work())
    terminal.done()
    if terminal.json:
        terminal.print_json(asdict(found))
    elif found.ok:
        terminal.show(Painted("verified", "green"), f": {found.summary}")
    else:
        for problem in found.problems:
            terminal.show(Painted(problem.code, "red"), f": {problem.message}")
        terminal.show(f"  {found.before}")
    if found.key is not None and not terminal.json:
        terminal.show(Painted(f"  key {found.key}", "dim"))
        for key in found.earlier:
            terminal.show(Painted(f"  before that {key}, which vouched for the next", "dim"))
    return 0 if found.ok else 1


def _object(record: AuditView) -> dict[str, Json]:
    return {"id": record.seq, "at": record.at, "type": record.type, "run": record.run, "data": record.data}


def _number(word: str) -> int:
    if not word.isdecimal() or not 0 < len(word) < 19:
        raise UsageError(f"{word!r} is no record's number", hint="`reach audit` lists the newest")
    return int(word)


COMMANDS = (
    Command(
        "audit",
        "Show what was decided and done, and verify that nobody rewrote it",
        _audit,
        arguments=(
            Argument("WHAT", "nothing lists the newest, `show` shows one, `verify` checks all", optional=True),
            Argument("N", "with `show`: the number of the record", optional=True),
        ),
        options=(
            Option("--run", "only records about this run", value="RUN", fills="run"),
            Option("--type", "only types that begin so, such as `gate.`", value="T"),
            Option("--text", "only records with this in their type, run or data", value="TEXT"),
            Option("--limit", "how many at most (default: 50)", value="N", number=True),
            Option("--before", "only records with a smaller number", value="NUMBER", number=True),
            JSON,
        ),
        about=(
            "The newest first. With --json: {records: [{id, at, type, run, data}]}.",
            "`reach audit verify` reads the whole log, with its tree and its signed checkpoints. What was changed, "
            "taken out, put in or cut off is named, and the exit code is 1. With --json: {ok, records, root, "
            "checkpoints, covered, key, seconds, problems}, each problem {code, message, first, last, checkpoint}.",
        ),
        examples=(
            Example("reach audit --run last", "what was done in the last run"),
            Example("reach audit --type gate. --json", "the life of all gates"),
            Example("reach audit verify", "whether the log is what was written"),
        ),
    ),
)
