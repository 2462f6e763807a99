"""Which run a `workflow.run` command stands for."""

from __future__ import annotations

import hashlib
from typing import Final

from reach_workbench.engine.commands import Command

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def child_id(command: str) -> str:
    """The id of the run that a `workflow.run` command starts: the same one however often it is repeated."""
    number = int.from_bytes(hashlib.sha256(command.encode()).digest()[:13], "big")
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(20))


def awaited_child(command: Command) -> str | None:
    """The run for whose end the command waits, if it does."""
    return child_id(command.id) if command.kind == "workflow.run" and command.arguments["await"] else None
