"""The jobs of runs, and this node's leases on them: whoever drives a run holds its job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.errors import HistoryError, ReachError
from reach_workbench.jobs.backoff import delay
from reach_workbench.jobs.queue import Queue
from reach_workbench.settings import Runner as RunnerSettings
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

JOB: Final = "run.advance"

NEVER: Final = 1 << 52
"""When a job of a held or suspended run is due: only a person brings it back."""


class Leases:
    """`seconds` is how long a lease lasts without being renewed."""

    def __init__(self, store: Store, clock: Clock, settings: RunnerSettings) -> None:
        self._store = store
        self._clock = clock
        self._attempts = settings.job_attempts
        self._holder = clock.entropy(8).hex()
        self.seconds = settings.lease_seconds
        self.queue = Queue(store, clock, self._holder, lease_seconds=self.seconds)

    def employ(self, unit: Unit, run: str, now: int) -> str:
        """Queue a new run's job and lease it at once: it is driven from here. Returns the token."""
        unit.enqueue_job(id=run, kind=JOB, created_at=now, run=run, max_attempts=self._attempts)
        return self.take(unit, run)

    def take(self, unit: Unit, run: str) -> str:
        """Take the run's job for this node, whoever has it; returns the token."""
        token = f"{self._holder}:{self._clock.entropy(8).hex()}"
        now = self._clock.now()
        unit.take_job(run, token, now=now, until=now + round(self.seconds * 1000))
        return token

    async def renew(self, held: Mapping[str, str]) -> set[str]:
        """Prolong the leases of these runs, by their tokens; returns the runs whose leases were lost."""
        unit = Unit()
        until = self._clock.now() + round(self.seconds * 1000)
        lost: set[str] = set()
        for run, token in held.items():
            unit.renew_job(run, token, until=until, lost=lost)
        if not unit.is_empty:
            await self._store.commit(unit)
        self._store.figures.leases_lost += len(lost)
        return lost

    async def fail(self, run: str, token: str, failure: ReachError) -> int | None:
        """An attempt to drive the run failed; returns when to try again, None when the job is a dead letter.

        To try at once is no use where the history is at fault, and five attempts are enough for anything else.
        """
        try:
            job = self._store.read.job(run)
            now = self._clock.now()
            again = job.attempts < job.max_attempts and not isinstance(failure, HistoryError)
            due = now + delay(job.attempts) if again else None
            unit = Unit()
            unit.fail_job(run, token, f"{failure.code}: {failure.message}", at=now, next_run_at=due)
            await self._store.commit(unit)
        except ReachError:
            return None  # the next start of the node tries again
        return due
