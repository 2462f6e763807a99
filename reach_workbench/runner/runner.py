"""The runs of one node, from their start to their end: what may be asked of them, and what their drivers need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.effects.adapters import Adapters
from reach_workbench.engine import emitting
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.state import ENDED
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError, RunStateError
from reach_workbench.runner.audience import Audience
from reach_workbench.runner.breakpoints import Breakpoints
from reach_workbench.runner.creating import Created, Creating, NewFork, NewRun
from reach_workbench.runner.debug import Mode
from reach_workbench.runner.deliveries import Deliveries
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.drivers import Drivers, surroundings_of
from reach_workbench.runner.fleet import Fleet
from reach_workbench.runner.followers import Followers, Observer
from reach_workbench.runner.given_secrets import GivenSecrets
from reach_workbench.runner.guard import Guard
from reach_workbench.runner.host import Caller
from reach_workbench.runner.leases import JOB, Leases
from reach_workbench.runner.row import GOING_ON
from reach_workbench.runner.sink import Sink
from reach_workbench.runner.subworkflows import SubWorkflows
from reach_workbench.runner.threads import Threads
from reach_workbench.runner.turns import Turns
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

_PORTION: Final = 100

_STALE: Final = 1_000
"""Milliseconds a run may have been held before it is told what time it is: timers start from its time."""


class Runner:
    """Drives any number of runs concurrently on one event loop, `concurrent_runs` of them at a time.

    More wait in the store: until its turn comes, a run costs the memory of one small task.
    """

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, evaluator: Evaluator, adapters: Adapters
    ) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self.evaluator = evaluator
        self.adapters = adapters
        self.breakpoints = Breakpoints(store)
        self.guard = Guard(settings, store, clock)
        self.turns = Turns()
        self.leases = Leases(store, clock, settings.runner)
        self.threads = Threads()
        self._secrets = GivenSecrets()
        self._followers = Followers()
        self._sink = self._made_sink()
        self._audience = Audience(self._offer_to, self._sink.put if self._sink is not None else None)
        self._drivers = Drivers(self, self._secrets)
        self._creating = Creating(store, settings, clock, self._secrets, self.leases, self._drivers)
        self._fleet = Fleet(
            store,
            clock,
            settings.runner.concurrent_runs,
            drivers=self._drivers,
            leases=self.leases,
            secrets=self._secrets,
            followers=self._followers,
            audience=self._audience,
        )
        self.deliveries = Deliveries(store, clock, self._fleet, self._drivers)
        self._sub_workflows = SubWorkflows(self, self._secrets)

    def _made_sink(self) -> Sink | None:
        url, home = self.settings.lifecycle.sink, self.settings.home
        return Sink(url, lambda: self.adapters.web, surroundings_of(self.settings, home, {})) if url else None

    # ------------------------------------------------------------ starting

    async def start(self, new: NewRun, *, at_once: bool = False, unit: Unit | None = None) -> Driver:
        """Create a run and begin to drive it; its driver's `committed` tells when it is durable.

        What `unit` holds is committed with the run's creation. `at_once` takes no place of another run:
        for a sub-workflow that runs in the place of its caller.
        """
        return self._launched(self._creating.run(new, unit or Unit()), placed=not at_once)

    async def fork(self, new: NewFork) -> Driver:
        """Create a run that goes on from an event of another, and begin to drive it. Raises SecretsMissing."""
        return self._launched(self._creating.fork(new), placed=True)

    def _launched(self, created: Created, *, placed: bool) -> Driver:
        self._fleet.launch(created.driver, created.first, created.unit, placed=placed)
        return created.driver

    async def recover(self) -> list[str]:
        """Go on with every run that an earlier process left in the middle; returns their ids.

        The node holds its home alone, so a lease that an earlier process left behind is nobody's.
        Runs whose secrets nobody has given again are suspended.
        """
        await self._fleet.renew_leases()
        queue = self.leases.queue
        await queue.take_back()
        found: list[str] = []
        while jobs := await queue.lease(_PORTION):
            for job in jobs:
                if job.kind != JOB or job.run is None or self.task(job.run) is not None:
                    continue
                found.append(job.run)
                record = self.store.read.run(job.run)
                try:
                    self._secrets.complete(record, {}, "go on")
                except RunStateError as missing:
                    await self.tell(record, Fact("workflow.suspended", self.clock.now(), {"reason": missing.message}))
                else:
                    self._fleet.queue(job.run, job.token)
        self._fleet.keep_leases()
        return found

    # ------------------------------------------------------------ going on

    async def go_on(
        self,
        record: RunRecord,
        *,
        secrets: Mapping[str, Json] | None = None,
        breakpoints: frozenset[str] | None = None,
        mode: Mode | None = None,
        until: str | None = None,
        fact: Fact | None = None,
        at_once: bool = False,
    ) -> Driver:
        """Drive a stored run: held, suspended, or left by a process that ended; or redirect one that is driven.

        Raises SecretsMissing when it was started with secrets that were not given again.
        """
        given = self._secrets.complete(record, secrets or {}, "go on")
        driver = await self._fleet.alive(record.id)
        unit = Unit()
        if breakpoints is not None:
            unit.update_run(record.key, breakpoints=sorted(breakpoints))
        if driver is not None:
            if not unit.is_empty:
                await self.store.commit(unit)
            if fact is not None:
                driver.tell(fact)
            if at_once:
                driver.exempt()
            driver.redirect(breakpoints, mode, until)
        else:
            record = self.store.read.run(record.id)
            self._secrets.give(record.id, given)
            driver = self._drivers.stored(record, breakpoints, mode, until)
            if record.status == "held" and fact is None and self.clock.now() - driver.state.at >= _STALE:
                fact = Fact("workflow.resumed", self.clock.now(), {})
            if fact is not None:
                driver.tell(fact)
            driver.take_job(unit)
            self._fleet.launch(driver, None, unit, placed=not at_once)
        return driver

    async def pause(self, record: RunRecord) -> None:
        """Hold a run before the next task it starts; one that waits for something holds when it goes on."""
        driver = await self._fleet.alive(record.id)
        if driver is None:
            record = self.store.read.run(record.id)
            if record.status not in GOING_ON:
                return
            self._secrets.give(record.id, self._secrets.complete(record, {}, "go on to where it holds"))
            driver = self._fleet.launch_stored(record.id)
        unit = Unit()
        driver.pause(unit)
        if unit.statements:
            await self.store.commit(unit)

    async def tell(self, record: RunRecord, fact: Fact) -> bool:
        """Record a fact of a run, driven or not, without going on with one that is not; whether it still fitted."""
        driver = await self._fleet.alive(record.id)
        if driver is not None:
            return await driver.ask(fact)
        driver = self._drivers.stored(self.store.read.run(record.id), hear=False)
        answer = driver.ask(fact)
        await asyncio.wait([self._fleet.launch(driver, None, Unit(), briefly=True)])
        self.raise_failure(record.id)
        if driver.is_being_cancelled:
            await self._end_told(record.id)
        return await answer

    async def _end_told(self, run: str) -> None:
        """See a run through that was told to end, whatever a person had stopped it for; somebody else may do so."""
        if await self._fleet.alive(run) is not None or self.store.read.run(run).status in ENDED:
            return
        await asyncio.wait([self._drive_to_its_end(self._drivers.stored(self.store.read.run(run), hear=False))])

    async def cancel(self, record: RunRecord, fact: Fact) -> None:
        """Tell a run that it is cancelled, and let it end; that takes no secrets and no place of another run."""
        driver = await self._fleet.alive(record.id)
        if driver is not None:
            driver.tell(fact)
            return
        driver = self._drivers.stored(self.store.read.run(record.id), hear=False)
        driver.tell(fact)
        self._drive_to_its_end(driver)

    def _drive_to_its_end(self, driver: Driver) -> asyncio.Task[None]:
        unit = Unit()
        driver.take_job(unit)
        return self._fleet.launch(driver, None, unit)

    # ------------------------------------------------------------ what others see

    def driver(self, run: str) -> Driver | None:
        return self._fleet.driver(run)

    def open_driver(self, run: str) -> Driver | None:
        """The run's driver, if it takes in what it is told."""
        return self._fleet.open_driver(run)

    def driven(self) -> list[Driver]:
        return self._fleet.driven()

    def task(self, run: str) -> asyncio.Task[None] | None:
        """What drives the run, while it is being driven or queued for a place."""
        return self._fleet.task(run)

    def settled(self, run: str) -> bool:
        """Whether waiting for the run is of no more use: it has stopped, failed, or needs a person."""
        return self._fleet.settled(run)

    @property
    def failures(self) -> Mapping[str, ReachError]:
        """What keeps runs from going on, by their ids."""
        return self._fleet.obstacles.all

    def raise_failure(self, run: str) -> None:
        """Raise what keeps the run from going on, if anything does."""
        self._fleet.obstacles.raise_for(run)

    async def until_committed(self, driver: Driver) -> None:
        """Until the driver's first commit; raises what prevented it."""
        await self._fleet.until_committed(driver)

    def subscribe(self, listener: Callable[[str], None], run: str | None = None) -> Callable[[], None]:
        """Call `listener` with a run's id after each change of that run, or of any; returns how to stop that."""
        return self._followers.subscribe(listener, run)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with the events of each commit; returns how to stop that."""
        return self._followers.observe(observer)

    def teach(self, learn: Callable[[Json], None]) -> Callable[[], None]:
        """Call `learn` with the secrets of each run, now and from now on; returns how to stop that."""
        return self._secrets.teach(learn)

    # ------------------------------------------------------------ for drivers

    def follow(self, caller: Caller, events: list[Event]) -> None:
        """A driver has committed `events`."""
        self._audience.follow(caller.state, events)
        self._followers.committed(caller.state, events)
        self._fleet.announce(caller.run)

    def hinder(self, run: str, wrong: ReachError | None) -> None:
        """What keeps a run from going on, for those who wait for it; None once it goes on."""
        self._fleet.hinder(run, wrong)

    def deliver(self, emissions: list[Emission]) -> None:
        """Offer what a run emitted to all runs that wait for events, and wait for none of them."""
        self.deliveries.emitted(emissions)

    def _offer_to(self, run: str, event: dict[str, Json]) -> asyncio.Future[bool] | None:
        driver = self._fleet.driver(run)
        return driver.offer(event, self.clock.now()) if driver is not None else None

    async def perform(self, caller: Caller, command: Command) -> Json:
        if command.kind == "workflow.run":
            return await self._sub_workflows.perform(caller, command)
        return await self.adapters.perform(command, caller.surroundings)

    def blocks(self, command: Command) -> bool:
        """Whether performing a `function.call` may take long, so that it must not hold up its run."""
        return self.adapters.functions.waits(command)

    def repeatable(self, command: Command) -> bool:
        """Whether the command may be performed again without asking: a sub-workflow is still the same run, and
        an event is delivered in the transaction that says so."""
        return command.kind in ("workflow.run", emitting.COMMAND) or self.adapters.idempotent(command)

    def stop_child(self, run: str, *, for_good: bool) -> None:
        """A caller no longer waits for this sub-workflow."""
        self._sub_workflows.stop(run, for_good=for_good)

    # ------------------------------------------------------------ ending

    @property
    def closing(self) -> bool:
        """Whether no run can be driven any more."""
        return self._fleet.closing

    async def stop(self) -> None:
        """Leave all runs where they are, and wait until nothing is performed any more."""
        await self._sub_workflows.finish()
        await self._fleet.stop()
        self.threads.close()
        if self._sink is not None:
            await self._sink.close()
