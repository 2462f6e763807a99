"""What the store is told of one run: its history, its row, its job, and the audit of its own life."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from reach_workbench.engine.commands import Emission
from reach_workbench.engine.events import Event
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.snapshot import to_text
from reach_workbench.engine.values import Json
from reach_workbench.errors import StoreBusy, StoreFull
from reach_workbench.runner.auditing import audit_run
from reach_workbench.runner.host import Host
from reach_workbench.runner.leases import NEVER
from reach_workbench.runner.row import columns_of
from reach_workbench.storage.unit import Unit
from reach_workbench.telemetry.crashpoints import crash_point

_AGAIN: Final = 0.25
"""Seconds between two attempts to commit while the store is full or locked by another process."""


class Ledger:
    """`status` is the run's status as last committed, `recorded` its last committed event.

    `committed` tells whether there was a first commit, `known` is set once that is known. `token` is the lease of
    the run's job. `reason` is why the run was suspended. While it is `persistent`, a commit is tried again and again.
    """

    def __init__(
        self, host: Host, key: int, run: str, machine: Machine, *, status: str, token: str | None, stale: bool
    ) -> None:
        self.status = status
        self.token = token
        self.recorded = machine.state.seq
        self.committed = False
        self.known = asyncio.Event()
        self.reason: str | None = None
        self.persistent = True
        self._host = host
        self._key = key
        self._run = run
        self._machine = machine
        self._row: dict[str, Json] = {}
        self._row_is_stale = stale
        self._parked = token is None and status in ("held", "suspended")
        self._snapshot_seq = machine.state.seq

    # ------------------------------------------------------------ writing

    def append(
        self, unit: Unit, events: list[Event], digests: list[bytes], emissions: list[Emission], *, audited: bool
    ) -> None:
        """Add what was recorded. `audited`: some of it is about the run's own life."""
        host, state = self._host, self._machine.state
        if events:
            unit.append_events(self._key, events, digests)
            if audited or not self.committed:
                audit_run(unit, self._run, events, digests)
        for emission in emissions:
            unit.put_cloudevent(emission.event, at=max(host.clock.now(), state.at), run=self._run)
        if state.seq - self._snapshot_seq >= host.settings.runner.snapshot_events:
            unit.put_snapshot(self._key, state.seq, to_text(state, self._machine.origins))
            self._snapshot_seq = state.seq

    def changes(self, status: str) -> bool:
        """Whether the row or the job may have to be written for what the run is now."""
        state = self._machine.state
        return bool(
            status != self.status
            or status in ("held", "waiting")
            or self._row_is_stale
            or state.listeners
            or state.in_doubt
            or state.gates
        )

    def update_job(self, unit: Unit, status: str, *, active: bool, busy: bool) -> None:
        """A node that starts goes on with the runs whose jobs are due, and leaves alone those that people stopped."""
        if status in ("held", "suspended") and not busy:
            if self.token is not None or not self._parked:
                token = self.token or self._host.leases.take(unit, self._run)
                unit.release_job(self._run, token, next_run_at=NEVER)
            self._parked, self.token = True, None
        elif active:
            token = self.token = self.token or self._host.leases.take(unit, self._run)
            self._parked = False
            if self._machine.state.ended:
                unit.complete_job(self._run, token, at=self._machine.state.at)
                self.token = None

    def update_row(
        self, unit: Unit, status: str, *, unbegun: Collection[int], pausing: bool, rates: int | None
    ) -> None:
        """See `runner.row`."""
        state = self._machine.state
        columns = columns_of(state, status, unbegun=unbegun, reason=self.reason, pausing=pausing, rates=rates)
        self._row_is_stale = bool(unbegun or state.listeners or state.in_doubt or state.gates or pausing)
        if columns != self._row:
            unit.update_run(self._key, **columns)
            self._row = columns

    def note_pausing(self, unit: Unit) -> None:
        """The run is to be held before the next task it starts; a restart has to know."""
        if self._row:
            self._row["waiting"] = (self._row["waiting"] or {}) | {"pausing": True}
            unit.update_run(self._key, waiting=self._row["waiting"])

    # ------------------------------------------------------------ committing

    async def commit(self, unit: Unit, status: str) -> None:
        """One transaction, after which the run has this status."""
        if not unit.is_empty:
            crash_point("driver.before-commit")
            await self._save(unit)
            crash_point("driver.after-commit")
        self.status = status
        self.recorded = self._machine.state.seq
        self.committed = True
        self.known.set()

    async def _save(self, unit: Unit) -> None:
        """Commit. What a run that is under way has in hand is kept while the store has no room or is locked."""
        hindered = False
        while True:
            try:
                await self._host.store.commit(unit)
                break
            except (StoreBusy, StoreFull) as wrong:
                if not (self.persistent and self.committed):
                    raise
                hindered = True
                self._host.hinder(self._run, wrong)
                await asyncio.sleep(_AGAIN)
        if hindered:
            self._host.hinder(self._run, None)
