"""The entry point of `reach`: finds the command, carries it out, and answers for every error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reach_workbench import __version__
from reach_workbench.cli import catalogue
from reach_workbench.cli.command import Given
from reach_workbench.cli.terminal import Terminal
from reach_workbench.errors import Bug, ReachError, UsageError

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C where there is nothing to suspend (128 + SIGINT, as shells have it)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line; returns the exit code (see `manual.EXIT_CODES`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    terminal = Terminal(json="--json" in words)
    home: list[Path] = []
    try:
        return _dispatch(terminal, words, home)
    except ReachError as wrong:
        from reach_workbench.cli.failure import bug, report

        return report(terminal, bug(wrong, _home(home)) if isinstance(wrong, Bug) and wrong.__cause__ else wrong)
    except KeyboardInterrupt:
        terminal.say("interrupted")
        return INTERRUPTED
    except Exception as wrong:
        from reach_workbench.cli.failure import bug, report

        return report(terminal, bug(wrong, _home(home)))
    finally:
        terminal.done()


def _dispatch(terminal: Terminal, words: list[str], home: list[Path]) -> int:
    given_home: str | None = None
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in ("-h", "--help"):
            return _overview(terminal)
        if name == "--version":
            terminal.show(f"reach {__version__}")
            return 0
        if name != "--home":
            raise UsageError(f"`reach` does not take {word}", hint="options of a command stand after its name")
        if not equals:
            if not words:
                raise UsageError("--home needs a folder", hint="for example --home ./reach-home")
            value = words.pop(0)
        given_home = value
    if not words:
        return _alone(terminal, given_home)
    if catalogue.family(words[0]) and words[1:2] in (["-h"], ["--help"]):
        return _family(terminal, words[0])
    command = catalogue.find(catalogue.take(words))
    if any(word in ("-h", "--help") for word in (_before_dashes(words) if command.common else words[:1])):
        from reach_workbench.cli.manual import page

        terminal.show(page(command))
        return 0
    given = command.parse(words) if command.common else Given(words=words)
    given.home = given_home if getattr(given, "home", None) is None else given.home
    if given.home is not None:
        home.append(Path(given.home))
    return command.handler(terminal, given)


def _before_dashes(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words


def _alone(terminal: Terminal, home: str | None) -> int:
    """`reach` without a command: the workbench, or, without a terminal to draw it on, the overview."""
    from reach_workbench.cli.opening import on_terminal, open_workbench

    return open_workbench(terminal, home) if on_terminal() else _overview(terminal)


def _overview(terminal: Terminal) -> int:
    from reach_workbench.cli.manual import overview

    terminal.show(overview())
    return 0


def _family(terminal: Terminal, word: str) -> int:
    from reach_workbench.cli.manual import family

    terminal.show(family(word))
    return 0


def _home(given: list[Path]) -> Path | None:
    """The data folder, for the traceback of a bug; None when even that can't be told."""
    from reach_workbench.settings import load

    try:
        return load(given[0] if given else None).home
    except ReachError:
        return None
