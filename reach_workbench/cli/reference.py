"""The command line's reference as Markdown: `python -m reach_workbench.cli.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator

from reach_workbench.cli import catalogue
from reach_workbench.cli.command import Command
from reach_workbench.cli.manual import EXIT_CODES, shown

_OPENING = """\
# Command line

This page is made from the program itself (`make docs`); `reach COMMAND --help` shows the same.

`reach [--home DIR] COMMAND …` works in one data folder, its home: `--home`, else `REACH_HOME`, else
where the platform keeps application data. One process drives the runs of a home; others can look at
any time, and `publish`, `resolve`, `suspend`, `cancel`, `resume` and `step` ask that process.

A RUN is the id of a run, the beginning of one that is unambiguous, or `last`. A task is named by its
JSON pointer, for example `/do/1/greet`.

Results go to standard output; progress, hints and errors to standard error. With `--json` standard
output has one object (`events`: one a line) and nothing else. An error is then
`{"error": {"code", "message", "where", "hint"}}`, with `diagnostics` beside it when a document does not
compile. Codes of errors are stable. Colour is used on a terminal only, and never with `NO_COLOR`.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _OPENING
    yield "| exit code | meaning |"
    yield "|---:|---|"
    for code, meaning in EXIT_CODES:
        yield f"| {code} | {meaning} |"
    yield ""
    yield "| command | what it does |"
    yield "|---|---|"
    for _, commands in catalogue.grouped():
        for command in commands:
            yield f"| [{command.name}](#reach-{command.name}) | {command.summary} |"
    for title, commands in catalogue.grouped():
        yield f"\n## {title}"
        for command in commands:
            yield from _section(command)


def _section(command: Command) -> Iterator[str]:
    yield f"\n### reach {command.name}\n\n{command.summary}.\n"
    yield f"```\n{command.usage}\n```"
    for paragraph in command.about:
        yield f"\n{paragraph}"
    rows = [(argument.name, argument.help) for argument in command.arguments]
    rows += [(shown(option), option.help) for option in command.options]
    if rows:
        yield "\n| | |\n|---|---|"
        for left, right in rows:
            yield f"| `{left}` | {right.replace('|', chr(92) + '|')} |"
    if command.examples:
        yield "\n```sh"
        for example in command.examples:
            yield f"# {example.comment}\n{example.line}"
        yield "```"


if __name__ == "__main__":
    print(reference(), end="")
