"""Which secrets a workflow or a run asks for, so that the environment may give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node


def declared_in(text: str) -> tuple[str, ...]:
    """The names under `use.secrets` of a document; none when it does not compile."""
    from reach_workbench.engine.compile import compile_document

    program = compile_document(text, "").program
    return program.secrets if program is not None else ()


async def given_to(node: Node, run: str) -> tuple[str, ...]:
    """The names of the secrets that a run was started with."""
    async for event in node.events(run):
        return tuple((event.data or {}).get("secrets", ()))
    return ()
