"""`LocalNode`: the node of one home, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from reach_workbench.clock import Clock, SystemClock
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.values import Json
from reach_workbench.engineclient import ChildEvaluator
from reach_workbench.errors import (
    NobodyWaits,
    StoreError,
)
from reach_workbench.node import gating, system
from reach_workbench.node.carrying import Carrying
from reach_workbench.node.doctor import examine
from reach_workbench.node.hearing import heard_later
from reach_workbench.node.looking import Looking
from reach_workbench.node.mailbox import Mailbox, ask
from reach_workbench.node.pinning import Pinning
from reach_workbench.node.publishing import complete_event
from reach_workbench.node.refusals import Refusals
from reach_workbench.node.rotating import Signer
from reach_workbench.node.schedules import Schedules
from reach_workbench.node.schedules import views as scheduled
from reach_workbench.node.steering import Steering
from reach_workbench.node.writing import Writing
from reach_workbench.protocol.node_views import (
    Check,
    Published,
    RunView,
)
from reach_workbench.protocol.system import JobState, JobView, NodeInfo, ScheduleView, Vitals
from reach_workbench.runner.passed import Passed
from reach_workbench.runner.runner import Runner
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store

if TYPE_CHECKING:
    from reach_workbench.node.notifying import Notifier


class LocalNode(Looking, Steering, Writing, Carrying):
    """See `protocol.Node`. With `write=False` it only reads, and asks the home's owner for the rest."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, evaluator: Evaluator, functions: Functions | None
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.evaluator = evaluator
        self.started_at = clock.now()
        self._passed = Passed()
        self.runner = Runner(store, settings, clock, evaluator, Adapters(clock, functions))
        self._schedules: Schedules | None = None
        self._notifier = self._made_notifier() if store.writable else None
        self._signer: Signer | None = None
        self._pinning: Pinning | None = None
        self._refusals: Refusals | None = None
        self._mailbox: Mailbox | None = (
            Mailbox(self, store, clock, settings, self.note_export) if store.writable else None
        )

    def _made_notifier(self) -> Notifier | None:
        wanted = self.settings.notify
        if not (wanted.command or wanted.webhook or wanted.desktop):
            return None
        from reach_workbench.node.notifying import Notifier  # few need it, and keys come with it

        notifier = Notifier(self.settings, self.store, self.clock, lambda: self.runner.adapters.web)
        self.runner.observe(notifier.take)
        return notifier

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        write: bool = True,
        clock: Clock | None = None,
        evaluator: Evaluator | None = None,
        functions: Functions | None = None,
        signer: Signer | None = None,
    ) -> LocalNode:
        """Open the home of `settings`; raises HomeInUse when `write` is asked for and another process owns it.

        `signer` gives the node's key, with which the audit log is vouched for; without it no checkpoint is made.
        """
        time = clock or SystemClock()
        store = Store.open(settings, write=write, clock=time)
        node = cls(settings, store, time, evaluator or ChildEvaluator(settings.limits, clock=time), functions)
        node._signer = signer
        if node._mailbox is not None:
            with suppress(StoreError):  # locked or full for now: the next start looks again
                await gating.recover(node.runner, store, time, settings)
            node._mailbox.start()
        if signer is not None and store.writable:
            node._pinning = Pinning(store, settings, time, signer)
            node._pinning.start()
        return node

    async def close(self) -> None:
        """Stop driving runs, which stay as they are, and free the home."""
        try:
            if self._mailbox is not None:
                await self._mailbox.stop()
            if self._schedules is not None:
                await self._schedules.stop()
            await self.runner.stop()
            if self._notifier is not None:
                await self._notifier.close()
            await self.runner.adapters.close()
            if self._refusals is not None:
                self._refusals.close()
            if self._pinning is not None:
                await self._pinning.close()
        finally:
            close = getattr(self.evaluator, "close", None)
            if close is not None:
                close()
            self.store.close()

    # ------------------------------------------------------------ events and schedules

    async def publish(self, event: Mapping[str, Json]) -> Published:
        complete = complete_event(event, self.clock)
        if not self.store.writable:
            answer = await ask(self.store, self.settings, "publish", {"event": complete})
            published = Published(
                complete,
                tuple(answer["consumed_by"]),
                queued=answer.get("queued", False),
                kept_for=tuple(answer.get("kept_for", ())),
            )
        else:
            unit = self.store.unit()
            unit.put_cloudevent(complete, at=self.clock.now())
            await self.store.commit(unit)
            published = await self._offer(complete)
        if not (published.consumed_by or published.queued or published.kept_for):
            raise NobodyWaits(
                f"no run waits for an event like this (type {complete['type']}); it was logged and not kept for later",
                hint="`reach runs --status waiting` lists the runs that wait, `reach show RUN` what for",
            )
        return published

    async def _offer(self, event: dict[str, Json]) -> Published:
        """An event that was logged: to the runs that wait, and to the workflows that it starts."""
        consumed = await self.runner.deliveries.offer(event)
        if self._schedules is None:
            kept_for = await self.runner.threads.aside(lambda: heard_later(self.store, self.evaluator, event))
            return Published(event, tuple(consumed), kept_for=kept_for)
        await self._schedules.look()
        started = self._schedules.fate(event)
        return Published(event, (*consumed, *(started or ())), queued=started == [])

    def hang_bell(self) -> None:
        """Stay for long: let other processes ring when they ask something, instead of looking all the time."""
        self._owner("answer other processes")
        if self._mailbox is not None:
            self._mailbox.hang_bell()

    async def start_schedules(self) -> None:
        """From now on catalogued workflows start by themselves as their `schedule` says, until the node is closed."""
        self._owner("follow schedules")
        if self._schedules is None:
            seconds = self.settings.runner.poll_seconds
            self._schedules = Schedules(self.runner, self.store, self.clock, self.evaluator, seconds)
            await self._schedules.start()

    async def schedules(self) -> Sequence[ScheduleView]:
        return scheduled(self.store)

    # ------------------------------------------------------------ the system

    async def doctor(self) -> Sequence[Check]:
        problem = self._pinning.problem if self._pinning is not None else None
        return await asyncio.to_thread(examine, self.settings, self.store, problem)

    async def info(self) -> NodeInfo:
        return system.info(self.settings, self.store, self.started_at)

    async def vitals(self) -> Vitals:
        return system.vitals(self.store, self.clock)

    async def metrics(self) -> str:
        """What `vitals` says and more, in the Prometheus text format."""
        return system.metrics(self.store)

    def activity(self) -> AsyncIterator[RunView]:
        def view(run: str) -> RunView:
            return self._view(self.store.read.run(run))

        if self.store.writable:
            return system.activity(self.runner, view)
        return system.activity_elsewhere(self.store, view)

    async def jobs(
        self, *, status: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[JobView]:
        return system.jobs(self.store, status, limit, before)

    async def requeue(self, job: str) -> None:
        self._owner("try a job again")
        await system.requeue(self.runner, job)

    async def drop(self, job: str) -> None:
        self._owner("drop a job")
        await self.runner.leases.queue.drop(job)
