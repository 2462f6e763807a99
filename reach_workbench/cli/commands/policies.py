"""`reach policy check`, `test` and `init`: checking policies, trying them on cases, and beginning one's own."""

from __future__ import annotations

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given
from reach_workbench.cli.failure import report_diagnostics
from reach_workbench.cli.session import Session
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.errors import BadInput, CompileError


def _check(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli.policyfiles import named, own
    from reach_workbench.policy.default import FILE
    from reach_workbench.policy.policyset import load

    session = Session(terminal, given)
    limits = session.settings.limits
    files = named(given.file, limits) if given.file else own(session.settings)
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
    from reach_workbench.policy.cases import BadCase, cases_of, in_words, outcome, run_cases

    file: str = given.file
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
        terminal.show("  ", mark, f" {case.name}: {in_words(outcome(decision))}")
        if case.differs(decision):
            terminal.show(f"      expected {in_words(dict(case.expect))}")
        if decision.error is not None:
            terminal.show(f"      {decision.error}")
    verdict = Painted(f"{len(failed)} of {_count(len(done), 'case')} failed", "red")
    terminal.say(verdict if failed else Painted(f"{_count(len(done), 'case')} passed", "green"))
    return 1 if failed else 0


def _init(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli.policyfiles import write_default

    file = write_default(Session(terminal, given).settings)
    if terminal.json:
        terminal.print_json({"file": str(file)})
    else:
        terminal.show(str(file))
        terminal.say("written: it says what was in force before; change it, and `reach policy check` looks at it")
    return 0


def _count(number: int, noun: str, nouns: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


COMMANDS = (
    Command(
        "policy check",
        "Check policies, and say what is wrong with them",
        _check,
        arguments=(Argument("FILE", "policies (default: those of this home)", many=True, optional=True, fills="file"),),
        options=(JSON,),
        about=(
            "Without files it looks at the tenant's, else at the built-in policy. Reports all that it finds, each with "
            "file, line, column, a code, the message and a hint; exit code 2 if any is an error. With --json: "
            "{diagnostics, policies, digest}.",
        ),
        examples=(
            Example("reach policy check", "the policies of this home"),
            Example("reach policy check team.cedar --json | jq '.diagnostics[].code'", "for an editor or a check"),
        ),
    ),
    Command(
        "policy test",
        "Decide the cases of a file, and compare",
        _test,
        arguments=(Argument("FILE", "cases with the decisions that are expected", fills="file"),),
        options=(JSON,),
        about=(
            "Exit code 1 if any decision is another one. The cases are about the policies that the file names, else "
            "those beside it, else the built-in policy. With --json: {cases: [{name, passed, expected, verdict, "
            "policies, rates, warnings, error}]}.",
        ),
        examples=(Example("reach policy test cases.yaml", "do they decide as they should?"),),
    ),
    Command(
        "policy init",
        "Begin your own policy with the built-in one",
        _init,
        options=(JSON,),
        about=("Writes it to `policies/local.cedar` in the home, to be changed; never over another one.",),
        examples=(Example("reach policy init", "begin with what is in force"),),
    ),
)
