"""What a node answers about documents: whether they compile, what to write in them, and which are in its catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reach_workbench.node import system
from reach_workbench.node.authoring import inspect
from reach_workbench.node.ground import Ground
from reach_workbench.node.schedules import Schedules
from reach_workbench.protocol.authoring import Compilation, Completion, Explanation, WorkflowView


class Writing(Ground):
    """The part of `LocalNode` that is about documents."""

    _schedules: Schedules | None

    async def compile(self, source: str, file: Path) -> Compilation:
        """In a thread: a large document takes longer than runs and screens may be kept waiting."""
        return await asyncio.to_thread(inspect, source, file, self.settings.limits)

    async def complete(self, source: str, line: int, column: int) -> Sequence[Completion]:
        from reach_workbench.node import assisting  # with a table of all words, which runs need not load

        return await asyncio.to_thread(assisting.complete, source, line, column, self.settings.limits)

    async def explain(self, source: str, line: int, column: int) -> Explanation | None:
        from reach_workbench.node import assisting

        return await asyncio.to_thread(assisting.explain, source, line, column, self.settings.limits)

    async def rename(self, source: str, reference: str, name: str) -> str:
        from reach_workbench.node import assisting

        return await asyncio.to_thread(assisting.renamed, source, reference, name, self.settings.limits)

    async def format(self, source: str) -> str:
        from reach_workbench.node import assisting

        return await asyncio.to_thread(assisting.formatted, source, self.settings.limits)

    async def workflows(self) -> Sequence[WorkflowView]:
        return system.workflows(self.store)

    async def add(self, source: str, file: Path) -> str:
        self._owner("add a workflow")
        program = self._program(source, file)
        unit = self.store.unit()
        now = self.clock.now()
        named: dict[str, Any] = {
            "namespace": program.namespace,
            "name": program.name,
            "version": program.version,
        }
        unit.add_program(digest=program.digest, source=source, file=str(file.resolve()), created_at=now, **named)
        unit.add_workflow(program=program.digest, created_at=now, **named)
        await self.store.commit(unit)
        if self._schedules is not None:
            await self._schedules.follow_catalog()
        return f"{program.namespace}/{program.name}:{program.version}"
