"""Whether a command's arguments are such as its adapter takes, without performing it."""

from __future__ import annotations

from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json


def flaw(command: Command, arguments: dict[str, Json]) -> str | None:
    """What the adapter would say against these arguments; None when it would begin, or is not asked.

    Placeholders of secrets may stand in them: one that stands for more than a text looks wrong where it is right.
    """
    try:
        match command.kind:
            case "http.call":
                from reach_workbench.effects import http

                http.refuse_wrong(arguments)
            case "shell.run":
                from reach_workbench.effects import shell

                shell.refuse_wrong(command, arguments)
    except Fault as fault:
        return fault.detail
    return None
