"""`reach doctor`, `engine` and `completion`: the installation itself."""

from __future__ import annotations

from collections.abc import Sequence

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given
from reach_workbench.cli.session import Session, go
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.errors import ReachError
from reach_workbench.protocol.node_views import Check


def _doctor(terminal: Terminal, given: Given) -> int:
    session = Session(terminal, given)

    async def work() -> Sequence[Check]:
        async with session.reading() as node:
            return await node.doctor()

    try:
        checks = go(work())
    except ReachError as wrong:
        # What keeps the home from being opened is what a person asks the doctor about.
        checks = [Check("home", False, f"{session.settings.home}: {wrong.message} ({wrong.code})", wrong.hint or "")]
    sound = all(check.ok for check in checks)
    if terminal.json:
        shown = [{"name": check.name, "ok": check.ok, "message": check.message, "hint": check.hint} for check in checks]
        terminal.print_json({"ok": sound, "checks": shown})
    else:
        for check in checks:
            mark = Painted("ok  ", "green") if check.ok else Painted("fail", "red")
            terminal.show(mark, f"  {check.name:<10}{check.message}")
            if check.hint:
                terminal.show(f"      {'':<10}hint: {check.hint}")
    return 0 if sound else 1


def _engine(terminal: Terminal, given: Given) -> int:
    from reach_workbench.engineclient.serve import main
    from reach_workbench.runner.loading import document_limits

    return main(given.words, document_limits(Session(terminal, given).settings.limits))


def _completion(terminal: Terminal, given: Given) -> int:
    from reach_workbench.cli import completion

    if given.words[:1] == ["--words"]:
        for candidate in completion.candidates(given.words[1:]):
            terminal.show(candidate)
        return 0
    terminal.show(completion.script(COMMANDS[2].parse(given.words).shell))
    return 0


COMMANDS = (
    Command(
        "doctor",
        "Check the installation and the home, and say what to do",
        _doctor,
        options=(JSON,),
        about=("Exit code 1 when something is wrong. With --json: {ok, checks: [{name, ok, message, hint}]}.",),
        examples=(Example("reach doctor", "check this home"), Example("reach doctor --home ./other", "or another one")),
    ),
    Command(
        "engine",
        "Serve the engine as JSON lines on standard input and output",
        _engine,
        about=(
            'A request a line, an answer a line: {"id": 1, "op": "evaluate", "expression": ".a + 1", "data": '
            '{"a": 1}} answers {"id": 1, "ok": 2}. Ops: evaluate, run, compile, version. The options --seconds, '
            "--megabytes and --result-bytes, each with a number, limit one evaluation.",
        ),
        examples=(Example('echo \'{"id": 1, "op": "version"}\' | reach engine', "ask for its version"),),
        common=False,
    ),
    Command(
        "completion",
        "Print the script that lets a shell complete commands, options and runs",
        _completion,
        arguments=(Argument("SHELL", "bash, zsh or fish", fills="shell"),),
        examples=(
            Example("echo 'source <(reach completion bash)' >> ~/.bashrc", "bash"),
            Example("echo 'source <(reach completion zsh)' >> ~/.zshrc", "zsh, after compinit"),
            Example("reach completion fish > ~/.config/fish/completions/reach.fish", "fish"),
        ),
        common=False,
    ),
)
