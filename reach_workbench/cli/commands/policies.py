"""`reach policy`: checking policies, trying them on cases, and beginning one's own."""

from __future__ import annotations

from typing import Final

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given, similar
from reach_workbench.cli.failure import report_diagnostics
from reach_workbench.cli.session import Session
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.errors import BadInput, CompileError, UsageError

_VERBS: Final = ("check", "test", "init")


def _policy(terminal: Terminal, given: Given) -> int:
    verbs = {"check": _check, "test": _test, "init": _init}
    verb = verbs.get(given.do)
    if verb is None:
        meant = similar(given.do, _VERBS)
        hint = f"did you mean `reach policy {meant}`?" if meant else f"known: {', '.join(_VERBS)}"
        raise UsageError(f"`reach policy` can't {given.do!r}", hint=hint)
    return verb(terminal, given)


def _check(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli.policyfiles import folder_of, named, texts
    from reach_workbench.policy.default import FILE
    from reach_workbench.policy.policyset import load

    session = Session(terminal, given)
    limits = session.settings.limits
    files = named(given.file, limits) if given.file else texts(folder_of(session.settings), limits)
    loaded = load(files)
    found = loaded.diagnostics
    errors = sum(each.severity == "error" for each in found)
    if terminal.json:
        terminal.print_json(
            {
                "diagnostics": [each.as_dict() for each in found],
                "policies": len(loaded.policies.policies) if loaded.policies else None,
                "digest": loaded.policies.digest if loaded.policies else None,
            }
        )
        return CompileError.exit_code if errors else 0
    report_diagnostics(terminal, found)
    what = "the built-in policy" if FILE in files and not given.file else _count(len(files), "file")
    if loaded.policies is None:
        terminal.say(f"{what}: ", Painted(_count(errors, "error"), "red"))
        return CompileError.exit_code
    verdict = Painted("no errors", "green")
    terminal.say(f"{what}, {_count(len(loaded.policies.policies), 'policy', 'policies')}: ", verdict)
    return 0


def _test(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli.policyfiles import read_cases, sound
    from reach_workbench.policy.cases import BadCase, cases_of, outcome, run_cases

    if len(given.file) != 1:
        raise UsageError("`reach policy test` takes one file of cases", hint="for example reach policy test cases.yaml")
    file: str = given.file[0]
    document, texts = read_cases(file, Session(terminal, given).settings.limits)
    try:
        cases = cases_of(document)
    except BadCase as wrong:
        raise BadInput(
            wrong.message, where=f"{file}#{wrong.where}" if wrong.where else file, hint=wrong.hint or None
        ) from None
    done = run_cases(cases, sound(texts))
    failed = [case for case, decision in done if case.differs(decision)]
    if terminal.json:
        rows = [
            {
                "name": case.name,
                "passed": not case.differs(decision),
                "expected": dict(case.expect),
                "error": decision.error,
                **outcome(decision),
            }
            for case, decision in done
        ]
        terminal.print_json({"cases": rows})
        return 1 if failed else 0
    for case, decision in done:
        mark = Painted("✗", "red") if case.differs(decision) else Painted("✓", "green")
        terminal.show("  ", mark, f" {case.name}: {_told(outcome(decision))}")
        if case.differs(decision):
            terminal.show(f"      expected {_told(dict(case.expect))}")
        if decision.error is not None:
            terminal.show(f"      {decision.error}")
    verdict = Painted(f"{len(failed)} of {_count(len(done), 'case')} failed", "red")
    terminal.say(verdict if failed else Painted(f"{_count(len(done), 'case')} passed", "green"))
    return 1 if failed else 0


def _init(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli.policyfiles import write_default

    if given.file:
        raise UsageError("`reach policy init` takes no file", hint="it writes policies/local.cedar in the home")
    file = write_default(Session(terminal, given).settings)
    if terminal.json:
        terminal.print_json({"file": str(file)})
    else:
        terminal.show(str(file))
        terminal.say("written: it says what was in force before; change it, and `reach policy check` looks at it")
    return 0


def _told(parts: dict[str, str | tuple[str, ...]]) -> str:
    """A decision, or what was expected of one, in words: `hold by hold-shell, rates slow`."""
    words = [str(parts["verdict"])] if "verdict" in parts else []
    for name, word in (("policies", "by"), ("rates", "rates"), ("warnings", "warnings")):
        if name in parts and (parts[name] or "verdict" not in parts):
            words.append(f"{word} {', '.join(parts[name]) or 'none'}")
    return " ".join(words)


def _count(number: int, noun: str, nouns: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


COMMANDS = (
    Command(
        "policy",
        "Check the policies, test them with cases, or begin your own",
        _policy,
        arguments=(
            Argument("DO", "check, test or init", choices=_VERBS),
            Argument("FILE", "policies to check, or a file of cases", many=True, optional=True, fills="file"),
        ),
        options=(JSON,),
        about=(
            "check: looks at the files, else at the home's `policies/*.cedar`, else at the built-in policy. Reports "
            "all that it finds, each with file, line, column, a code, the message and a hint; exit code 2 if any is an "
            "error. With --json: {diagnostics, policies, digest}.",
            "test: decides every case of the file and compares; exit code 1 if any differs. The cases are about the "
            "policies that the file names, else those beside it, else the built-in policy. With --json: {cases: "
            "[{name, passed, expected, verdict, policies, rates, warnings, error}]}.",
            "init: writes the built-in policy to `policies/local.cedar` in the home, to be changed; it never writes "
            "over another one.",
        ),
        examples=(
            Example("reach policy check", "the policies of this home"),
            Example("reach policy check team.cedar --json | jq '.diagnostics[].code'", "for an editor or a check"),
            Example("reach policy test cases.yaml", "do they decide as they should?"),
            Example("reach policy init", "begin with what is in force"),
        ),
    ),
)
