"""The node's heartbeat: which runs are driven, with what, and what happens between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from reach_workbench import __version__
from reach_workbench.clock import Clock
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits as EffectLimits
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.program import Program
from reach_workbench.engine.secrets import shape
from reach_workbench.engine.state import ENDED, State
from reach_workbench.engine.values import Json
from reach_workbench.errors import Bug, HistoryError, LeaseLost, ReachError, RunStateError, SecretsMissing, StoreError
from reach_workbench.jobs.backoff import delay
from reach_workbench.jobs.queue import Queue
from reach_workbench.runner.audience import Audience
from reach_workbench.runner.breakpoints import Breakpoints
from reach_workbench.runner.debug import Debug, Mode, continuing
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.guard import Guard
from reach_workbench.runner.loading import base_of, load_state, recorded_event
from reach_workbench.runner.sink import Sink
from reach_workbench.runner.slots import Slots
from reach_workbench.runner.subworkflows import run_workflow
from reach_workbench.runner.turns import Turns
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

T = TypeVar("T")

JOB: Final = "run.advance"
GOING_ON: Final = ("pending", "running", "waiting")

_PORTION: Final = 100
_THREADS: Final = 8
"""Threads in which runs wait for expressions that may loop."""

WITH_ITS_CALLER: Final = "its caller was suspended"
"""The reason of a sub-workflow that was suspended with its caller, and goes on with it."""

_GLANCE: Final = 0.01
"""Seconds between two looks at a run whose driver is just ending."""

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
        self.breakpoints = Breakpoints(store)
        self.guard = Guard(settings, store, clock)
        self.adapters = adapters
        self._holder = clock.entropy(8).hex()
        self.queue = Queue(store, clock, self._holder, lease_seconds=settings.runner.lease_seconds)
        self._drivers: dict[str, Driver] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._queued: dict[str, str | None] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._slots = Slots(settings.runner.concurrent_runs)
        self.turns = Turns()
        self._secrets: dict[str, dict[str, Json]] = {}
        self.families: dict[str, int] = {}
        self._failures: dict[str, ReachError] = {}
        self._listeners: dict[str | None, list[Callable[[str], None]]] = {}
        self._observers: list[Callable[[State, list[Event]], None]] = []
        self._learners: list[Callable[[Json], None]] = []
        sink = settings.lifecycle.sink
        self._sink = Sink(sink, lambda: adapters.web, self._surroundings(settings.home, {})) if sink else None
        self._audience = Audience(self._offer_to, self._sink.put if self._sink is not None else None)
        self.on_emission: Callable[[], None] | None = None
        """Called when a run has emitted CloudEvents, which are in the store by then."""
        self._heart: asyncio.Task[None] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._closing = False

    # ------------------------------------------------------------ starting

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
        parent: tuple[str, int] | None = None,
        at_once: bool = False,
        unit: Unit | None = None,
        requester: str | None = None,
        may: Sequence[str] | None = None,
    ) -> Driver:
        """Create a run and begin to drive it; its driver's `committed` tells when it is durable.

        What `unit` holds is committed with the run's creation.
        `parent` are the run and the command that start it. `at_once` takes no place of another run:
        for a sub-workflow that runs in the place of its caller. `requester` is whoever asks for the run, `may` are the
        capabilities that it is given: all of them with None.
        """
        now = self.clock.now()
        key = self.store.new_run_key()
        unit = unit or Unit()
        self._add_program(unit, program, str(file) if file is not None else None, now)
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
            parent=parent[0] if parent is not None else None,
            parent_command=parent[1] if parent is not None else None,
            breakpoints=breakpoints,
            secrets=tuple(secrets),
            capabilities=tuple(may or ()),
        )
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
        if requester is not None:
            data["requester"] = requester
        if may is not None:
            data["may"] = list(may)
        if parent is not None:
            data["parent"] = {"run": parent[0], "command": parent[1]}
        self._secrets[run] = dict(secrets)
        driver = Driver(
            self,
            key,
            run,
            State(program),
            base=base,
            surroundings=self._surroundings(base, self._secrets[run]),
            parent=parent[0] if parent is not None else None,
            debug=Debug(frozenset(breakpoints), hold_first=hold),
            token=self._employ(unit, run, now),
        )
        self._launch(driver, Fact("workflow.created", now, data), unit, slots=None if at_once else self._slots)
        return driver

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
        outcome: Fact | None = None,
        requester: str | None = None,
    ) -> Driver:
        """A new run that shares the first `at` events of `source`; `state` is the one after them.

        It is `requester` who asks for it, whoever asked for the other.
        `outcome` is what it is told of a command that is pending there.
        """
        now = self.clock.now()
        given = self._given(source, secrets, "be forked")
        key = self.store.new_run_key()
        unit = Unit()
        self._add_program(unit, program, file, now)
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
            secrets=tuple(given),
        )
        # Its timers take as long from now on as they still had to at that event.
        data: dict[str, Json] = {"run": run, "of": source.id, "at": at, "program": program.digest}
        if state.timers:
            data["later"] = max(now - state.at, 0)
        if edits:
            data["edits"] = dict(edits)
        if requester is not None and requester != state.created.get("requester"):
            data["created"] = {"requester": requester}
        self._secrets[run] = given
        driver = Driver(
            self,
            key,
            run,
            state,
            base=base_of(source),
            surroundings=self._surroundings(base_of(source), given),
            debug=Debug(hold_first=hold),
            token=self._employ(unit, run, now),
        )
        if outcome is not None:
            driver.tell(outcome)
        self._launch(driver, Fact("workflow.forked", now, data), unit, slots=self._slots)
        return driver

    def _add_program(self, unit: Unit, program: Program, file: str | None, now: int) -> None:
        unit.add_program(
            digest=program.digest,
            source=program.source,
            file=file,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
        )

    def _employ(self, unit: Unit, run: str, now: int) -> str:
        """Queue the run's job and lease it at once: it is driven from here."""
        unit.enqueue_job(id=run, kind=JOB, created_at=now, run=run, max_attempts=self.settings.runner.job_attempts)
        return self.lease(unit, run)

    def lease(self, unit: Unit, run: str) -> str:
        """Take the run's job for this node, whoever has it; returns the token."""
        token = f"{self._holder}:{self.clock.entropy(8).hex()}"
        now = self.clock.now()
        unit.take_job(run, token, now=now, until=now + self._lease_time)
        return token

    @property
    def _lease_time(self) -> int:
        return round(self.settings.runner.lease_seconds * 1000)

    def _recorded_limits(self) -> dict[str, Json]:
        """The limits that decide what a run records; replaying it must meet the same ones."""
        limits = self.settings.limits
        return {
            "value_bytes": limits.value_bytes,
            "pure_tasks": limits.pure_tasks,
            "events": limits.events,
            "task_depth": limits.task_depth,
        }

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
        given = self._given(record, secrets or {}, "go on")
        driver = await self._alive(record.id)
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
            self._secrets[record.id] = given
            driver = self._load(record, breakpoints, mode, until)
            if record.status == "held" and fact is None and self.clock.now() - driver.state.at >= _STALE:
                fact = Fact("workflow.resumed", self.clock.now(), {})
            if fact is not None:
                driver.tell(fact)
            driver.token = self.lease(unit, record.id)
            self._launch(driver, None, unit, slots=None if at_once else self._slots)
        return driver

    async def pause(self, record: RunRecord) -> None:
        """Hold a run before the next task it starts; one that waits for something holds when it goes on."""
        driver = await self._alive(record.id)
        if driver is None:
            record = self.store.read.run(record.id)
            if record.status not in GOING_ON:
                return
            self._secrets[record.id] = self._given(record, {}, "go on to where it holds")
            driver = self._launch_stored(record.id)
        unit = Unit()
        driver.pause(unit)
        if unit.statements:
            await self.store.commit(unit)

    async def tell(self, record: RunRecord, fact: Fact) -> bool:
        """Record a fact of a run, driven or not, without going on with one that is not; whether it still fitted."""
        driver = await self._alive(record.id)
        if driver is not None:
            return await driver.ask(fact)
        driver = self._load(self.store.read.run(record.id), hear=False)
        answer = driver.ask(fact)
        task = self._launch(driver, None, Unit(), briefly=True)
        await asyncio.wait([task])
        self.raise_failure(record.id)
        if driver.is_being_cancelled:
            await self._end_told(record.id)
        return await answer

    async def _end_told(self, run: str) -> None:
        """See a run through that was told to end, whatever a person had stopped it for; somebody else may do so."""
        if await self._alive(run) is not None or self.store.read.run(run).status in ENDED:
            return
        ending = self._load(self.store.read.run(run), hear=False)
        unit = Unit()
        ending.token = self.lease(unit, run)
        await asyncio.wait([self._launch(ending, None, unit)])

    async def cancel(self, record: RunRecord, fact: Fact) -> None:
        """Tell a run that it is cancelled, and let it end; that takes no secrets and no place of another run."""
        driver = await self._alive(record.id)
        if driver is not None:
            driver.tell(fact)
            return
        self._cancel_stored(self.store.read.run(record.id), fact)

    def _cancel_stored(self, record: RunRecord, fact: Fact) -> None:
        driver = self._load(record, hear=False)
        driver.tell(fact)
        unit = Unit()
        driver.token = self.lease(unit, record.id)
        self._launch(driver, None, unit)

    async def _alive(self, run: str) -> Driver | None:
        """The driver that takes in what it is told, if there is one.

        One that is just ending is waited for; a run that waits for a place, or to be tried again, gets
        its driver now, which then waits.
        """
        while run in self._tasks:
            driver = self._drivers.get(run)
            if driver is not None and driver.open:
                return driver
            task = self._tasks[run]
            if run in self._queued:
                task.cancel()
                await asyncio.wait([task])
                if run not in self._tasks:  # nobody else has launched it meanwhile
                    return self._launch_stored(run)
                continue
            await asyncio.wait([task], timeout=_GLANCE)
        return None

    def _launch_stored(self, run: str) -> Driver:
        driver = self._load(self.store.read.run(run))
        unit = Unit()
        driver.token = self.lease(unit, run)
        self._launch(driver, None, unit, slots=self._slots)
        return driver

    def _given(self, record: RunRecord, secrets: Mapping[str, Json], what: str) -> dict[str, Json]:
        """The run's secrets: given now, or before in this process."""
        given = {**self._secrets.get(record.id, {}), **secrets}
        missing = [name for name in record.secrets if name not in given]
        if missing:
            raise SecretsMissing(
                f"run {record.id} can't {what} without its secrets: {', '.join(missing)}",
                hint="runs never store them; give them again with "
                + " ".join(f"--secret {n}=@FILE" for n in missing)
                + ", or keep them with `reach secret set`",
            )
        return given

    def _load(
        self,
        record: RunRecord,
        breakpoints: frozenset[str] | None = None,
        mode: Mode | None = None,
        until: str | None = None,
        hear: bool = True,
    ) -> Driver:
        """A driver for a stored run; `hear`: it is offered the events it missed."""
        origins = Origins()
        state = load_state(self.store, record, origins=origins)
        points = frozenset(record.breakpoints) if breakpoints is None else breakpoints
        debug = continuing(state, points, mode, until)
        if mode is None and record.status in GOING_ON and (record.waiting or {}).get("pausing"):
            debug = Debug(points, mode="into")
        driver = Driver(
            self,
            record.key,
            record.id,
            state,
            base=base_of(record),
            surroundings=self._surroundings(base_of(record), self._secrets.get(record.id, {})),
            parent=record.parent,
            debug=debug,
            status=record.status,
            unbegun=tuple((record.waiting or {}).get("unbegun", ())),
            origins=origins,
        )
        if hear and state.listeners and record.status in GOING_ON:
            for event in self._missed(record, state):
                driver.offer(event, self.clock.now())
        return driver

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
        Runs whose secrets nobody has given again are suspended.
        """
        await self._renew()
        await self.queue.take_back()
        found: list[str] = []
        while jobs := await self.queue.lease(_PORTION):
            for job in jobs:
                if job.kind != JOB or job.run is None or job.run in self._tasks:
                    continue
                found.append(job.run)
                record = self.store.read.run(job.run)
                try:
                    self._given(record, {}, "go on")
                except RunStateError as missing:
                    await self.tell(record, Fact("workflow.suspended", self.clock.now(), {"reason": missing.message}))
                else:
                    self._queued[job.run] = job.token
                    self._spawn(job.run, self._when_free(job.run, job.token))
        self._start_heart()
        return found

    # ------------------------------------------------------------ driving

    def _launch(
        self, driver: Driver, first: Fact | None, unit: Unit, *, slots: Slots | None = None, briefly: bool = False
    ) -> asyncio.Task[None]:
        if self._closing:
            raise RunStateError("the node is being closed", hint="start it again")
        driver.slots = slots
        driver.open = not briefly
        self._start_heart()
        self._failures.pop(driver.run, None)
        self._drivers[driver.run] = driver
        return self._spawn(driver.run, self._see_through(driver, first, None if unit.is_empty else unit, briefly))

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

    def _start_heart(self) -> None:
        if self._heart is None:
            self._heart = asyncio.get_running_loop().create_task(self._beat())

    async def _when_free(self, run: str, token: str | None) -> None:
        """Load a run and drive it once there is a place for it."""
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
            record = self.store.read.run(run)
            driver = self._load(record)
        except Exception as wrong:
            if place is not None:
                self._slots.leave(place)
            await self._fail(run, token, wrong)
            return
        driver.slots, driver.place = self._slots, place
        unit = Unit()
        driver.token = token or self.lease(unit, run)
        self._drivers[run] = driver
        await self._see_through(driver, None, None if unit.is_empty else unit, False)

    async def _see_through(self, driver: Driver, first: Fact | None, unit: Unit | None, briefly: bool) -> None:
        """Drive the run to its end or to where it stops. What fails is tried again after a while."""
        run = driver.run
        due: int | None = None
        try:
            await driver.drive(first, unit, briefly=briefly)
            if driver.state.ended:
                self._secrets.pop(run, None)
        except Exception as wrong:
            due = await self._fail(run, driver.token if driver.committed or first is None else None, wrong)
        finally:
            self._drivers.pop(run, None)
            self._audience.forget(run)
            if driver.parent is not None:
                task, caller = asyncio.current_task(), driver.parent
                assert task is not None
                task.add_done_callback(lambda _: self.announce(caller))  # once nothing drives this run any more
        if due is None or self._closing:
            return
        self._queued[run] = None
        self.announce(run)
        await asyncio.sleep(max(due - self.clock.now(), 0) / 1000)
        self._failures.pop(run, None)
        await self._take_up(run, None, None)

    async def _fail(self, run: str, token: str | None, wrong: Exception) -> int | None:
        """Driving stopped for an error of ours or of the store: keep it for those who ask.

        Returns when to try again: at once is no use where the history or the store is at fault, and
        five attempts are enough for anything else.
        """
        if isinstance(wrong, ReachError):
            failure = wrong
        else:
            failure = Bug(
                f"driving run {run} failed: {wrong!r}",
                hint="please report it with the output of `reach doctor`; the run is kept as it was",
            )
            failure.__cause__ = wrong
        self._failures[run] = failure
        self.store.figures.failures += 1
        if token is None or isinstance(wrong, StoreError):
            return None
        try:
            job = self.store.read.job(run)
            now = self.clock.now()
            again = job.attempts < job.max_attempts and not isinstance(wrong, HistoryError)
            due = now + delay(job.attempts) if again else None
            unit = Unit()
            unit.fail_job(run, token, f"{failure.code}: {failure.message}", at=now, next_run_at=due)
            await self.store.commit(unit)
        except ReachError:
            return None  # the next start of the node tries again
        return due

    async def _beat(self) -> None:
        """Keep the leases of the runs that are driven, or queued for a place, alive."""
        while True:
            await asyncio.sleep(self.settings.runner.lease_seconds / 3)
            try:
                await self._renew()
            except StoreError:
                continue  # locked or full: the leases outlast two more beats

    async def _renew(self) -> None:
        held = {run: token for run, token in self._queued.items() if token is not None}
        held |= {
            driver.run: driver.token
            for driver in self._drivers.values()
            if driver.token is not None and driver.committed
        }
        unit = Unit()
        until = self.clock.now() + self._lease_time
        lost: set[str] = set()
        for run, token in held.items():
            unit.renew_job(run, token, until=until, lost=lost)
        if not unit.is_empty:
            await self.store.commit(unit)
        self.store.figures.leases_lost += len(lost)
        for run in lost:
            driver = self._drivers.get(run)
            if driver is not None and driver.token == held[run]:
                self.hinder(run, LeaseLost(f"the lease of run {run} was lost", hint="`reach resume` goes on with it"))
                driver.stop()

    # ------------------------------------------------------------ what others see

    def hinder(self, run: str, wrong: ReachError | None) -> None:
        """What keeps a run from going on, for those who wait for it; None once it goes on."""
        if wrong is None:
            self._failures.pop(run, None)
        else:
            self._failures[run] = wrong
            self.announce(run)

    def raise_failure(self, run: str) -> None:
        """Raise what keeps the run from going on, if anything does."""
        if run in self._failures:
            raise self._failures[run].with_traceback(None)

    def failure(self, run: str) -> ReachError | None:
        """What keeps the run from going on, if anything does."""
        return self._failures.get(run)

    def settled(self, run: str) -> bool:
        """Whether waiting for the run is of no more use: it has stopped, failed, or needs a person."""
        return run not in self._tasks or self.stuck(run)

    def stuck(self, run: str) -> bool:
        """Whether nothing but a person's decision brings the run on, its own or one about its sub-workflows."""
        if run in self._failures:
            return True
        if run not in self._tasks:  # its caller is about to take it up, unless a person has stopped it
            return self.store.read.has_run(run) and self.store.read.run(run).status in ("held", "suspended")
        driver = self._drivers.get(run)
        if driver is None or not (driver.state.in_doubt or driver.state.gates or driver.children):
            return False
        if not driver.stalled:
            return False
        return all(self.stuck(child) for child in list(driver.children.values()))

    def task(self, run: str) -> asyncio.Task[None] | None:
        """What drives the run, while it is being driven or queued for a place."""
        return self._tasks.get(run)

    def _is_open(self, run: str) -> bool:
        driver = self._drivers.get(run)
        return driver is not None and driver.open

    def driver(self, run: str) -> Driver | None:
        return self._drivers.get(run)

    def driven(self) -> list[Driver]:
        return list(self._drivers.values())

    def subscribe(self, listener: Callable[[str], None], run: str | None = None) -> Callable[[], None]:
        """Call `listener` with a run's id after each commit of that run, or of any; returns how to stop that."""
        self._listeners.setdefault(run, []).append(listener)

        def forget() -> None:
            self._listeners[run].remove(listener)
            if not self._listeners[run]:
                del self._listeners[run]

        return forget

    def observe(
        self, observer: Callable[[State, list[Event]], None], learn: Callable[[Json], None]
    ) -> Callable[[], None]:
        """Call `observer` with the events of each commit, `learn` with every secret of a run; returns how to stop."""
        for secrets in self._secrets.values():
            learn(secrets)
        self._observers.append(observer)
        self._learners.append(learn)

        def forget() -> None:
            self._observers.remove(observer)
            self._learners.remove(learn)

        return forget

    def follow(self, driver: Driver, events: list[Event]) -> None:
        """A driver has committed `events`."""
        self._audience.follow(driver.state, events)
        for observer in self._observers:
            observer(driver.state, events)
        self.announce(driver.run)

    def announce(self, run: str) -> None:
        """Something about the run has changed; whoever waits for its caller may have to know, too."""
        for listener in (*self._listeners.get(run, ()), *self._listeners.get(None, ())):
            listener(run)
        driver = self._drivers.get(run)
        if driver is not None and driver.parent is not None and driver.stalled:
            self.announce(driver.parent)

    # ------------------------------------------------------------ CloudEvents

    def _offer_to(self, run: str, event: dict[str, Json]) -> asyncio.Future[bool] | None:
        driver = self._drivers.get(run)
        return driver.offer(event, self.clock.now()) if driver is not None else None

    def deliver(self, emissions: list[Emission]) -> None:
        """Offer what a run emitted to all runs that wait for events, and wait for none of them."""
        if self.on_emission is not None:
            self.on_emission()
        now = self.clock.now()
        listening = [driver for driver in self._drivers.values() if driver.state.listeners and driver.open]
        for emission in emissions:
            for driver in listening:
                driver.offer(emission.event, now)

    async def offer(self, event: dict[str, Json]) -> list[str]:
        """Offer a CloudEvent to every run that waits for events, driven or not; returns those that durably took it.

        A stored run that nobody drives takes it, and goes on from there when it is resumed.
        """
        now = self.clock.now()
        stored = [
            record
            for record in self.store.read.listening()
            if not self._is_open(record.id) and record.status != "suspended" and "listening" in record.waiting
        ]
        answers = [(driver.run, driver.offer(event, now)) for driver in self.driven() if driver.open]
        taken = [run for run, answer in answers if await answer]
        for record in stored:
            driver = await self._alive(record.id)
            if driver is not None:
                answer = driver.offer(event, now)
            else:
                driver = self._load(self.store.read.run(record.id), hear=False)
                answer = driver.offer(event, now)
                await asyncio.wait([self._launch(driver, None, Unit(), briefly=True)])
            if await answer:
                taken.append(record.id)
        return taken

    # ------------------------------------------------------------ for drivers

    def _surroundings(self, base: Path, secrets: dict[str, Json]) -> Surroundings:
        for learn in self._learners:
            learn(secrets)
        limits = self.settings.limits
        return Surroundings(
            base=base,
            secrets=secrets,
            limits=EffectLimits(output_bytes=limits.output_bytes, effect_seconds=limits.effect_seconds),
            catalog=self.settings.home / "catalog",
        )

    async def perform(self, driver: Driver, command: Command) -> Json:
        if command.kind == "workflow.run":
            try:
                return await run_workflow(self, driver, command)
            except RunStateError:
                if not self._closing:
                    raise
                # No outcome of the command: the driver is about to be stopped, and gives this up.
                return await asyncio.get_running_loop().create_future()
        return await self.adapters.perform(command, driver.surroundings)

    def blocks(self, command: Command) -> bool:
        """Whether performing a `function.call` may take long, so that it must not hold up its run."""
        return self.adapters.functions.waits(command)

    def repeatable(self, command: Command) -> bool:
        """Whether the command may be performed again without asking: a sub-workflow is still the same run."""
        return command.kind == "workflow.run" or self.adapters.idempotent(command)

    def event(self, key: int, seq: int) -> Event:
        """One recorded event of a run."""
        return recorded_event(self.store, key, seq)

    async def aside(self, work: Callable[[], T]) -> T:
        """Do it in a thread of those that are there for nothing else, so that nothing else can use them up."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reach-engine")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # ------------------------------------------------------------ sub-workflows

    async def start_child(
        self, parent: Driver, command: int, program: Program, run: str, input: Json, file: Path | None, awaited: bool
    ) -> None:
        """Start a sub-workflow; returns once it is durable."""
        child = await self.start(
            program,
            run,
            input=input,
            file=file,
            base=file.parent if file is not None else parent.base,
            secrets=self._secrets.get(parent.run, {}),
            parent=(parent.run, command),
            at_once=awaited,
            requester=parent.state.created.get("requester"),
            may=parent.state.created.get("may"),
        )
        await self.until_committed(child)

    async def until_committed(self, driver: Driver) -> None:
        """Until the driver's first commit; raises what prevented it."""
        await driver.known.wait()
        if not driver.committed:
            while driver.run in self._tasks and driver.run not in self._failures:
                await asyncio.sleep(_GLANCE)
            self.raise_failure(driver.run)
            raise RunStateError(f"run {driver.run} was stopped before it began", hint="start it again")

    async def take_up_child(self, parent: Driver, record: RunRecord) -> None:
        """Go on with a sub-workflow that exists, unless a person has stopped it or it has ended."""
        secrets = self._secrets.get(parent.run, {})
        waits_for_us = (record.waiting or {}).get("suspended") == WITH_ITS_CALLER
        lacked_secrets = bool(record.secrets) and record.id not in self._secrets
        driver = self._drivers.get(record.id)
        if driver is not None and driver.open:
            driver.exempt()
        elif record.status in GOING_ON:
            await self.go_on(record, secrets=secrets, at_once=True)
        elif record.status == "suspended" and (waits_for_us or lacked_secrets):
            fact = Fact("workflow.resumed", self.clock.now(), {})
            await self.go_on(record, secrets=secrets, fact=fact, at_once=True)

    def stop_child(self, run: str, *, for_good: bool) -> None:
        """The caller no longer waits for this sub-workflow: cancel it, or suspend it until the caller goes on."""
        now = self.clock.now()
        if for_good:
            fact = Fact("workflow.cancel-requested", now, {"reason": "its caller no longer waits for it"})
        else:
            fact = Fact("workflow.suspended", now, {"reason": WITH_ITS_CALLER})
        driver = self._drivers.get(run)
        if driver is not None and driver.open:
            driver.tell(fact)
        elif for_good and self.store.read.has_run(run):
            self._errand(self._end_child(self.store.read.run(run), fact))

    async def _end_child(self, record: RunRecord, fact: Fact) -> None:
        if record.status not in ENDED and not self._closing:
            await self.cancel(record, fact)

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else, but before the node stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    # ------------------------------------------------------------ ending

    async def stop(self) -> None:
        """Leave all runs where they are, and wait until nothing is performed any more."""
        if self._errands:
            await asyncio.wait(self._errands)
        self._closing = True
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
        if self._threads is not None:
            self._threads.shutdown(wait=False)
        if self._sink is not None:
            await self._sink.close()
