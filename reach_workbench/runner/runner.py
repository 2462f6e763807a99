"""The node's heartbeat: which runs are driven, with what, and what happens between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from reach_workbench import __version__
from reach_workbench.clock import Clock
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits as EffectLimits
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.program import Program
from reach_workbench.engine.secrets import shape
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.errors import Bug, ReachError, StoreError
from reach_workbench.jobs.backoff import delay
from reach_workbench.jobs.queue import Queue
from reach_workbench.runner.debug import Debug
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.loading import base_of, load_state, recorded_event
from reach_workbench.runner.subworkflows import child_id, find_program, outcome_of
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

JOB: Final = "run.advance"
_PORTION: Final = 100
GOING_ON: Final = ("pending", "running", "waiting")


class Runner:
    """Drives any number of runs concurrently on one event loop, `concurrent_runs` of them at a time."""

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, evaluator: Evaluator, adapters: Adapters, queue: Queue
    ) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self.evaluator = evaluator
        self.adapters = adapters
        self.queue = queue
        self._drivers: dict[str, Driver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(settings.runner.concurrent_runs)
        self._secrets: dict[str, dict[str, Json]] = {}
        self.failures: dict[str, ReachError] = {}
        self._listeners: dict[str | None, list[Callable[[str], None]]] = {}
        self._heart: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ starting and going on

    async def start(
        self,
        program: Program,
        run: str,
        *,
        input: Json,
        file: Path | None,
        base: Path,
        secrets: Mapping[str, Json],
        breakpoints: tuple[str, ...] = (),
        hold: bool = False,
        parent: Driver | None = None,
        command: int | None = None,
    ) -> Driver:
        """Create a run and begin to drive it; returns once its first events are committed."""
        now = self.clock.now()
        key = self.store.new_run_key()
        unit = Unit()
        unit.add_program(
            digest=program.digest,
            source=program.source,
            file=str(file) if file is not None else None,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
        )
        unit.create_run(
            key=key,
            id=run,
            program=program.digest,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
            file=str(file) if file is not None else None,
            base=base,
            parent=parent.run if parent is not None else None,
            parent_command=command,
            breakpoints=breakpoints,
            secrets=tuple(secrets),
        )
        token = self._employ(unit, run, now)
        data: dict[str, Json] = {
            "run": run,
            "program": program.digest,
            "workflow": {"namespace": program.namespace, "name": program.name, "version": program.version},
            "input": input,
            "seed": self.clock.entropy(8).hex(),
            "secrets": {name: shape(name, value) for name, value in secrets.items()},
            "limits": self._recorded_limits(),
            "runtime": {"name": "reach", "version": __version__},
        }
        if parent is not None:
            data["parent"] = {"run": parent.run, "command": command}
        debug = Debug(frozenset(breakpoints), hold_first=hold)
        driver = Driver(self, key, run, State(program), base=base, secrets=dict(secrets), debug=debug, token=token)
        driver.child = parent is not None
        self._secrets[run] = dict(secrets)
        return await self._launch(driver, Fact("workflow.created", now, data), unit)

    def _employ(self, unit: Unit, run: str, now: int) -> str:
        """Queue the run's job and lease it at once: it is driven from here."""
        unit.enqueue_job(id=run, kind=JOB, created_at=now, run=run, max_attempts=self.settings.runner.job_attempts)
        return self._lease(unit, run, now)

    def _lease(self, unit: Unit, run: str, now: int) -> str:
        token = self.clock.entropy(8).hex()
        unit.take_job(run, token, now=now, until=now + round(self.settings.runner.lease_seconds * 1000))
        return token

    def _recorded_limits(self) -> dict[str, Json]:
        """The limits that decide what a run records; replaying it must meet the same ones."""
        limits = self.settings.limits
        return {
            "value_bytes": limits.value_bytes,
            "pure_tasks": limits.pure_tasks,
            "events": limits.events,
            "task_depth": limits.task_depth,
        }

    async def fork(
        self,
        source: RunRecord,
        state: State,
        program: Program,
        run: str,
        *,
        at: int,
        edits: Mapping[str, Json],
        file: str | None,
        secrets: Mapping[str, Json],
        hold: bool,
    ) -> Driver:
        """A new run that shares the first `at` events of `source`; `state` is the one after them."""
        now = self.clock.now()
        key = self.store.new_run_key()
        unit = Unit()
        unit.add_program(
            digest=program.digest,
            source=program.source,
            file=file,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
        )
        unit.create_run(
            key=key,
            id=run,
            program=program.digest,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
            file=file,
            base=source.base,
            forked_from=source.key,
            forked_at=at,
            secrets=tuple(secrets) or source.secrets,
        )
        token = self._employ(unit, run, now)
        data: dict[str, Json] = {"run": run, "of": source.id, "at": at, "program": program.digest}
        if edits:
            data["edits"] = dict(edits)
        debug = Debug(hold_first=hold)
        driver = Driver(self, key, run, state, base=base_of(source), secrets=dict(secrets), debug=debug, token=token)
        self._secrets[run] = dict(secrets)
        return await self._launch(driver, Fact("workflow.forked", now, data), unit)

    async def go_on(
        self,
        record: RunRecord,
        *,
        secrets: Mapping[str, Json] | None = None,
        breakpoints: frozenset[str] | None = None,
        mode: str | None = None,
        until: str | None = None,
        fact: Fact | None = None,
        token: str | None = None,
    ) -> Driver:
        """Drive a stored run that is not being driven: held, suspended, or left by a process that ended."""
        driver = self._drivers.get(record.id)
        if driver is not None:
            if fact is not None:
                driver.tell(fact)
            return driver
        origins = Origins()
        state = load_state(self.store, record, origins=origins)
        given = dict(secrets or self._secrets.get(record.id, {}))
        driver = Driver(
            self,
            record.key,
            record.id,
            state,
            base=base_of(record),
            secrets=given,
            stored_status=record.status,
            origins=origins,
        )
        self._secrets[record.id] = given
        points = frozenset(record.breakpoints) if breakpoints is None else breakpoints
        driver.go_on(points, mode, until)
        driver.child = record.parent is not None
        unit = Unit()
        if token is not None:
            driver.token = token
        elif not state.ended:
            driver.token = self._lease(unit, record.id, self.clock.now())
        if breakpoints is not None:
            unit.update_run(record.key, breakpoints=sorted(breakpoints))
        if record.status in GOING_ON and state.listeners:
            for event in self._missed(record, state):
                driver.offer(event, self.clock.now())
        return await self._launch(driver, None, unit, told=fact)

    def _missed(self, record: RunRecord, state: State) -> list[dict[str, Json]]:
        """What runs have emitted since this one began to listen, and it has not consumed.

        A crash may have come between the commit that emitted an event and the one that consumed it.
        """
        listening = [state.frames[number] for number in state.listeners]
        consumed = [
            event.data["event"]
            for chunk in self.store.read.chunks(record.key, min(frame.id for frame in listening))
            for event in chunk.events
            if event.type == "event.consumed" and event.data is not None
        ]
        known = {(event["source"], event["id"]) for event in consumed}
        emitted = self.store.read.emitted(min(frame.started_at for frame in listening))
        return [event for event in emitted if (event["source"], event["id"]) not in known]

    async def recover(self) -> list[str]:
        """Go on with every run that an earlier process left in the middle; returns their ids.

        The node holds its home alone, so a lease that an earlier process left behind is nobody's.
        """
        await self.queue.take_back()
        found: list[str] = []
        while jobs := await self.queue.lease(_PORTION):
            for job in jobs:
                if job.kind == JOB and job.run is not None and job.run not in self._drivers:
                    await self.go_on(self.store.read.run(job.run), token=job.token)
                    found.append(job.run)
        return found

    async def _launch(self, driver: Driver, first: Fact | None, unit: Unit, told: Fact | None = None) -> Driver:
        self._drivers[driver.run] = driver
        if told is not None:
            driver.tell(told)
        if self._heart is None:
            self._heart = asyncio.get_running_loop().create_task(self._beat())
        self._tasks[driver.run] = asyncio.get_running_loop().create_task(self._drive(driver, first, unit))
        return driver

    async def _drive(self, driver: Driver, first: Fact | None, unit: Unit) -> None:
        # A sub-workflow runs in the place of its caller: waiting for a slot could wait for itself.
        slots = None if driver.child else self._slots
        if slots is not None:
            await slots.acquire()
        driver.slots = slots
        try:
            await driver.drive(first, unit if unit.statements else None)
        except ReachError as wrong:
            self.failures[driver.run] = wrong
            await self._failed(driver, wrong)
        except Exception as wrong:
            bug = Bug(
                f"driving run {driver.run} failed: {wrong!r}",
                hint="please report it with the output of `reach doctor`; the run is kept as it was",
            )
            bug.__cause__ = wrong
            self.failures[driver.run] = bug
            await self._failed(driver, bug)
        finally:
            if driver.slots is not None:
                driver.slots.release()
            self._drivers.pop(driver.run, None)
            self._tasks.pop(driver.run, None)
            self.announce(driver.run)

    async def _failed(self, driver: Driver, wrong: ReachError) -> None:
        """Driving stopped for an error of ours or of the store: the job is tried again later, or buried."""
        if driver.token is None or isinstance(wrong, StoreError):
            return
        job = self.store.read.job(driver.run)
        now = self.clock.now()
        due = now + delay(job.attempts) if job.attempts < job.max_attempts else None
        unit = Unit()
        unit.fail_job(driver.run, driver.token, f"{wrong.code}: {wrong.message}", at=now, next_run_at=due)
        await self.store.commit(unit)

    async def _beat(self) -> None:
        """Keep the leases of the runs being driven alive."""
        while True:
            await asyncio.sleep(self.settings.runner.lease_seconds / 3)
            unit = Unit()
            until = self.clock.now() + round(self.settings.runner.lease_seconds * 1000)
            lost: set[str] = set()
            for driver in self.driven():
                if driver.token is not None:
                    unit.renew_job(driver.run, driver.token, until=until, lost=lost)
            if unit.statements:
                await self.store.commit(unit)

    async def wait(self, run: str) -> None:
        """Until the run is no longer driven here. Raises what stopped it, if that was an error."""
        task = self._tasks.get(run)
        if task is not None:
            await asyncio.shield(task)
        self.raise_failure(run)

    def raise_failure(self, run: str) -> None:
        """Raise what stopped the driving of a run, once."""
        if run in self.failures:
            raise self.failures.pop(run)

    def task(self, run: str) -> asyncio.Task[None] | None:
        """What drives the run, while it is being driven."""
        return self._tasks.get(run)

    # ------------------------------------------------------------ between runs

    def driver(self, run: str) -> Driver | None:
        return self._drivers.get(run)

    def driven(self) -> list[Driver]:
        return list(self._drivers.values())

    def deliver(self, emissions: list[Emission]) -> None:
        """Offer what a run emitted to all runs that wait for events, and wait for none of them."""
        now = self.clock.now()
        for emission in emissions:
            for driver in self.driven():
                driver.offer(emission.event, now)

    async def offer(self, event: dict[str, Json]) -> list[str]:
        """Offer a CloudEvent to every run that is being driven; returns those that durably took it."""
        now = self.clock.now()
        answers = [(driver.run, driver.offer(event, now)) for driver in self.driven()]
        return [run for run, answer in answers if await answer]

    def subscribe(self, listener: Callable[[str], None], run: str | None = None) -> Callable[[], None]:
        """Call `listener` with a run's id after each commit of that run, or of any; returns how to stop that."""
        self._listeners.setdefault(run, []).append(listener)

        def forget() -> None:
            self._listeners[run].remove(listener)
            if not self._listeners[run]:
                del self._listeners[run]

        return forget

    def announce(self, run: str) -> None:
        for listener in (*self._listeners.get(run, ()), *self._listeners.get(None, ())):
            listener(run)

    # ------------------------------------------------------------ for drivers

    def surroundings(self, base: Path, secrets: dict[str, Json]) -> Surroundings:
        limits = self.settings.limits
        return Surroundings(
            base=base,
            secrets=secrets,
            limits=EffectLimits(output_bytes=limits.output_bytes, effect_seconds=limits.effect_seconds),
            catalog=self.settings.home / "catalog",
        )

    def blocks(self, command: Command) -> bool:
        """Whether performing a `function.call` may take long, so that it must not hold up its run."""
        return self.adapters.functions.waits(command)

    def event(self, key: int, seq: int) -> Event:
        """One recorded event of a run."""
        return recorded_event(self.store, key, seq)

    async def run_workflow(self, parent: Driver, command: Command) -> Json:
        """Perform `workflow.run`: exactly one child for each command, whatever happened before."""
        process = command.arguments["process"]
        run = child_id(command.id)
        record = self.store.read.run(run) if self.store.read.has_run(run) else None
        if record is None:
            self._bound_depth(parent.run)
            base = parent.base
            program, file = find_program(self.store, base, process)
            child = await self.start(
                program,
                run,
                input=process.get("input", {}),
                file=file,
                base=file.parent if file is not None else base,
                secrets=self._secrets.get(parent.run, {}),
                parent=parent,
                command=command.number,
            )
            await child.committed.wait()
        elif record.status in GOING_ON:
            await self.go_on(record, secrets=self._secrets.get(parent.run, {}))
        if not command.arguments["await"]:
            return None
        try:
            await self.wait(run)
        except asyncio.CancelledError:
            if not parent.stopping:
                driver = self._drivers.get(run)
                if driver is not None:
                    driver.tell(
                        Fact("workflow.cancel-requested", self.clock.now(), {"reason": "its caller was cancelled"})
                    )
            raise
        output = outcome_of(self.store.read.run(run))
        return None if command.arguments["return"] == "none" else output

    def _bound_depth(self, run: str | None) -> None:
        """Workflows that run each other without end cost an error, not the machine."""
        most = self.settings.limits.workflow_depth
        depth = 0
        while run is not None:
            run = self.store.read.run(run).parent
            depth += 1
        if depth > most:
            detail = f"more than {most} workflows run inside each other; the limit is the setting limits.workflow_depth"
            raise Fault("runtime", detail, code="limit", title="Limit reached")

    # ------------------------------------------------------------ ending

    async def stop(self) -> None:
        """Leave all runs where they are, and wait until nothing is performed any more."""
        for driver in self.driven():
            driver.stop()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
            self._heart = None
