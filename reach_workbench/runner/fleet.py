"""The runs that this node drives: each in a task of its own, so many at a time, until it ends or stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from reach_workbench.clock import Clock
from reach_workbench.engine.events import Fact
from reach_workbench.errors import Bug, LeaseLost, ReachError, RunStateError, StoreError
from reach_workbench.runner.audience import Audience
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.drivers import Drivers
from reach_workbench.runner.followers import Followers
from reach_workbench.runner.given_secrets import GivenSecrets
from reach_workbench.runner.leases import Leases
from reach_workbench.runner.obstacles import Obstacles
from reach_workbench.runner.slots import Seat, Slots
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

_GLANCE: Final = 0.01
"""Seconds between two looks at a run whose driver is just ending."""


class Fleet:
    """Launches drivers and sees them through; what fails is tried again after a while.

    A run that waits for a place, or to be tried again, has a task and no driver: it costs little memory.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        places: int,
        *,
        drivers: Drivers,
        leases: Leases,
        secrets: GivenSecrets,
        followers: Followers,
        audience: Audience,
    ) -> None:
        self.obstacles = Obstacles()
        self.closing = False
        self._store = store
        self._clock = clock
        self._making = drivers
        self._leases = leases
        self._secrets = secrets
        self._followers = followers
        self._audience = audience
        self._slots = Slots(places)
        self._drivers: dict[str, Driver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._queued: dict[str, str | None] = {}
        self._heart: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ who is driven

    def driver(self, run: str) -> Driver | None:
        return self._drivers.get(run)

    def open_driver(self, run: str) -> Driver | None:
        """The run's driver, if it takes in what it is told."""
        driver = self._drivers.get(run)
        return driver if driver is not None and driver.open else None

    def driven(self) -> list[Driver]:
        return list(self._drivers.values())

    def task(self, run: str) -> asyncio.Task[None] | None:
        """What drives the run, while it is being driven or queued for a place."""
        return self._tasks.get(run)

    async def alive(self, run: str) -> Driver | None:
        """The driver that takes in what it is told, if there is one.

        One that is just ending is waited for; a run that waits for a place, or to be tried again, gets
        its driver now, which then waits.
        """
        while run in self._tasks:
            driver = self.open_driver(run)
            if driver is not None:
                return driver
            task = self._tasks[run]
            if run in self._queued:
                task.cancel()
                await asyncio.wait([task])
                if run not in self._tasks:  # nobody else has launched it meanwhile
                    return self.launch_stored(run)
                continue
            await asyncio.wait([task], timeout=_GLANCE)
        return None

    # ------------------------------------------------------------ launching

    def launch(
        self, driver: Driver, first: Fact | None, unit: Unit, *, placed: bool = False, briefly: bool = False
    ) -> asyncio.Task[None]:
        """Begin to drive. `placed`: in a place among the others, once one is free. Raises RunStateError."""
        if self.closing:
            raise RunStateError("the node is being closed", hint="start it again")
        driver.seat = Seat(self._slots if placed else None)
        driver.open = not briefly
        self.keep_leases()
        self.obstacles.clear(driver.run)
        self._drivers[driver.run] = driver
        return self._spawn(driver.run, self._see_through(driver, first, None if unit.is_empty else unit, briefly))

    def launch_stored(self, run: str) -> Driver:
        """Begin to drive a stored run from where it stands."""
        driver = self._making.stored(self._store.read.run(run))
        unit = Unit()
        driver.take_job(unit)
        self.launch(driver, None, unit, placed=True)
        return driver

    def queue(self, run: str, token: str | None) -> None:
        """Load and drive a stored run once there is a place for it; `token` is the lease of its job."""
        self._queued[run] = token
        self._spawn(run, self._when_free(run, token))

    def _spawn(self, run: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks[run] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(partial(self._forget, run))
        return task

    def _forget(self, run: str, task: asyncio.Task[None]) -> None:
        """The task of a run has ended, or was cancelled before it began."""
        if self._tasks.get(run) is task:
            del self._tasks[run]
            self._queued.pop(run, None)
        self.announce(run)

    async def _when_free(self, run: str, token: str | None) -> None:
        place = self._slots.ask()
        try:
            await place
        except asyncio.CancelledError:
            self._slots.leave(place)
            raise
        await self._take_up(run, token, place)

    async def _take_up(self, run: str, token: str | None, place: asyncio.Future[None] | None) -> None:
        """Load a run in this very task and drive it; `place` is its own if it has one already."""
        self._queued.pop(run, None)
        try:
            driver = self._making.stored(self._store.read.run(run))
        except Exception as wrong:
            if place is not None:
                self._slots.leave(place)
            await self._fail(run, token, wrong)
            return
        driver.seat = Seat(self._slots, place)
        unit = Unit()
        driver.take_job(unit, token)
        self._drivers[run] = driver
        await self._see_through(driver, None, None if unit.is_empty else unit, False)

    async def _see_through(self, driver: Driver, first: Fact | None, unit: Unit | None, briefly: bool) -> None:
        """Drive the run to its end or to where it stops. What fails is tried again after a while."""
        run = driver.run
        due: int | None = None
        try:
            await driver.drive(first, unit, briefly=briefly)
            if driver.state.ended:
                self._secrets.forget(run)
        except Exception as wrong:
            due = await self._fail(run, driver.token if driver.committed or first is None else None, wrong)
        finally:
            self._drivers.pop(run, None)
            self._audience.forget(run)
            if driver.parent is not None:
                task, caller = asyncio.current_task(), driver.parent
                assert task is not None
                task.add_done_callback(lambda _: self.announce(caller))  # once nothing drives this run any more
        if due is None or self.closing:
            return
        self._queued[run] = None
        self.announce(run)
        await asyncio.sleep(max(due - self._clock.now(), 0) / 1000)
        self.obstacles.clear(run)
        await self._take_up(run, None, None)

    async def _fail(self, run: str, token: str | None, wrong: Exception) -> int | None:
        """Driving stopped for an error of ours or of the store: keep it for those who ask.

        Returns when to try again, if that is worth it.
        """
        if isinstance(wrong, ReachError):
            failure = wrong
        else:
            failure = Bug(
                f"driving run {run} failed: {wrong!r}",
                hint="please report it with the output of `reach doctor`; the run is kept as it was",
            )
            failure.__cause__ = wrong
        self.obstacles.put(run, failure)
        self._store.figures.failures += 1
        if token is None or isinstance(wrong, StoreError):
            return None
        return await self._leases.fail(run, token, failure)

    # ------------------------------------------------------------ leases

    def keep_leases(self) -> None:
        """Keep the leases of the runs that are driven, or queued for a place, alive from now on."""
        if self._heart is None:
            self._heart = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._leases.seconds / 3)
            try:
                await self.renew_leases()
            except StoreError:
                continue  # locked or full: the leases outlast two more beats

    async def renew_leases(self) -> None:
        """Prolong them once; a run whose lease was lost is left alone."""
        held = {run: token for run, token in self._queued.items() if token is not None}
        held |= {
            driver.run: driver.token
            for driver in self._drivers.values()
            if driver.token is not None and driver.committed
        }
        for run in await self._leases.renew(held):
            driver = self._drivers.get(run)
            if driver is not None and driver.token == held[run]:
                self.hinder(run, LeaseLost(f"the lease of run {run} was lost", hint="`reach resume` goes on with it"))
                driver.stop()

    # ------------------------------------------------------------ what others wait for

    def hinder(self, run: str, wrong: ReachError | None) -> None:
        """What keeps a run from going on, for those who wait for it; None once it goes on."""
        if wrong is None:
            self.obstacles.clear(run)
        else:
            self.obstacles.put(run, wrong)
            self.announce(run)

    def announce(self, run: str) -> None:
        """Something about the run has changed; whoever waits for its caller may have to know, too."""
        self._followers.announce(run)
        driver = self._drivers.get(run)
        if driver is not None and driver.parent is not None and driver.stalled:
            self.announce(driver.parent)

    def settled(self, run: str) -> bool:
        """Whether waiting for the run is of no more use: it has stopped, failed, or needs a person."""
        return run not in self._tasks or self.stuck(run)

    def stuck(self, run: str) -> bool:
        """Whether nothing but a person's decision brings the run on, its own or one about its sub-workflows."""
        if run in self.obstacles:
            return True
        if run not in self._tasks:  # its caller is about to take it up, unless a person has stopped it
            return self._store.read.has_run(run) and self._store.read.run(run).status in ("held", "suspended")
        driver = self._drivers.get(run)
        if driver is None or not (driver.state.in_doubt or driver.state.gates or driver.children):
            return False
        if not driver.stalled:
            return False
        return all(self.stuck(child) for child in list(driver.children.values()))

    async def until_committed(self, driver: Driver) -> None:
        """Until the driver's first commit; raises what prevented it."""
        await driver.known.wait()
        if not driver.committed:
            while driver.run in self._tasks and driver.run not in self.obstacles:
                await asyncio.sleep(_GLANCE)
            self.obstacles.raise_for(driver.run)
            raise RunStateError(f"run {driver.run} was stopped before it began", hint="start it again")

    # ------------------------------------------------------------ ending

    async def stop(self) -> None:
        """Leave all runs where they are, and wait until none is driven any more."""
        self.closing = True
        while self._tasks:
            for run, task in list(self._tasks.items()):
                driver = self._drivers.get(run)
                if driver is None:
                    task.cancel()
                else:
                    driver.stop()
            await asyncio.wait(list(self._tasks.values()), return_when=asyncio.FIRST_COMPLETED)
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
            self._heart = None
