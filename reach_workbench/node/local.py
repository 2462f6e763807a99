"""`LocalNode`: the node of one home, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reach_workbench.clock import Clock, SystemClock, new_run_id
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Fact, digest
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED, State
from reach_workbench.engine.values import Json
from reach_workbench.engineclient import ChildEvaluator
from reach_workbench.errors import (
    CompileError,
    ForkRefused,
    KeyMissing,
    LimitExceeded,
    NobodyWaits,
    NotFound,
    RunStateError,
    StoreError,
)
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import archive, auditlog, capsule, gating, system
from reach_workbench.node.authoring import inspect
from reach_workbench.node.breakpoints import clear_breakpoint, listed, log_lines, set_breakpoint, written
from reach_workbench.node.doctor import examine
from reach_workbench.node.governing import Governing
from reach_workbench.node.lineage import check_edits, other_outcome, refuse_other_past, verify
from reach_workbench.node.mailbox import Mailbox, ask
from reach_workbench.node.person import person
from reach_workbench.node.pinning import Pinning
from reach_workbench.node.publishing import complete_event
from reach_workbench.node.refusals import Refusals
from reach_workbench.node.schedules import Schedules
from reach_workbench.node.schedules import views as scheduled
from reach_workbench.node.views import changes, comparable, event_view, run_view, state_view
from reach_workbench.protocol.authoring import Compilation, Completion, Explanation, WorkflowView
from reach_workbench.protocol.debugging import Breakpoint, LogLine, Outcome
from reach_workbench.protocol.node_views import (
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
from reach_workbench.protocol.system import JobState, JobView, NodeInfo, ScheduleView, Vitals
from reach_workbench.runner.creating import NewFork, NewRun
from reach_workbench.runner.guard import check_capabilities
from reach_workbench.runner.loading import compile_text, load_state, program_of, rebase, recorded_event
from reach_workbench.runner.passed import Passed
from reach_workbench.runner.row import GOING_ON
from reach_workbench.runner.runner import Runner
from reach_workbench.settings import Settings
from reach_workbench.storage.home import holder
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

if TYPE_CHECKING:
    from reach_workbench.node.notifying import Notifier

_FOLLOW_SECONDS = 0.1
"""How often a follower looks for events that another process wrote."""

_OWN_SECONDS = 1.0
"""How often it looks in a home that is this node's own, whose runner tells it of every change."""


class LocalNode(Governing):
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
        self._signer: auditlog.Signer | None = None
        self._pinning: Pinning | None = None
        self._refusals: Refusals | None = None
        self._mailbox: Mailbox | None = (
            Mailbox(self, store, clock, settings.runner.poll_seconds, self.note_export) if store.writable else None
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
        signer: auditlog.Signer | None = None,
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

    # ------------------------------------------------------------ compiling and starting

    async def compile(self, source: str, file: Path) -> Compilation:
        """In a thread: a large document takes longer than runs and screens may be kept waiting."""
        return await asyncio.to_thread(inspect, source, file, self.settings.limits)

    async def complete(self, source: str, line: int, column: int) -> Sequence[Completion]:
        from reach_workbench.node import assisting  # with a table of all words, which runs need not load

        return await asyncio.to_thread(assisting.complete, source, line, column, self.settings.limits)

    async def explain(self, source: str, line: int, column: int) -> Explanation | None:
        from reach_workbench.node import assisting

        return await asyncio.to_thread(assisting.explain, source, line, column, self.settings.limits)

    async def rename(self, source: str, reference: str, name: str) -> str:
        from reach_workbench.node import assisting

        return await asyncio.to_thread(assisting.renamed, source, reference, name, self.settings.limits)

    async def format(self, source: str) -> str:
        from reach_workbench.node import assisting

        return await asyncio.to_thread(assisting.formatted, source, self.settings.limits)

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
        check_capabilities(request.may or ())
        _bound_depth(request.input, self.settings.limits.document_depth)
        run = new_run_id(self.clock)
        driver = await self.runner.start(
            NewRun(
                run=run,
                program=program,
                input=request.input,
                file=request.file,
                base=request.file.resolve().parent,
                secrets=request.secrets,
                breakpoints=request.breakpoints,
                hold=request.hold,
                requester=request.requester or person(self.settings),
                may=request.may,
            )
        )
        await self.runner.until_committed(driver)
        return self._view(self.store.read.run(run))

    async def wait(self, run: str) -> RunView:
        record = self.store.read.run(run)
        if not self.store.writable:
            return await self._settled_elsewhere(record)
        settled = asyncio.Event()

        def look(_: str) -> None:
            if self.runner.settled(record.id):
                settled.set()

        forget = self.runner.subscribe(look, record.id)
        try:
            look(record.id)
            await settled.wait()
        finally:
            forget()
        record = self.store.read.run(record.id)
        if record.status not in ENDED:
            self.runner.raise_failure(record.id)
        return self._view(record)

    async def _settled_elsewhere(self, record: RunRecord) -> RunView:
        """A run that the process drives which owns the home, if there is one."""
        while True:
            view = self._view(record)
            if record.status not in GOING_ON or view.in_doubt or holder(self.settings.home) is None:
                return view
            await asyncio.sleep(_FOLLOW_SECONDS)
            record = self.store.read.run(record.id)

    async def recover(self) -> list[str]:
        """Go on with all runs that an earlier process left in the middle; returns their ids."""
        return await self.runner.recover()

    # ------------------------------------------------------------ looking

    def _view(self, record: RunRecord) -> RunView:
        parent = self.store.read.run_by_key(record.forked_from).id if record.forked_from is not None else None
        children = () if record.status in ENDED else self.store.read.children(record.id)
        return run_view(record, parent, [self._view(child) for child in children if child.status not in ENDED])

    async def runs(
        self,
        *,
        status: Status | None = None,
        workflow: str | None = None,
        text: str = "",
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[RunView]:
        found = self.store.read.runs(status=status, workflow=workflow, text=text, limit=limit, before=before)
        return [self._view(record) for record in found]

    async def run(self, run: str) -> RunView:
        return self._view(self.store.read.run(run))

    async def events(self, run: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[EventView]:
        record = self.store.read.run(run)
        position = min(max(after, 0), record.seq)
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
        seconds = _OWN_SECONDS if self.store.writable else _FOLLOW_SECONDS
        try:
            async with asyncio.timeout(seconds):  # wait_for loses a cancellation up to Python 3.11
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            forget()

    def _state(self, run: str, at: int | None) -> tuple[State, str | None]:
        if archive.is_archive(run):
            return archive.load(Path(run), self.settings.limits).state(at), None
        record = self.store.read.run(run)
        if at is not None and not 0 <= at <= record.seq:
            raise NotFound(f"run {record.id} has no event {at}", hint=f"its events are 1 to {record.seq}")
        status = record.status if at is None or at == record.seq else None
        return load_state(self.store, record, at, passed=self._passed), status

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
        driver = self.runner.driver(record.id)
        if driver is not None and driver.status != "held":
            raise RunStateError(
                f"run {record.id} is {driver.status}: only a held run can take a step",
                hint=f"`reach suspend {record.id}` stops it, `reach resume {record.id} --break REF` holds it at a task",
            )
        if until is not None and until not in program_of(self.store, record.program).tasks:
            raise NotFound(f"the workflow has no task {until}", hint="`reach show` lists its tasks")
        fact = Fact("workflow.resumed", self.clock.now(), {}) if record.status == "suspended" else None
        driver = await self.runner.go_on(
            record, secrets=secrets, mode="until" if until is not None else mode, until=until, fact=fact
        )
        await self.runner.until_committed(driver)
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
        await self.runner.until_committed(driver)
        return self._view(self.store.read.run(record.id))

    async def breakpoints(self) -> Sequence[Breakpoint]:
        return listed(self.runner.breakpoints, self.store)

    async def set_breakpoint(self, breakpoint: Breakpoint) -> Breakpoint:
        if not self.store.writable:
            answer = await ask(self.store, self.settings, "set-breakpoint", {"breakpoint": written(breakpoint)})
            return Breakpoint(**answer["breakpoint"])
        return await set_breakpoint(breakpoint, self.runner.breakpoints, self.store, self.clock)

    async def clear_breakpoint(self, id: str) -> None:
        if not self.store.writable:
            await ask(self.store, self.settings, "clear-breakpoint", {"id": id})
            return
        await clear_breakpoint(id, self.runner.breakpoints, self.store)

    async def log_lines(self, run: str) -> Sequence[LogLine]:
        return log_lines(self.store, run)

    async def pause(self, run: str) -> RunView:
        if not self.store.writable:
            return await self._asked("pause", run)
        record = self._goable(run, "be held")
        await self.runner.pause(record)
        return self._view(self.store.read.run(record.id))

    async def suspend(self, run: str, reason: str | None = None) -> RunView:
        if not self.store.writable:
            return await self._asked("suspend", run, reason=reason)
        record = self._goable(run, "be suspended")
        if record.status != "suspended":
            data: dict[str, Json] = {"reason": reason} if reason else {}
            await self.runner.tell(record, Fact("workflow.suspended", self.clock.now(), data))
        return await self.wait(record.id)

    async def cancel(self, run: str, reason: str | None = None) -> RunView:
        if not self.store.writable:
            return await self._asked("cancel", run, reason=reason)
        record = self._goable(run, "be cancelled")
        data: dict[str, Json] = {"reason": reason} if reason else {}
        await self.runner.cancel(record, Fact("workflow.cancel-requested", self.clock.now(), data))
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
            task = state.frames[state.commands[command]].task
            fault = Fault("runtime", str(value or "a person decided that the effect failed"), code="resolved-as-failed")
            data["error"] = fault.problem(task.reference if task else None)
        if not await self.runner.tell(record, Fact("command.resolved", self.clock.now(), data)):
            raise RunStateError(f"effect {command} of run {record.id} was decided meanwhile")
        return self._view(self.store.read.run(record.id))

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
        outcome: Outcome | None = None,
    ) -> RunView:
        self._owner("fork a run")
        record = self.store.read.run(run)
        if not 1 <= at <= record.seq:
            raise NotFound(f"run {record.id} has no event {at}", hint=f"its events are 1 to {record.seq}")
        told: Fact | None = None
        if outcome is not None:
            event, at = recorded_event(self.store, record.key, at), at - 1
            told = other_outcome(load_state(self.store, record, at), event, outcome, self.clock)
        state = load_state(self.store, record, at)
        if state.ended:
            raise ForkRefused(
                f"run {record.id} had already {state.phase} at event {at}", hint="fork at an earlier event"
            )
        program = state.program
        if source is not None:
            program = self._program(source, file or Path("workflow.yaml"))
            await asyncio.to_thread(refuse_other_past, self.store, record, at, program, self.evaluator, self.clock)
            state = rebase(state, program)
        check_edits(state, edits or {})
        number = new_run_id(self.clock)
        driver = await self.runner.fork(
            NewFork(
                run=number,
                source=record,
                at=at,
                state=state,
                program=program,
                edits=edits or {},
                file=str(file) if file is not None else record.file,
                secrets=secrets or {},
                hold=hold,
                outcome=told,
                requester=person(self.settings),
            )
        )
        await self.runner.until_committed(driver)
        return self._view(self.store.read.run(number))

    # ------------------------------------------------------------ proving and carrying

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification:
        """In a thread: replaying a long history must not keep the runs of this node waiting."""
        if archive.is_archive(run):
            work = partial(archive.verify, limits=self.settings.limits)
            return await asyncio.to_thread(work, Path(run), self.evaluator, self.clock, progress)
        record = self.store.read.run(run)
        return await asyncio.to_thread(verify, self.store, record, self.evaluator, self.clock, progress)

    async def export(self, run: str, file: Path, *, unsigned: bool = False) -> None:
        record = self.store.read.run(run)
        key = None if unsigned else await asyncio.to_thread(self._signing_key)
        evidence = await self.audit_evidence(record.id, until=record.seq, key=key)
        if not self.store.writable and holder(self.settings.home) is not None:
            await ask(self.store, self.settings, "exported", {"run": record.id, "events": record.seq})
        await asyncio.to_thread(capsule.write, self.store, record, file, evidence, key)
        if self.store.writable:
            await self.note_export(record.id, record.seq)

    def _signing_key(self) -> SigningKey:
        """The node's key, to sign a capsule with. Raises a KeysError."""
        if self._signer is None:
            raise KeyMissing(
                "this node was opened without a key to sign the capsule with",
                hint="open it with a signer, or export without a signature: `unsigned`",
            )
        return self._signer()

    async def note_export(self, run: str, events: int) -> None:
        """Audit that a run was exported with so many events."""
        record = self.store.read.run(run)
        digest = self.store.read.digest_at(record.key, events)
        unit = self.store.unit()
        unit.audit("run.exported", {"events": events, "digest": digest.hex()}, at=self.clock.now(), run=record.id)
        await self.store.commit(unit)

    async def import_(self, file: Path) -> RunView:
        self._owner("import a run")
        record = await archive.store(self.store, file, self.evaluator, self.clock, self.settings.limits)
        return self._view(record)

    # ------------------------------------------------------------ events and workflows

    async def publish(self, event: Mapping[str, Json]) -> Published:
        complete = complete_event(event, self.clock)
        if not self.store.writable:
            answer = await ask(self.store, self.settings, "publish", {"event": complete})
            published = Published(complete, tuple(answer["consumed_by"]), queued=answer.get("queued", False))
        else:
            unit = self.store.unit()
            unit.put_cloudevent(complete, at=self.clock.now())
            await self.store.commit(unit)
            published = await self._offer(complete)
        if not published.consumed_by and not published.queued:
            raise NobodyWaits(
                f"no run waits for an event like this (type {complete['type']}); it was logged and not kept for later",
                hint="`reach runs --status waiting` lists the runs that wait, `reach show RUN` what for",
            )
        return published

    async def _offer(self, event: dict[str, Json]) -> Published:
        """An event that was logged: to the runs that wait, and to the workflows that it starts."""
        consumed = await self.runner.deliveries.offer(event)
        started: list[str] | None = None
        if self._schedules is not None:
            await self._schedules.look()
            started = self._schedules.fate(event)
        return Published(event, (*consumed, *(started or ())), queued=started == [])

    async def start_schedules(self) -> None:
        """From now on catalogued workflows start by themselves as their `schedule` says, until the node is closed."""
        self._owner("follow schedules")
        if self._schedules is None:
            seconds = self.settings.runner.poll_seconds
            self._schedules = Schedules(self.runner, self.store, self.clock, self.evaluator, seconds)
            await self._schedules.start()

    async def schedules(self) -> Sequence[ScheduleView]:
        return scheduled(self.store)

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
        if self._schedules is not None:
            await self._schedules.follow_catalog()
        return f"{program.namespace}/{program.name}:{program.version}"

    async def doctor(self) -> Sequence[Check]:
        problem = self._pinning.problem if self._pinning is not None else None
        return await asyncio.to_thread(examine, self.settings, self.store, problem)

    # ------------------------------------------------------------ the system

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

    async def workflows(self) -> Sequence[WorkflowView]:
        return system.workflows(self.store)

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

    # ------------------------------------------------------------ other processes

    async def _asked(self, kind: str, run: str, **arguments: Json) -> RunView:
        """Ask the process that owns the home to do it."""
        record = self.store.read.run(run)
        await ask(self.store, self.settings, kind, {"run": record.id, **arguments})
        if kind in ("step", "suspend", "cancel"):
            return await self.wait(record.id)
        return self._view(self.store.read.run(record.id))


def _bound_depth(value: Json, most: int) -> None:
    """Refuse an input that is nested too deeply; how large it is shows when it is recorded."""
    level = [value]
    for _ in range(most + 1):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise LimitExceeded(
        f"the input nests deeper than {most} levels (setting limits.document_depth)",
        hint="nest it less, name a file that the workflow reads, or raise the setting",
    )
