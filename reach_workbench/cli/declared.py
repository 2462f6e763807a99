"""What a document declares that the command line cares for: its secrets, and whether it has a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reach_workbench.cli.history import one_event

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node
    from reach_workbench.settings import Limits


def declared_in(text: str, file: str, limits: Limits) -> tuple[str, ...]:
    """The names under `use.secrets` of a document; none when it does not compile."""
    from reach_workbench.runner.loading import compile_text

    program = compile_text(text, file, limits).program
    return program.secrets if program is not None else ()


def is_scheduled(text: str, file: str, limits: Limits) -> bool:
    """Whether the document says when it starts by itself."""
    from reach_workbench.runner.loading import compile_text

    program = compile_text(text, file, limits).program
    return program is not None and program.schedule is not None


async def given_to(node: Node, run: str) -> tuple[str, ...]:
    """The names of the secrets that a run was started with."""
    created = await one_event(node, run, 0)
    return tuple((created.data or {}).get("secrets", ())) if created is not None else ()
