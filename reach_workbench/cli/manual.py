"""Help as plain text: the overview, and the page of one command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Final

from reach_workbench.cli import catalogue
from reach_workbench.cli.command import Command, Option

WIDTH: Final = 80
_LEFT: Final = 26

EXIT_CODES: Final = (
    ("0", "it worked; the run completed"),
    ("1", "the run faulted, or something failed"),
    ("2", "the command line or the document makes no sense"),
    ("3", "the run was cancelled"),
    ("4", "the run has not ended: held, suspended, at a gate, or an effect is in doubt"),
)


def overview() -> str:
    """What `reach --help` shows."""
    lines = ["Write, run, step and prove workflows from a terminal.", "", "usage: reach [--home DIR] [COMMAND …]", ""]
    alone = "Without a command, on a terminal: the workbench, where all of this has its place and its key."
    lines += [*wrap(alone, WIDTH), ""]
    for title, commands in catalogue.grouped():
        lines.append(title)
        lines += _rows((f"  {command.name}", command.summary) for command in commands)
        lines.append("")
    lines.append("Options")
    lines += _rows([("  --home DIR", "the data folder (default: REACH_HOME, or the platform's)")])
    lines += _rows([("  --version", "show the version"), ("  -h, --help", "show this help")])
    lines += ["", "Exit codes", *_rows((f"  {code}", meaning) for code, meaning in EXIT_CODES)]
    lines += ["", "A RUN is the id of a run, the beginning of one, or `last`."]
    lines.append("`reach COMMAND --help` shows what a command takes, with examples.")
    return "\n".join(lines)


def family(word: str) -> str:
    """What `reach WORD --help` shows where that is the first of two."""
    lines = [f"usage: reach {word} COMMAND …", ""]
    commands = map(catalogue.find, catalogue.family(word))
    lines += _rows((f"  {command.name}", command.summary) for command in commands)
    lines += ["", f"`reach {word} COMMAND --help` shows what it takes, with examples."]
    return "\n".join(lines)


def page(command: Command) -> str:
    """What `reach COMMAND --help` shows."""
    lines = [*wrap(command.summary + ".", WIDTH), "", *_usage(command)]
    for paragraph in command.about:
        lines += ["", *wrap(paragraph, WIDTH, break_on_hyphens=False)]
    if command.arguments:
        lines += ["", "Arguments"]
        lines += _rows((f"  {argument.name}", argument.help) for argument in command.arguments)
    lines += ["", "Options"]
    lines += _rows((f"  {shown(option)}", option.help) for option in command.all_options)
    if command.examples:
        lines += ["", "Examples"]
        for example in command.examples:
            lines += [f"  # {example.comment}", f"  {example.line}"]
    return "\n".join(lines)


def shown(option: Option) -> str:
    """An option as lists show it: `-o, --output FILE`."""
    return ", ".join(option.names) + (f" {option.value}" if option.value else "")


def _usage(command: Command) -> list[str]:
    """The usage in lines that break between options only, never inside one."""
    glued = command.usage.replace(" [", "\0[").replace(" ", "\1").replace("\0", " ")
    lines = wrap(f"usage: {glued}", WIDTH, subsequent_indent=" " * 7, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\1", " ") for line in lines]


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Two columns; a left side that is too long stands on a line of its own."""
    for left, right in rows:
        parts = wrap(right, WIDTH - _LEFT, break_on_hyphens=False) or [""]
        fits = len(left) <= _LEFT - 2
        if not fits:
            yield left
        yield f"{left if fits else '':<{_LEFT}}{parts[0]}".rstrip()
        for part in parts[1:]:
            yield " " * _LEFT + part
