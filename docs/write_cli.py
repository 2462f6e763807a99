#!/usr/bin/env python3
"""Write `docs/cli.md` from the commands themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reach_workbench.cli import catalogue
from reach_workbench.cli.command import Command
from reach_workbench.cli.manual import EXIT_CODES, shown

PAGE = Path(__file__).with_name("cli.md")


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "<!-- Written by `make docs` from the commands themselves: change them, not this page. -->"
    yield ""
    yield "`reach [--home DIR] COMMAND …`; `reach COMMAND --help` shows what stands here."
    yield ""
    yield "A RUN is the id of a run, the beginning of one, or `last`. Results go to standard output, everything else to"
    yield "standard error. With `--json`, standard output is one JSON object (or, where it says so, one a line)."
    yield ""
    yield "| exit code | meaning |"
    yield "|---:|---|"
    for code, meaning in EXIT_CODES:
        yield f"| {code} | {_cell(meaning)} |"
    for title, commands in catalogue.grouped():
        yield ""
        yield f"## {title}"
        for command in commands:
            yield from _command(command)


def _command(command: Command) -> Iterator[str]:
    yield ""
    yield f"### reach {command.name}"
    yield ""
    yield f"{command.summary}."
    yield ""
    yield "```"
    yield command.usage
    yield "```"
    for paragraph in command.about:
        yield ""
        yield paragraph
    if command.arguments or command.options:
        yield ""
        yield "| | |"
        yield "|---|---|"
        for argument in command.arguments:
            yield f"| `{argument.name}` | {_cell(argument.help)} |"
        for option in command.options:
            yield f"| `{shown(option)}` | {_cell(option.help)} |"
    if command.examples:
        yield ""
        yield "```sh"
        for example in command.examples:
            yield f"# {example.comment}"
            yield example.line
        yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
