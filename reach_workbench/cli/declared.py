"""What a document declares that the command line cares for: its secrets, its tasks, whether it has a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reach_workbench.cli.history import one_event
from reach_workbench.errors import NotFound

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


def references(given: Sequence[str], text: str, file: str, limits: Limits) -> Sequence[str]:
    """The task references given; raises NotFound for the bare name of a task, suggesting its reference."""
    from reach_workbench.runner.loading import compile_text

    for word in given:
        program = compile_text(text, file, limits).program if "/" not in word else None
        meant = [each for each in program.tasks if each.rpartition("/")[2] == word] if program is not None else []
        if meant:
            raise NotFound(f"the workflow has no task {word}", hint=f"did you mean {' or '.join(meant[:5])}?")
    return given


async def given_to(node: Node, run: str) -> tuple[str, ...]:
    """The names of the secrets that a run was started with."""
    created = await one_event(node, run, 0)
    return tuple((created.data or {}).get("secrets", ())) if created is not None else ()
