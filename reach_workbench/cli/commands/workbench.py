"""`reach keys` and `locate`: what the workbench's keys do, and where its files stand."""

from __future__ import annotations

from pathlib import Path

from reach_workbench.cli.command import JSON, Argument, Command, Example, Given
from reach_workbench.cli.terminal import Terminal
from reach_workbench.errors import UsageError


def _keys(terminal: Terminal, _: Given) -> int:
    from reach_workbench.ui.config import folder, read
    from reach_workbench.ui.keynames import shown
    from reach_workbench.ui.keys import ACTIONS

    config = read(folder())
    if terminal.json:
        rows = [{"id": each.id, "keys": list(config.keys_of(each)), "help": each.help} for each in ACTIONS]
        terminal.print_json({"keys": rows, "problems": list(config.problems)})
        return 0
    for each in ACTIONS:
        terminal.show(f"{each.id:<22}{'  '.join(shown(key) for key in config.keys_of(each)):<12}  {each.help}")
    for problem in config.problems:
        terminal.say(f"left out: {problem}")
    return 0


def _locate(terminal: Terminal, given: Given) -> int:
    from reach_workbench.settings import load
    from reach_workbench.ui.config import FILE, folder, state_folder

    places = {
        "config": lambda: folder() / FILE,
        "session": lambda: state_folder() / "session.json",
        "home": lambda: load(Path(given.home) if given.home is not None else None).home,
    }
    place = places.get(given.what)
    if place is None:
        raise UsageError(f"there is nothing called {given.what!r} to locate", hint="known: " + ", ".join(places))
    terminal.show(str(place()))
    return 0


COMMANDS = (
    Command(
        "keys",
        "List the actions of the workbench with their keys",
        _keys,
        options=(JSON,),
        about=(
            "As they are in force: with the changes of the configuration's table `keys`. `reach locate config` "
            'names that file; a line of it is `debug.over = "n,f10"`, with Textual\'s names of keys. With --json: '
            "{keys: [{id, keys, help}], problems}.",
        ),
        examples=(Example("reach keys", "the whole table"), Example("reach keys | grep break", "the breakpoints")),
    ),
    Command(
        "locate",
        "Print where a file of this installation stands",
        _locate,
        arguments=(Argument("WHAT", "config (theme and keys), session (what is remembered), or home (the data)"),),
        examples=(Example('$EDITOR "$(reach locate config)"', "choose a theme or other keys"),),
    ),
)
