"""Whatever a crowd of workers does: no job is lost, none is completed twice, the urgent go first."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from reach_workbench.clock import FixedClock
from reach_workbench.errors import LeaseLost
from reach_workbench.jobs.queue import NewJob, Queue
from reach_workbench.settings import Settings
from reach_workbench.storage.records import JobRecord
from reach_workbench.storage.store import Store


class Crowd(RuleBasedStateMachine):
    """Workers lease, finish late, die, restart; a model remembers what must be true of every job."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.clock = FixedClock()
        self.store = Store.open(Settings(home=self.home), write=True, clock=self.clock)
        self.queue = Queue(self.store, self.clock, "n", lease_seconds=10)
        self.holder: dict[str, str] = {}
        self.due: dict[str, int] = {}
        self.priority: dict[str, int] = {}
        self.until: dict[str, int] = {}
        self.left: dict[str, int] = {}
        self.completed: dict[str, int] = {}
        self.dead: set[str] = set()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.home)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    @rule(priority=st.integers(-2, 2), later=st.sampled_from([0, 0, 3_000]), attempts=st.integers(1, 3))
    def enqueue(self, priority: int, later: int, attempts: int) -> None:
        due = self.clock.now() + later
        new = NewJob("j", priority=priority, next_run_at=due, max_attempts=attempts)
        id = self.run(self.queue.enqueue(new))
        self.due[id], self.priority[id], self.left[id] = due, priority, attempts

    @rule(target=held, limit=st.integers(1, 4))
    def lease(self, limit: int) -> Any:
        now = self.clock.now()
        for id in [id for id, until in self.until.items() if until <= now]:
            self.let_go(id)
            if not self.left[id]:
                self.dead.add(id)
        ready = [
            id
            for id, due in self.due.items()
            if due <= now and id not in self.holder and id not in self.completed and id not in self.dead
        ]
        ready.sort(key=lambda id: (-self.priority[id], self.due[id], id))
        jobs = self.run(self.queue.lease(limit))
        assert [job.id for job in jobs] == ready[:limit]
        for job in jobs:
            self.holder[job.id], self.until[job.id] = job.token, job.lease_until
            self.left[job.id] -= 1
        return multiple(*jobs)

    @rule(job=consumes(held))
    def complete(self, job: JobRecord) -> None:
        if self.refused(job, self.queue.complete(job)):
            return
        self.completed[job.id] = self.completed.get(job.id, 0) + 1
        self.let_go(job.id)

    @rule(job=consumes(held), later=st.sampled_from([0, 2_000]))
    def release(self, job: JobRecord, later: int) -> None:
        due = self.clock.now() + later
        if self.refused(job, self.queue.release(job, due)):
            return
        self.let_go(job.id)
        self.due[job.id] = due
        self.left[job.id] += 1

    @rule(job=consumes(held))
    def fail(self, job: JobRecord) -> None:
        outcome: list[int | None] = []

        async def fail() -> None:
            outcome.append(await self.queue.fail(job, "x"))

        if self.refused(job, fail()):
            return
        self.let_go(job.id)
        (due,) = outcome
        assert (due is None) == (self.left[job.id] == 0)
        if due is None:
            self.dead.add(job.id)
        else:
            assert due > self.clock.now()
            self.due[job.id] = due

    @rule(job=held)
    def heartbeat(self, job: JobRecord) -> None:
        ours = self.holder.get(job.id) == job.token
        assert self.run(self.queue.heartbeat([job])) == (() if ours else (job,))
        if ours:
            self.until[job.id] = self.clock.now() + 10_000

    @rule(milliseconds=st.sampled_from([1, 1_000, 10_000]))
    def wait(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(Settings(home=self.home), write=True, clock=self.clock)
        self.queue = Queue(self.store, self.clock, "n", lease_seconds=10)

    @invariant()
    def nothing_is_lost_or_done_twice(self) -> None:
        assert all(times == 1 for times in self.completed.values())
        assert not set(self.completed) & self.dead
        stored = {job.id: job.status for job in self.store.read.jobs(limit=10_000)}
        assert set(stored) == set(self.due)
        for id, status in stored.items():
            if id in self.completed:
                assert status == "completed"
            elif id in self.dead:
                assert status == "dead_letter"
            else:
                assert status == ("leased" if id in self.holder else "queued")

    def refused(self, job: JobRecord, work: Coroutine[Any, Any, Any]) -> bool:
        """Do it; whether it was refused, which must be so exactly when somebody else may hold the job."""
        ours = self.holder.get(job.id) == job.token
        try:
            self.run(work)
        except LeaseLost:
            assert not ours
            return True
        assert ours
        return False

    def let_go(self, id: str) -> None:
        del self.holder[id], self.until[id]


Crowd.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestCrowd = Crowd.TestCase
