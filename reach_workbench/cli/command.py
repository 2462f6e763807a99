"""What a command is: its words as data, from which the parser, the help, the reference and the completion are made."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from reach_workbench.errors import UsageError

if TYPE_CHECKING:
    from reach_workbench.cli.terminal import Terminal

Filler = Literal["", "file", "folder", "run", "held-run", "open-run", "shell", "gate", "key", "secret"]
"""What completion offers: nothing, files, folders, runs (all, held, or not ended), open gates, or kept names."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that stands by its place. `many` takes one or more, `optional` none or one, both any number."""

    name: str
    help: str
    many: bool = False
    optional: bool = False
    fills: Filler = ""

    @property
    def key(self) -> str:
        return self.name.lower().replace("-", "_")

    @property
    def usage(self) -> str:
        shown = f"{self.name}…" if self.many else self.name
        return f"[{shown}]" if self.optional else shown


@dataclass(frozen=True, slots=True)
class Option:
    """A word that begins with `-`; without `value` it is a flag, with `many` it may be given again and again."""

    name: str
    help: str
    value: str = ""
    short: str = ""
    many: bool = False
    choices: tuple[str, ...] = ()
    number: bool = False
    required: bool = False
    fills: Filler = ""

    @property
    def key(self) -> str:
        key = self.name.lstrip("-").replace("-", "_")
        return f"{key}_" if iskeyword(key) else key

    @property
    def names(self) -> tuple[str, ...]:
        return (self.short, self.name) if self.short else (self.name,)

    @property
    def usage(self) -> str:
        shown = f"{self.name} {self.value}" if self.value else self.name
        return (shown if self.required else f"[{shown}]") + ("…" if self.many else "")


@dataclass(frozen=True, slots=True)
class Example:
    line: str
    comment: str


class Given(argparse.Namespace):
    """What was given for each argument and option, by its key."""

    def __getattr__(self, name: str) -> Any:  # only so that the checker knows the parser's attributes
        raise AttributeError(name)


Handler = Callable[["Terminal", Given], int]
"""Carries a command out; returns the exit code, or raises a ReachError."""


@dataclass(frozen=True, slots=True)
class Command:
    """One `reach NAME`. `about` are paragraphs that follow the summary in its help."""

    name: str
    summary: str
    handler: Handler
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[Example, ...] = ()
    about: tuple[str, ...] = ()
    common: bool = True

    @property
    def all_options(self) -> tuple[Option, ...]:
        return (*self.options, *(COMMON if self.common else ()), HELP)

    @property
    def usage(self) -> str:
        words = [argument.usage for argument in self.arguments]
        words += [option.usage for option in (*self.options, *(COMMON if self.common else ()))]
        return " ".join(["reach", self.name, *words])

    def parse(self, words: Sequence[str]) -> Given:
        """What the words after the command's name mean; raises UsageError."""
        parser = _Parser(self)
        return parser.parse_intermixed_args(list(words), Given())


HOME: Final = Option("--home", "the data folder (default: REACH_HOME, or the platform's)", value="DIR", fills="folder")
HELP: Final = Option("--help", "show this help", short="-h")
JSON: Final = Option("--json", "one JSON object on standard output, and nothing else there")
COMMON: Final = (HOME,)


class _Unseen(argparse.HelpFormatter):
    """Argparse makes one for each argument; it need not ask for the width of the terminal, which costs 3 ms."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=80)


class _Parser(argparse.ArgumentParser):
    """Argparse with our way of saying what is wrong; help is shown elsewhere."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"reach {command.name}",
            usage=command.usage,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_Unseen,
        )
        self.command = command
        for argument in command.arguments:
            some, none = ("*", "?") if argument.optional else ("+", None)
            count = some if argument.many else none
            absent: list[str] | None = [] if count == "*" else None  # without one, argparse would ask for the word
            self.add_argument(argument.key, metavar=argument.name, nargs=count, default=absent)
        for option in command.all_options:
            if not option.value:
                self.add_argument(*option.names, action="store_true", dest=option.key)
                continue
            self.add_argument(
                *option.names,
                dest=option.key,
                metavar=option.value,
                action="append" if option.many else "store",
                default=[] if option.many else None,
                choices=option.choices or None,
                required=option.required,
                type=_number if option.number else str,
            )

    def error(self, message: str) -> NoReturn:
        hint = f"`reach {self.command.name} --help` shows what it takes"
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            message = f"`reach {self.command.name}` does not take {unknown}"
            hint = self._similar(unknown.split()[0].partition("=")[0]) or hint
        raise UsageError(message, hint=hint)

    def _similar(self, word: str) -> str | None:
        known = [name for option in self.command.all_options for name in option.names]
        found = similar(word, known)
        return f"did you mean {found}?" if found else None


def _number(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number")
    return int(word)


def similar(word: str, known: Sequence[str]) -> str | None:
    """The known word that is most like the given one, if any is."""
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None
