"""CloudEvents to the runs that wait for them: those that runs emit, and those that come from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from reach_workbench.clock import Clock
from reach_workbench.engine.commands import Emission
from reach_workbench.engine.values import Json
from reach_workbench.runner.drivers import Drivers
from reach_workbench.runner.fleet import Fleet
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit


class Deliveries:
    """`on_emission` is called when a run has emitted CloudEvents, which are in the store by then."""

    def __init__(self, store: Store, clock: Clock, fleet: Fleet, drivers: Drivers) -> None:
        self._store = store
        self._clock = clock
        self._fleet = fleet
        self._drivers = drivers
        self.on_emission: Callable[[], None] | None = None

    def emitted(self, emissions: list[Emission]) -> None:
        """Offer what a run emitted to all runs that wait for events, and wait for none of them."""
        if self.on_emission is not None:
            self.on_emission()
        now = self._clock.now()
        listening = [driver for driver in self._fleet.driven() if driver.state.listeners and driver.open]
        for emission in emissions:
            for driver in listening:
                driver.offer(emission.event, now)

    async def offer(self, event: dict[str, Json]) -> list[str]:
        """Offer a CloudEvent to every run that waits for events, driven or not; returns those that durably took it.

        A stored run that nobody drives takes it, and goes on from there when it is resumed.
        """
        now = self._clock.now()
        stored = [
            record
            for record in self._store.read.listening()
            if self._fleet.open_driver(record.id) is None
            and record.status != "suspended"
            and "listening" in record.waiting
        ]
        answers = [(driver.run, driver.offer(event, now)) for driver in self._fleet.driven() if driver.open]
        taken = [run for run, answer in answers if await answer]
        for record in stored:
            driver = await self._fleet.alive(record.id)
            if driver is not None:
                answer = driver.offer(event, now)
            else:
                driver = self._drivers.stored(self._store.read.run(record.id), hear=False)
                answer = driver.offer(event, now)
                await asyncio.wait([self._fleet.launch(driver, None, Unit(), briefly=True)])
            if await answer:
                taken.append(record.id)
        return taken
