"""All commands, in the order in which help shows them. A command's module is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Final

from reach_workbench.cli.command import Command, similar
from reach_workbench.errors import UsageError

GROUPS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("Write and run", {"run": "running", "compile": "documents", "add": "documents"}),
    (
        "Look at runs",
        {"runs": "looking", "show": "looking", "events": "looking", "state": "looking", "diff": "looking"},
    ),
    (
        "Drive a run",
        {
            "step": "driving",
            "resume": "driving",
            "suspend": "driving",
            "cancel": "driving",
            "fork": "running",
            "publish": "telling",
            "resolve": "telling",
        },
    ),
    (
        "Decide",
        {
            "gates": "deciding",
            "approve": "deciding",
            "deny": "deciding",
            "gate delegate": "deciding",
            "gate edit": "deciding",
        },
    ),
    ("Prove and carry", {"verify": "proving", "audit": "auditing", "export": "carrying", "import": "carrying"}),
    (
        "Decide what may run",
        {
            "policy check": "policies",
            "policy test": "policies",
            "policy init": "policies",
            "policy explain": "policing",
            "policy try": "policing",
        },
    ),
    ("Serve", {"serve": "serving"}),
    (
        "Keys, secrets and reviewers",
        {
            "key new": "keeping",
            "key list": "keeping",
            "key show": "keeping",
            "key delete": "keeping",
            "key rotate": "keeping",
            "key passphrase": "keeping",
            "key move": "keeping",
            "secret set": "keeping",
            "secret list": "keeping",
            "secret remove": "keeping",
            "reviewer add": "reviewing",
            "reviewer list": "reviewing",
            "reviewer revoke": "reviewing",
        },
    ),
    ("The workbench", {"keys": "workbench", "locate": "workbench"}),
    ("This installation", {"doctor": "installation", "engine": "installation", "completion": "installation"}),
)
"""Group by group, the name of each command and of the module that holds it."""

_MODULES: Final = {name: module for _, group in GROUPS for name, module in group.items()}


def names() -> tuple[str, ...]:
    return tuple(_MODULES)


def family(word: str) -> tuple[str, ...]:
    """The commands of two words that begin with this one."""
    return tuple(name for name in _MODULES if name.startswith(f"{word} "))


def take(words: list[str]) -> str:
    """Take the name of a command from the front of these words: one word, or two where the first has a family.

    Raises UsageError when the second is lacking.
    """
    first = words.pop(0)
    members = family(first)
    if not members:
        return first
    if not words or words[0].startswith("-"):
        raise UsageError(f"`reach {first}` needs one word more", hint="one of: " + ", ".join(members))
    return f"{first} {words.pop(0)}"


def find(name: str) -> Command:
    """The command of that name; raises UsageError."""
    module = _MODULES.get(name)
    if module is None:
        meant = _meant(name)
        hint = f"did you mean `reach {meant}`?" if meant else "`reach --help` lists the commands"
        if meant is None and (members := family(name.partition(" ")[0])):
            hint = "one of: " + ", ".join(members)
        if name.lower().endswith((".yaml", ".yml", ".json")):
            hint = f"a workflow is run with `reach run {name}`"
        raise UsageError(f"there is no command {name!r}", hint=hint)
    commands: tuple[Command, ...] = import_module(f"reach_workbench.cli.commands.{module}").COMMANDS
    return next(command for command in commands if command.name == name)


def _meant(name: str) -> str | None:
    """What may have been meant by a name that no command has: the family may be right, or the second word alone."""
    first, _, second = name.partition(" ")
    members = family(first)
    if not members:
        families = {each.partition(" ")[0] for each in names() if " " in each}
        return similar(name, [*names(), *families])
    if second in _MODULES and _MODULES[second] == _MODULES[members[0]]:
        return second
    if (near := similar(second, [each.partition(" ")[2] for each in members])) is not None:
        return f"{first} {near}"
    return f"{first}s" if f"{first}s" in names() else None


def grouped() -> Iterator[tuple[str, list[Command]]]:
    """Every group's title with its commands."""
    for title, group in GROUPS:
        yield title, [find(name) for name in group]
