"""Shell completion: a script for each shell that asks `reach completion --words …` for candidates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reach_workbench.cli import catalogue
from reach_workbench.cli.command import HELP, HOME, Command, Filler, Option
from reach_workbench.errors import ReachError, UsageError

_BASH: Final = """\
_reach() {
    local IFS=$'\\n' found
    found=$(reach completion --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ $found == :files ]]; then
        COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        compopt -o filenames 2>/dev/null
    else
        COMPREPLY=($(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]}"))
    fi
}
complete -F _reach reach"""

_ZSH: Final = """\
#compdef reach
_reach() {
    local -a found
    found=("${(@f)$(reach completion --words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ $found[1] == :files ]]; then
        _files
    else
        compadd -a found
    fi
}
compdef _reach reach"""

_FISH: Final = """\
function __reach_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (reach completion --words $words[2..-1] 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c reach -f -a '(__reach_complete)'"""

_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_FILES: Final = ":files"
_RUNS: Final = 50
_OPEN: Final = ("pending", "running", "waiting", "suspended", "held")


def script(shell: str) -> str:
    """What the shell is to read; raises UsageError."""
    if shell not in _SCRIPTS:
        raise UsageError(f"no completion for {shell!r}", hint=f"known shells: {', '.join(_SCRIPTS)}")
    return _SCRIPTS[shell]


def candidates(words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last word; `:files` leaves it to the shell."""
    *before, last = words or ("",)
    home, rest = _without_home(before)
    if before and before[-1] == "--home":
        return [_FILES]
    if not rest:
        first = dict.fromkeys(name.partition(" ")[0] for name in catalogue.names())
        return _fitting([*first, "--home", "--version", "--help"], last)
    if len(rest) == 1 and (members := catalogue.family(rest[0])):
        return _fitting([name.partition(" ")[2] for name in members], last)
    try:
        command = catalogue.find(catalogue.take(rest))
    except UsageError:
        return []
    option = _option(command, rest[-1]) if rest else None
    if option is not None and option.value:
        return _fitting(list(option.choices) or _fill(option.fills, home), last)
    if last.startswith("-"):
        return _fitting([name for each in command.all_options for name in each.names], last)
    place = sum(1 for _ in _positional(command, rest))
    if not command.arguments or (place >= len(command.arguments) and not command.arguments[-1].many):
        return []
    argument = command.arguments[min(place, len(command.arguments) - 1)]
    return _fitting(_fill(argument.fills, home), last)


def _fitting(found: list[str], last: str) -> list[str]:
    return [each for each in found if each == _FILES or each.startswith(last)]


def _without_home(words: Sequence[str]) -> tuple[str | None, list[str]]:
    rest: list[str] = []
    home = None
    place = iter(words)
    for word in place:
        if word == "--home":
            home = next(place, None)
        elif word.startswith("--home="):
            home = word.removeprefix("--home=")
        else:
            rest.append(word)
    return home, rest


def _option(command: Command, word: str) -> Option | None:
    return next((each for each in (*command.all_options, HOME, HELP) if word in each.names), None)


def _positional(command: Command, words: Sequence[str]) -> Iterator[str]:
    place = iter(words)
    for word in place:
        option = _option(command, word)
        if option is not None and option.value:
            next(place, None)
        elif not word.startswith("-") or word == "-":
            yield word


def _fill(filler: Filler, home: str | None) -> list[str]:
    if filler in ("file", "folder"):
        return [_FILES]
    if filler == "shell":
        return list(_SCRIPTS)
    if filler in ("run", "held-run", "open-run"):
        try:
            return ["last", *asyncio.run(_runs(filler, home))]
        except ReachError:
            return []
    if filler in ("key", "secret"):
        try:
            return _names(filler, home)
        except ReachError:
            return []
    if filler == "gate":
        try:
            return asyncio.run(_gates(home))
        except ReachError:
            return []
    return []


def _names(filler: Filler, home: str | None) -> list[str]:
    from reach_workbench.clock import SystemClock
    from reach_workbench.keys.keystore import KeyStore
    from reach_workbench.settings import load

    settings = load(Path(home).expanduser() if home else None)
    store = KeyStore.open(settings.home, SystemClock(), settings=settings.keys)
    return list(store.names() if filler == "key" else store.secret_names())


async def _runs(filler: Filler, home: str | None) -> list[str]:
    from reach_workbench.node.local import LocalNode
    from reach_workbench.settings import load

    settings = load(Path(home).expanduser() if home else None)
    if not settings.home.is_dir():
        return []
    node = await LocalNode.open(settings, write=False)
    try:
        views = await node.runs(limit=_RUNS)
    finally:
        await node.close()
    wanted = {"held-run": ("held",), "open-run": _OPEN}.get(filler)
    return [view.id for view in views if wanted is None or view.status in wanted]


async def _gates(home: str | None) -> list[str]:
    from reach_workbench.node.local import LocalNode
    from reach_workbench.settings import load

    settings = load(Path(home).expanduser() if home else None)
    if not settings.home.is_dir():
        return []
    node = await LocalNode.open(settings, write=False)
    try:
        return [gate.id for gate in await node.gates(limit=_RUNS)]
    finally:
        await node.close()
