"""`LocalNode`: the node of one home, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reach_workbench.clock import Clock, SystemClock, new_run_id
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Fact, digest
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED, State, data_frame, replaced
from reach_workbench.engine.values import Json
from reach_workbench.engineclient import ChildEvaluator
from reach_workbench.errors import (
    CompileError,
    ForkRefused,
    HomeReadOnly,
    NobodyWaits,
    NotFound,
    RunStateError,
    UsageError,
)
from reach_workbench.jobs.queue import Queue
from reach_workbench.node import archive
from reach_workbench.node.doctor import examine
from reach_workbench.node.mailbox import Mailbox, ask
from reach_workbench.node.proof import Recorded, prove
from reach_workbench.node.publishing import complete_event, hand_over
from reach_workbench.node.views import changes, comparable, event_view, run_view, state_view
from reach_workbench.protocol.node import (
    Change,
    Check,
    Decision,
    EventView,
    Progress,
    Published,
    RunView,
    StartRun,
    StateView,
    Status,
    StepMode,
    Verification,
)
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.loading import compile_text, load_state, program_of, rebase
from reach_workbench.runner.runner import Runner
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

_FOLLOW_SECONDS = 0.1
"""How often a follower looks for events that another process wrote."""


class LocalNode:
    """See `protocol.Node`. With `write=False` it only reads, and asks the home's owner for the rest."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, evaluator: Evaluator, functions: Functions | None
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.evaluator = evaluator
        adapters = Adapters(clock, functions)
        queue = Queue(store, clock, "local", lease_seconds=settings.runner.lease_seconds)
        self.runner = Runner(store, settings, clock, evaluator, adapters, queue)
        self._mailbox: Mailbox | None = (
            Mailbox(self, store, clock, settings.runner.poll_seconds) if store.writable else None
        )

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        write: bool = True,
        clock: Clock | None = None,
        evaluator: Evaluator | None = None,
        functions: Functions | None = None,
    ) -> LocalNode:
        """Open the home of `settings`; raises HomeInUse when `write` is asked for and another process owns it."""
        time = clock or SystemClock()
        store = Store.open(settings, write=write, clock=time)
        node = cls(settings, store, time, evaluator or ChildEvaluator(settings.limits, clock=time), functions)
        if node._mailbox is not None:
            node._mailbox.start()
        return node

    async def close(self) -> None:
        """Stop driving runs, which stay as they are, and free the home."""
        if self._mailbox is not None:
            await self._mailbox.stop()
        await self.runner.stop()
        await self.runner.adapters.close()
        close = getattr(self.evaluator, "close", None)
        if close is not None:
            close()
        self.store.close()

    # ------------------------------------------------------------ compiling and starting

    async def compile(self, source: str, file: Path) -> Sequence[Diagnostic]:
        return compile_text(source, str(file), self.settings.limits).diagnostics

    def _program(self, source: str, file: Path) -> Program:
        result = compile_text(source, str(file), self.settings.limits)
        if result.program is None:
            errors = [each for each in result.diagnostics if each.severity == "error"]
            count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
            raise CompileError(f"{file} has {count}", diagnostics=tuple(result.diagnostics))
        return result.program

    async def start(self, request: StartRun) -> RunView:
        program = self._program(request.source, request.file)
        unknown = [reference for reference in request.breakpoints if reference not in program.tasks]
        if unknown:
            raise NotFound(
                f"the workflow has no task {unknown[0]}",
                hint="tasks: " + ", ".join(list(program.tasks)[:20]),
            )
        run = new_run_id(self.clock)
        driver = await self.runner.start(
            program,
            run,
            input=request.input,
            file=request.file,
            base=request.file.resolve().parent,
            secrets=request.secrets,
            breakpoints=request.breakpoints,
            hold=request.hold,
        )
        await self._committed(driver)
        return self._view(self.store.read.run(run))

    async def _committed(self, driver: Driver) -> None:
        """Until the driver's first commit, or what prevented it."""
        first = asyncio.ensure_future(driver.committed.wait())
        task = self.runner.task(driver.run)
        await asyncio.wait([first, *([task] if task is not None else [])], return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            first.cancel()
            self.runner.raise_failure(driver.run)

    async def wait(self, run: str) -> RunView:
        record = self.store.read.run(run)
        task = self.runner.task(record.id)
        if task is not None:
            stuck = asyncio.Event()

            def look(name: str) -> None:
                driver = self.runner.driver(name)
                if driver is not None and driver.stuck:
                    stuck.set()

            forget = self.runner.subscribe(look, record.id)
            look(record.id)
            waiter = asyncio.ensure_future(stuck.wait())
            try:
                await asyncio.wait([task, waiter], return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
                forget()
        self.runner.raise_failure(record.id)
        return self._view(self.store.read.run(record.id))

    async def recover(self) -> list[str]:
        """Go on with all runs that an earlier process left in the middle; returns their ids."""
        return await self.runner.recover()

    # ------------------------------------------------------------ looking

    def _view(self, record: RunRecord) -> RunView:
        parent = self.store.read.run_by_key(record.forked_from).id if record.forked_from is not None else None
        return run_view(record, parent)

    async def runs(
        self, *, status: Status | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[RunView]:
        return [self._view(record) for record in self.store.read.runs(status=status, limit=limit, before=before)]

    async def run(self, run: str) -> RunView:
        return self._view(self.store.read.run(run))

    async def events(self, run: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[EventView]:
        record = self.store.read.run(run)
        position = min(after, record.seq)
        value = self.store.read.digest_at(record.key, position)
        while True:
            for chunk in self.store.read.chunks(record.key, position):
                for event in chunk.events:
                    value = digest(value, event)
                    position = event.seq
                    yield event_view(event, value)
                await asyncio.sleep(0)
            if not follow:
                return
            record = self.store.read.run(record.id)
            if record.seq > position:
                continue
            if record.status in ENDED:
                return
            await self._changed(record.id)

    async def _changed(self, run: str) -> None:
        """Until the run may have changed: at once when it is driven here, else after a short while."""
        changed = asyncio.Event()
        forget = self.runner.subscribe(lambda _: changed.set(), run)
        try:
            await asyncio.wait_for(changed.wait(), _FOLLOW_SECONDS)
        except TimeoutError:
            pass
        finally:
            forget()

    def _state(self, run: str, at: int | None) -> tuple[State, str | None]:
        if archive.is_archive(run):
            return archive.load(Path(run)).state(at), None
        record = self.store.read.run(run)
        if at is not None and not 0 <= at <= record.seq:
            raise NotFound(f"run {record.id} has no event {at}", hint=f"its events are 1 to {record.seq}")
        status = record.status if at is None or at == record.seq else None
        return load_state(self.store, record, at), status

    async def state(self, run: str, at: int | None = None) -> StateView:
        return state_view(*self._state(run, at))

    async def diff(self, run: str, before: int, after: int) -> Sequence[Change]:
        left, right = self._state(run, before)[0], self._state(run, after)[0]
        return list(changes(comparable(left), comparable(right)))

    # ------------------------------------------------------------ driving

    async def step(
        self,
        run: str,
        mode: StepMode = "over",
        *,
        until: str | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> RunView:
        if not self.store.writable:
            return await self._asked("step", run, mode=mode, until=until)
        record = self._goable(run, "step")
        if until is not None and until not in program_of(self.store, record.program).tasks:
            raise NotFound(f"the workflow has no task {until}", hint="`reach show` lists its tasks")
        await self.runner.go_on(record, secrets=secrets, mode="until" if until is not None else mode, until=until)
        return await self.wait(record.id)

    def _goable(self, run: str, what: str) -> RunRecord:
        record = self.store.read.run(run)
        if record.status in ENDED:
            raise RunStateError(
                f"run {record.id} has {record.status}: it can't {what}",
                hint=f"`reach fork {record.id} --at SEQ` starts a new run from any of its events",
            )
        return record

    async def resume(
        self, run: str, *, breakpoints: tuple[str, ...] | None = None, secrets: Mapping[str, Json] | None = None
    ) -> RunView:
        if not self.store.writable:
            return await self._asked("resume", run, breakpoints=breakpoints)
        record = self._goable(run, "go on")
        points = frozenset(breakpoints) if breakpoints is not None else None
        fact = Fact("workflow.resumed", self.clock.now(), {}) if record.status == "suspended" else None
        driver = await self.runner.go_on(record, secrets=secrets, breakpoints=points, fact=fact)
        await self._committed(driver)
        return self._view(self.store.read.run(record.id))

    async def suspend(self, run: str, reason: str | None = None) -> RunView:
        if not self.store.writable:
            return await self._asked("suspend", run, reason=reason)
        record = self._goable(run, "be suspended")
        if record.status == "suspended":
            return self._view(record)
        return await self._told(record, "workflow.suspended", {"reason": reason} if reason else {})

    async def cancel(self, run: str, reason: str | None = None) -> RunView:
        if not self.store.writable:
            return await self._asked("cancel", run, reason=reason)
        record = self._goable(run, "be cancelled")
        return await self._told(record, "workflow.cancel-requested", {"reason": reason} if reason else {})

    async def _told(self, record: RunRecord, type_: str, data: dict[str, Json]) -> RunView:
        """Hand a fact to the run, driven here or not, and wait until it has taken it."""
        await self.runner.go_on(record, fact=Fact(type_, self.clock.now(), data))
        return await self.wait(record.id)

    async def resolve(self, run: str, command: int, decision: Decision, *, value: Json = None) -> RunView:
        if not self.store.writable:
            return await self._asked("resolve", run, command=command, decision=decision, value=value)
        record = self._goable(run, "have an effect resolved")
        driver = self.runner.driver(record.id)
        state = driver.state if driver is not None else load_state(self.store, record)
        if command not in state.in_doubt:
            known = ", ".join(str(number) for number in sorted(state.in_doubt)) or "none"
            raise NotFound(f"effect {command} of run {record.id} is not in doubt", hint=f"in doubt: {known}")
        data: dict[str, Json] = {"command": command, "decision": decision}
        if decision == "result":
            data["output"] = value
        elif decision == "fail":
            frame = state.frames[state.commands[command]]
            from reach_workbench.engine.faults import Fault

            fault = Fault("runtime", str(value or "a person decided that the effect failed"), code="resolved-as-failed")
            data["error"] = fault.problem(frame.task.reference if frame.task else None)
        driver = await self.runner.go_on(record, fact=Fact("command.resolved", self.clock.now(), data))
        await self._taken(driver, state.seq)
        return self._view(self.store.read.run(record.id))

    async def _taken(self, driver: Driver, seq: int) -> None:
        """Until the driver has recorded something after event `seq`, or has stopped."""
        task = self.runner.task(driver.run)
        changed = asyncio.Event()
        forget = self.runner.subscribe(lambda _: changed.set(), driver.run)
        try:
            while driver.recorded <= seq and task is not None and not task.done():
                waiter = asyncio.ensure_future(changed.wait())
                await asyncio.wait([task, waiter], return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                changed.clear()
        finally:
            forget()

    # ------------------------------------------------------------ forking

    async def fork(
        self,
        run: str,
        at: int,
        *,
        edits: Mapping[str, Json] | None = None,
        source: str | None = None,
        file: Path | None = None,
        secrets: Mapping[str, Json] | None = None,
        hold: bool = False,
    ) -> RunView:
        self._owner("fork a run")
        record = self.store.read.run(run)
        if not 1 <= at <= record.seq:
            raise NotFound(f"run {record.id} has no event {at}", hint=f"its events are 1 to {record.seq}")
        state = load_state(self.store, record, at)
        if state.ended:
            raise ForkRefused(
                f"run {record.id} had already {state.phase} at event {at}", hint="fork at an earlier event"
            )
        program = state.program
        if source is not None:
            program = self._program(source, file or Path("workflow.yaml"))
            self._refuse_other_past(record, at, program)
            state = rebase(state, program)
        _check_edits(state, edits or {})
        number = new_run_id(self.clock)
        driver = await self.runner.fork(
            record,
            state,
            program,
            number,
            at=at,
            edits=edits or {},
            file=str(file) if file is not None else record.file,
            secrets=secrets or {},
            hold=hold,
        )
        await self._committed(driver)
        return self._view(self.store.read.run(number))

    def _refuse_other_past(self, record: RunRecord, at: int, program: Program) -> None:
        """The changed workflow must give the very same events up to the fork."""
        past = prove(
            record.id,
            [(1 << 62, program)],
            self._recorded(record, at),
            at,
            self.evaluator,
            self.clock,
        )
        if not past.ok:
            raise ForkRefused(
                f"the past of run {record.id} does not fit the changed workflow: {past.message}",
                where=f"event {past.seq}" + (f" at {past.task}" if past.task else ""),
                hint="fork at an earlier event, or change only what comes after this one",
            )

    # ------------------------------------------------------------ proving and carrying

    def _recorded(self, record: RunRecord, until: int | None = None) -> list[Recorded] | _Recordings:
        return _Recordings(self.store, record.key, record.seq if until is None else until)

    def _programs(self, record: RunRecord) -> list[tuple[int, Program]]:
        """The programs along the run's lineage, with the last event each holds for."""
        found: list[tuple[int, Program]] = [(record.seq, program_of(self.store, record.program))]
        while record.forked_from is not None and record.forked_at is not None:
            at = record.forked_at
            record = self.store.read.run_by_key(record.forked_from)
            if at < found[0][0] or len(found) == 1:
                found.insert(0, (at, program_of(self.store, record.program)))
        return _ascending(found)

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification:
        if archive.is_archive(run):
            return archive.verify(Path(run), self.evaluator, self.clock, progress)
        record = self.store.read.run(run)
        return prove(
            record.id,
            self._programs(record),
            self._recorded(record),
            record.seq,
            self.evaluator,
            self.clock,
            progress,
        )

    async def export(self, run: str, file: Path) -> None:
        archive.write(self.store, self.store.read.run(run), file)

    async def import_(self, file: Path) -> RunView:
        self._owner("import a run")
        record = await archive.store(self.store, file, self.evaluator, self.clock)
        return self._view(record)

    # ------------------------------------------------------------ events and workflows

    async def publish(self, event: Mapping[str, Json]) -> Published:
        complete = complete_event(event, self.clock)
        if not self.store.writable:
            answer = await ask(self.store, self.settings, "publish", {"event": complete})
            published = Published(complete, tuple(answer["consumed_by"]))
        else:
            taken = await self.runner.offer(complete)
            taken += await hand_over(self.store, self.runner, complete, self.clock, self.evaluator)
            published = Published(complete, tuple(taken))
        if not published.consumed_by:
            raise NobodyWaits(
                f"no run waits for an event like this (type {complete['type']}); it was logged and not kept for later",
                hint="`reach runs --status waiting` lists the runs that wait, `reach show RUN` what for",
            )
        return published

    async def add(self, source: str, file: Path) -> str:
        self._owner("add a workflow")
        program = self._program(source, file)
        unit = self.store.unit()
        now = self.clock.now()
        named: dict[str, Any] = {
            "namespace": program.namespace,
            "name": program.name,
            "version": program.version,
        }
        unit.add_program(digest=program.digest, source=source, file=str(file.resolve()), created_at=now, **named)
        unit.add_workflow(program=program.digest, created_at=now, **named)
        await self.store.commit(unit)
        return f"{program.namespace}/{program.name}:{program.version}"

    async def doctor(self) -> Sequence[Check]:
        return await asyncio.to_thread(examine, self.settings, self.store)

    # ------------------------------------------------------------ other processes

    def _owner(self, what: str) -> None:
        if not self.store.writable:
            raise HomeReadOnly(
                f"can't {what}: this home is open for reading only",
                where=str(self.settings.home),
                hint="stop the process that owns the home, or use another home with --home",
            )

    async def _asked(self, kind: str, run: str, **arguments: Json) -> RunView:
        """Ask the process that owns the home to do it."""
        record = self.store.read.run(run)
        await ask(self.store, self.settings, kind, {"run": record.id, **arguments})
        return self._view(self.store.read.run(record.id))


class _Recordings:
    """A run's events with the digests as stored; may be gone through more than once."""

    def __init__(self, store: Store, key: int, until: int) -> None:
        self._store, self._key, self._until = store, key, until

    def __iter__(self):  # type: ignore[no-untyped-def]
        for chunk in self._store.read.chunks(self._key, 0, self._until):
            for event, mark in zip(chunk.events, chunk.digests, strict=True):
                yield Recorded(event, mark)


def _ascending(found: list[tuple[int, Program]]) -> list[tuple[int, Program]]:
    """Segments with strictly growing ends: a fork before its ancestor's own fork hides that one."""
    kept: list[tuple[int, Program]] = []
    for end, program in reversed(found):
        if not kept or end < kept[0][0]:
            kept.insert(0, (end, program))
    return kept


def _check_edits(state: State, edits: Mapping[str, Json]) -> None:
    for pointer, value in edits.items():
        head, *steps = pointer.removeprefix("/").split("/")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in steps]
        if not pointer.startswith("/") or head not in ("data", "context"):
            raise UsageError(
                f"{pointer!r} is nothing that can be edited",
                hint="JSON pointers start with /data (what flows into the next task) or /context",
            )
        try:
            replaced(state.context if head == "context" else data_frame(state).value, steps, value)
        except (KeyError, ValueError) as missing:
            raise ForkRefused(
                f"{pointer} does not exist at this event: {missing}",
                hint="`reach state RUN --at SEQ` shows the data there; the last step of the pointer may be new",
            ) from None
