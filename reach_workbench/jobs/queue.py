"""Leased work that survives crashes.

A job is ready when it is queued and due, or when the lease of its holder has run out. Whoever
leases it gets a token; only that token can finish the job, so a holder that was too slow can't
overwrite what its successor did. A holder that needs longer sends heartbeats.

The methods here commit on their own. To finish a job together with the events it caused, put
`complete_in`, `fail_in` or `release_in` into the unit of work that appends them: the unit then
fails as a whole, with LeaseLost, when the lease was lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reach_workbench.clock import Clock, new_run_id
from reach_workbench.engine.values import Json
from reach_workbench.errors import LeaseLost
from reach_workbench.jobs.backoff import delay
from reach_workbench.storage.records import JobRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

_STAMP: Final = 10
"""Characters of a run id that are its time."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work to enqueue. `next_run_at` in milliseconds since 1970, None for at once."""

    kind: str
    payload: Json = None
    run: str | None = None
    priority: int = 0
    max_attempts: int = 5
    next_run_at: int | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """How many jobs there are of each status, and when the next can be leased (None: never)."""

    queued: int
    leased: int
    completed: int
    dead_letter: int
    next_due: int | None


class Queue:
    """The jobs of one store, as one node sees them."""

    def __init__(self, store: Store, clock: Clock, node_id: str, *, lease_seconds: float = 30.0) -> None:
        """`node_id` becomes part of the lease tokens, so that a token tells who holds the job."""
        self._store = store
        self._clock = clock
        self._node = node_id
        self._lease = int(lease_seconds * 1000)
        self._count = 0

    # -- putting in

    async def enqueue(self, job: NewJob) -> str:
        """Put one job in, durably. Returns its id."""
        return (await self.enqueue_many([job]))[0]

    async def enqueue_many(self, jobs: Iterable[NewJob]) -> tuple[str, ...]:
        """Put jobs in, all or none. Those of equal priority and time are leased in this order."""
        unit = self._store.unit()
        ids = self.enqueue_in(unit, jobs)
        await self._store.commit(unit)
        return ids

    def enqueue_in(self, unit: Unit, jobs: Iterable[NewJob]) -> tuple[str, ...]:
        """Add the jobs to a unit of work; they exist once it is committed."""
        now = self._clock.now()
        stem = new_run_id(self._clock)[:_STAMP]
        chance = self._clock.entropy(5).hex()
        ids = []
        for job in jobs:
            # Time, then the order they came in, then chance: ids sort as first come, first served.
            self._count = (self._count + 1) % 1_000_000
            id = f"{stem}{self._count:06d}{chance}"
            ids.append(id)
            unit.enqueue_job(
                id=id,
                kind=job.kind,
                payload=job.payload,
                run=job.run,
                priority=job.priority,
                max_attempts=job.max_attempts,
                next_run_at=job.next_run_at,
                created_at=now,
            )
        return tuple(ids)

    # -- working

    async def lease(self, limit: int = 1) -> tuple[JobRecord, ...]:
        """Up to `limit` ready jobs, now ours: those of the highest priority first, then the longest due.

        Each lease counts as an attempt. A job whose lease ran out on its last attempt is moved to
        the dead letters instead of being given out again.
        """
        now = self._clock.now()
        token = f"{self._node}:{self._clock.entropy(12).hex()}"
        found: list[JobRecord] = []
        unit = self._store.unit()
        unit.lease_jobs(token, now=now, until=now + self._lease, limit=limit, into=found)
        await self._store.commit(unit)
        return tuple(sorted(found, key=lambda job: (-job.priority, job.next_run_at, job.id)))

    async def heartbeat(self, jobs: Sequence[JobRecord]) -> tuple[JobRecord, ...]:
        """Prolong the leases. Returns the jobs that are no longer ours: stop working on them."""
        until = self._clock.now() + self._lease
        lost: set[str] = set()
        unit = self._store.unit()
        for job in jobs:
            unit.renew_job(job.id, _token(job), until=until, lost=lost)
        await self._store.commit(unit)
        return tuple(job for job in jobs if job.id in lost)

    async def complete(self, job: JobRecord) -> None:
        """The job is done. Raises LeaseLost."""
        unit = self._store.unit()
        self.complete_in(unit, job)
        await self._store.commit(unit)

    async def release(self, job: JobRecord, next_run_at: int | None = None) -> None:
        """Give the job back for `next_run_at` (at once by default); the attempt does not count. Raises LeaseLost."""
        unit = self._store.unit()
        self.release_in(unit, job, next_run_at)
        await self._store.commit(unit)

    async def fail(self, job: JobRecord, error: str) -> int | None:
        """The attempt failed. Returns when the next one is due, None when the job is now a dead letter.

        Raises LeaseLost.
        """
        unit = self._store.unit()
        due = self.fail_in(unit, job, error)
        await self._store.commit(unit)
        return due

    def complete_in(self, unit: Unit, job: JobRecord) -> None:
        """As `complete`, within a unit of work."""
        unit.complete_job(job.id, _token(job), at=self._clock.now())

    def release_in(self, unit: Unit, job: JobRecord, next_run_at: int | None = None) -> None:
        """As `release`, within a unit of work."""
        due = self._clock.now() if next_run_at is None else next_run_at
        unit.release_job(job.id, _token(job), next_run_at=due)

    def fail_in(self, unit: Unit, job: JobRecord, error: str) -> int | None:
        """As `fail`, within a unit of work."""
        now = self._clock.now()
        due = now + delay(job.attempts) if job.attempts < job.max_attempts else None
        unit.fail_job(job.id, _token(job), error, at=now, next_run_at=due)
        return due

    async def take_back(self) -> None:
        """Put the jobs that others hold back in the queue.

        For a node that holds the home's lock: every lease but its own is a dead process's.
        """
        unit = self._store.unit()
        unit.take_back_jobs(holder=f"{self._node}:", now=self._clock.now())
        await self._store.commit(unit)

    # -- dead letters and figures

    async def requeue(self, id: str) -> None:
        """Try a dead letter again from the first attempt. Raises NotFound when it is none."""
        unit = self._store.unit()
        unit.requeue_job(id, next_run_at=self._clock.now())
        await self._store.commit(unit)

    async def drop(self, id: str) -> None:
        """Delete a dead letter. Raises NotFound when it is none."""
        unit = self._store.unit()
        unit.drop_job(id)
        await self._store.commit(unit)

    async def forget(self, before: int) -> None:
        """Delete jobs that were completed before this time."""
        unit = self._store.unit()
        unit.forget_jobs(before=before)
        await self._store.commit(unit)

    def stats(self) -> Stats:
        counts = self._store.read.job_counts()
        return Stats(
            queued=counts.get("queued", 0),
            leased=counts.get("leased", 0),
            completed=counts.get("completed", 0),
            dead_letter=counts.get("dead_letter", 0),
            next_due=self._store.read.next_job_due(),
        )


def _token(job: JobRecord) -> str:
    if job.token is None:
        raise LeaseLost(f"the job {job.id} is {job.status}, not leased: nobody can finish it", hint="lease it first")
    return job.token
