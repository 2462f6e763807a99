"""Workflows that start by themselves: every, cron, after and on of the catalogued workflows' `schedule`.

The newest version of each catalogued workflow counts. A start and what follows of it are committed with the
run's creation, so a crash neither doubles nor loses one. Times that passed while no node served are made up
for by one start; the others are counted in `skipped`. CloudEvents are read from the log in their order, those
that came while no node served included.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from reach_workbench.clock import Clock, new_run_id
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.node import timetable
from reach_workbench.node.trigger import Trigger
from reach_workbench.protocol.system import ScheduleView
from reach_workbench.runner.creating import NewRun
from reach_workbench.runner.loading import program_of
from reach_workbench.runner.runner import Runner
from reach_workbench.storage.records import ScheduleRecord, WorkflowRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.versions import newest

_KINDS: Final = ("every", "cron", "after", "on")
_PORTION: Final = 100
_KEPT: Final = 1_000
"""CloudEvents whose fate is remembered for those who published them, and that are weighed again after a restart."""

_PATIENCE: Final = 5.0
"""Seconds until a schedule that could not be started is tried again."""

_LOOKS: Final = 20
"""Times `seconds` that it sleeps at most while something is due later on."""


class Schedules:
    """See the module. `look` does what is due; `start` keeps looking until `stop`."""

    def __init__(self, runner: Runner, store: Store, clock: Clock, evaluator: Evaluator, seconds: float) -> None:
        self._runner = runner
        self._store = store
        self._clock = clock
        self._evaluator = evaluator
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._stale = True
        self._next: int | None = None
        self._news = asyncio.Event()
        self._heard: dict[str, int] = {}
        self._triggers: dict[str, tuple[ScheduleRecord, Trigger]] = {}
        self._fates: OrderedDict[tuple[str, str], list[str]] = OrderedDict()
        self._followed: dict[str, Callable[[], None]] = {}

    async def start(self) -> None:
        """Follow the catalog, and begin to look."""
        await self.follow_catalog()
        self._runner.deliveries.on_emission = self._rouse
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Start nothing any more; a start that is under way is finished."""
        self._runner.deliveries.on_emission = None
        async with self._lock:
            if self._task is not None:
                self._task.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        for forget in self._followed.values():
            forget()
        self._followed.clear()

    # ------------------------------------------------------------ what there is

    async def follow_catalog(self) -> None:
        """Keep what the newest version of each catalogued workflow says about starting by itself."""
        async with self._lock:
            rules = await asyncio.to_thread(wanted, self._store)
            known = {schedule.id: schedule for schedule in self._store.read.schedules()}
            unit, now = self._store.unit(), self._clock.now()
            for id, (record, kind, rule) in rules.items():
                before = known.get(id)
                if before is None or before.rule != rule:
                    unit.put_schedule(
                        id=id,
                        program=record.program,
                        namespace=record.namespace,
                        name=record.name,
                        version=record.version,
                        kind=kind,
                        rule=rule,
                        next_at=timetable.first(kind, rule, now),
                        heard=self._store.read.last_cloudevent(),
                        at=now,
                    )
                    self._heard.pop(id, None)
                elif before.program != record.program:
                    unit.renew_schedule(id, program=record.program, version=record.version)
            for id in known.keys() - rules.keys():
                unit.drop_schedule(id)
            if not unit.is_empty:
                await self._store.commit(unit)
            self._triggers.clear()
            self._rouse()

    # ------------------------------------------------------------ looking

    async def look(self) -> None:
        """Start what is due by now."""
        async with self._lock:
            self._stale = False
            following: list[int] = []
            for schedule in self._store.read.schedules():
                try:
                    due = await self._see_to(schedule)
                except (ReachError, Fault):
                    self._store.figures.failures += 1
                    due = self._clock.now() + round(_PATIENCE * 1000)
                if due is not None:
                    following.append(due)
            self._next = min(following, default=None)
            self._news.set()

    async def _work(self) -> None:
        while True:
            if self._stale or (self._next is not None and self._next <= self._clock.now()):
                try:
                    await self.look()
                except ReachError:
                    self._stale = True  # the store is locked or full for now
                    await asyncio.sleep(_PATIENCE)
                    continue
                await asyncio.sleep(self._seconds)  # what comes together is looked at together
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest()):  # wait_for loses a cancellation up to Python 3.11
                    await self._news.wait()
            self._news.clear()

    def _rest(self) -> float | None:
        """Seconds until something may be due; not too many, for a clock can be set. None when nothing is."""
        if self._next is None:
            return None
        return max(0.0, min((self._next - self._clock.now()) / 1000, self._seconds * _LOOKS))

    def _rouse(self) -> None:
        self._stale = True
        self._news.set()

    async def _see_to(self, schedule: ScheduleRecord) -> int | None:
        """Start it if it is due; returns when to look again, None when something else will tell."""
        if schedule.kind == "on":
            await self._hear(schedule)
            return None
        now, due = self._clock.now(), schedule.next_at
        if due is None and schedule.kind == "after" and schedule.last_run is not None:
            due = await self._after(schedule, schedule.last_run)
        if due is None or due > now:
            return due
        missed, next_at = timetable.passed(schedule.kind, schedule.rule, due, now)
        run = await self._start(schedule, None, next_at=next_at, skipped=missed)
        if schedule.kind == "after":
            self._follow(schedule.id, run)
        return next_at

    async def _after(self, schedule: ScheduleRecord, run: str) -> int | None:
        """When it starts again, once the run it started has ended."""
        record = self._store.read.run(run)
        if record.status not in ENDED or record.ended_at is None:
            self._follow(schedule.id, run)
            return None
        if (forget := self._followed.pop(schedule.id, None)) is not None:
            forget()
        due = timetable.again(schedule.rule, record.ended_at)
        unit = self._store.unit()
        unit.set_schedule_due(schedule.id, next_at=due)
        await self._store.commit(unit)
        return due

    def _follow(self, id: str, run: str) -> None:
        """Look again once nothing drives that run any more."""

        def look(_: str) -> None:
            if self._runner.task(run) is None:
                self._rouse()

        if id not in self._followed:
            self._followed[id] = self._runner.subscribe(look, run)
            look(run)

    # ------------------------------------------------------------ events

    def fate(self, event: dict[str, Json]) -> list[str] | None:
        """The runs that an event started; empty when it was kept towards a start, None when nobody took it."""
        return self._fates.get((event["source"], event["id"]))

    async def _hear(self, schedule: ScheduleRecord) -> None:
        heard = max(schedule.heard, self._heard.get(schedule.id, 0))
        trigger = self._trigger(schedule)
        while records := self._store.read.cloudevents(after=heard, limit=_PORTION):
            for record in records:
                before, heard = len(trigger.collected), record.key
                hear = partial(trigger.hear, record.payload, record.received_at)
                taken = await self._runner.threads.aside(hear)
                if taken is not None:
                    try:
                        run = await self._start(schedule, taken, next_at=None, skipped=0, heard=heard)
                    except ReachError:
                        self._triggers.pop(schedule.id, None)  # it is weighed again, from what is stored
                        raise
                    self._note(record.payload, run)
                    schedule = self._again(schedule)
                elif len(trigger.collected) != before or heard - schedule.heard >= _KEPT:
                    unit = self._store.unit()
                    unit.collect_for_schedule(schedule.id, heard=heard, collected=trigger.collected)
                    await self._store.commit(unit)
                    schedule = self._again(schedule)
                    if len(trigger.collected) != before:
                        self._note(record.payload, None)
                self._heard[schedule.id] = heard

    def _trigger(self, schedule: ScheduleRecord) -> Trigger:
        known = self._triggers.get(schedule.id)
        if known is None or known[0].program != schedule.program:
            program = program_of(self._store, schedule.program)
            known = (schedule, Trigger(program, schedule.rule, self._evaluator, schedule.collected))
            self._triggers[schedule.id] = known
        return known[1]

    def _again(self, schedule: ScheduleRecord) -> ScheduleRecord:
        return next(each for each in self._store.read.schedules() if each.id == schedule.id)

    def _note(self, event: dict[str, Json], run: str | None) -> None:
        runs = self._fates.setdefault((event["source"], event["id"]), [])
        if run is not None:
            runs.append(run)
        while len(self._fates) > _KEPT:
            self._fates.popitem(last=False)

    # ------------------------------------------------------------ starting

    async def _start(
        self, schedule: ScheduleRecord, input: Json, *, next_at: int | None, skipped: int, heard: int | None = None
    ) -> str:
        """Start the workflow; the run's creation and what follows for the schedule are one commit."""
        run, now = new_run_id(self._clock), self._clock.now()
        unit = self._store.unit()
        unit.start_schedule(
            schedule,
            run=run,
            at=now,
            next_at=next_at,
            skipped=skipped,
            heard=schedule.heard if heard is None else heard,
        )
        program: Program = program_of(self._store, schedule.program)
        file = self._store.read.program(schedule.program).file
        place = Path(file) if file is not None else None
        driver = await self._runner.start(
            NewRun(
                run=run,
                program=program,
                input=input,
                file=place,
                base=place.parent if place is not None else Path.cwd(),
                secrets={},
            ),
            unit=unit,
        )
        await self._runner.until_committed(driver)
        return run


def views(store: Store) -> Sequence[ScheduleView]:
    """What starts by itself, as screens show it."""
    return tuple(
        ScheduleView(
            id=schedule.id,
            workflow=f"{schedule.namespace}/{schedule.name}:{schedule.version}",
            kind=cast(Any, schedule.kind),
            rule=_text(schedule),
            enabled=schedule.enabled,
            next_at=schedule.next_at,
            last_at=schedule.last_at,
            last_run=schedule.last_run,
            started=schedule.started,
            skipped=schedule.skipped,
        )
        for schedule in store.read.schedules()
    )


def _text(schedule: ScheduleRecord) -> str:
    rule = schedule.rule["on"] if schedule.kind == "on" else schedule.rule
    return rule if isinstance(rule, str) else canonical(rule).decode()


def wanted(store: Store) -> dict[str, tuple[WorkflowRecord, str, Json]]:
    """The schedules of the newest versions: the document, the kind and the rule, by id."""
    versions: dict[tuple[str, str], dict[str, WorkflowRecord]] = {}
    for record in store.read.workflows():
        versions.setdefault((record.namespace, record.name), {})[record.version] = record
    found: dict[str, tuple[WorkflowRecord, str, Json]] = {}
    for (namespace, name), records in versions.items():
        record = records[newest(records)]
        if "schedule" not in record.source:
            continue
        try:
            schedule = program_of(store, record.program).schedule
        except ReachError:
            continue  # `reach doctor` and `reach run` say what is wrong with it
        for kind in _KINDS:
            if schedule and kind in schedule:
                rule = schedule[kind]
                if kind == "on":
                    rule = {each: schedule[each] for each in ("on", "read") if each in schedule}
                found[f"{namespace}/{name} {kind}"] = (record, kind, rule)
    return found
