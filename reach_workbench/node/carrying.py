"""What a node proves of its runs to others: verification, and the capsules that carry runs to other homes."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from reach_workbench.node import archive, capsule
from reach_workbench.node.governing import Governing
from reach_workbench.node.lineage import verify
from reach_workbench.node.mailbox import ask
from reach_workbench.protocol.node_views import Progress, RunView, Verification
from reach_workbench.storage.home import holder


class Carrying(Governing):
    """The part of `LocalNode` that takes runs out of the home and in. What it takes along is vouched for."""

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification:
        """In a thread: replaying a long history must not keep the runs of this node waiting."""
        if archive.is_archive(run):
            work = partial(archive.verify, limits=self.settings.limits)
            return await asyncio.to_thread(work, Path(run), self.evaluator, self.clock, progress)
        record = self.store.read.run(run)
        return await asyncio.to_thread(verify, self.store, record, self.evaluator, self.clock, progress)

    async def export(self, run: str, file: Path, *, unsigned: bool = False) -> None:
        record = self.store.read.run(run)
        key = None if unsigned else await self._own_key()
        evidence = await self.audit_evidence(record.id, until=record.seq, key=key)
        if not self.store.writable and holder(self.settings.home) is not None:
            await ask(self.store, self.settings, "exported", {"run": record.id, "events": record.seq})
        await asyncio.to_thread(capsule.write, self.store, record, file, evidence, key)
        if self.store.writable:
            await self.note_export(record.id, record.seq)

    async def note_export(self, run: str, events: int) -> None:
        """Audit that a run was exported with so many events."""
        record = self.store.read.run(run)
        digest = self.store.read.digest_at(record.key, events)
        unit = self.store.unit()
        unit.audit("run.exported", {"events": events, "digest": digest.hex()}, at=self.clock.now(), run=record.id)
        await self.store.commit(unit)

    async def import_(self, file: Path) -> RunView:
        self._owner("import a run")
        record = await archive.store(self.store, file, self.evaluator, self.clock, self.settings.limits)
        return self._view(record)
