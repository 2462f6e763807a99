"""`reach compile` and `reach add`: workflows as documents."""

from __future__ import annotations

from pathlib import Path

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given
from reach_workbench.cli.failure import report_diagnostics
from reach_workbench.cli.reading import read_document
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.errors import CompileError

_REFUSED = CompileError.exit_code


def _compile(terminal: Terminal, given: Given) -> int:
    """Needs no home: a document is checked by what is in it."""
    from reach_workbench.runner.loading import compile_text

    limits = Session(terminal, given).settings.limits
    found: list[Diagnostic] = []
    for file in given.file:
        here = compile_text(read_document(file, limits), file, limits).diagnostics
        found += here
        if not terminal.json:
            report_diagnostics(terminal, here)
    errors = sum(each.severity == "error" for each in found)
    if terminal.json:
        terminal.print_json({"diagnostics": [each.as_dict() for each in found]})
    else:
        files = f"{len(given.file)} files" if len(given.file) > 1 else given.file[0]
        verdict = Painted(_count(errors, "error"), "red") if errors else Painted("no errors", "green")
        warnings = f", {_count(len(found) - errors, 'warning')}" if len(found) > errors else ""
        terminal.say(f"{files}: ", verdict, warnings)
    return _REFUSED if errors else 0


def _add(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)
    text = read_document(given.file, session.settings.limits)

    async def work() -> str:
        async with session.owning() as node:
            return await node.add(text, Path(given.file))

    name = go(work())
    if terminal.json:
        terminal.print_json({"workflow": name})
    else:
        terminal.say("added ", Painted(name, "bold"), ": workflows can run it by namespace, name and version")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


COMMANDS = (
    Command(
        "compile",
        "Check workflows without running them",
        _compile,
        arguments=(Argument("FILE", "workflows, in YAML or JSON", many=True, fills="file"),),
        options=(JSON,),
        about=(
            "Reports all that it finds, each with file, line, column, a code, the message and a hint; exit code 2 if "
            "any is an error. With --json: {diagnostics: [{file, line, column, code, message, hint, severity, "
            "pointer}]}.",
        ),
        examples=(
            Example("reach compile workflows/*.yaml", "all workflows of a folder"),
            Example("reach compile hello.yaml --json | jq '.diagnostics[].code'", "for an editor or a check"),
        ),
    ),
    Command(
        "add",
        "Store a workflow, so that others can run it by name",
        _add,
        arguments=(Argument("FILE", "the workflow", fills="file"),),
        options=(JSON,),
        about=(
            "A task `run: workflow` looks for the workflow it names among the files beside its own document, then "
            "among those stored here.",
            "A workflow with `schedule` starts by itself from now on, while `reach serve` runs for this home.",
        ),
        examples=(Example("reach add greet.yaml", "store it under its namespace, name and version"),),
    ),
)
