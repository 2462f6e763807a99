"""What a node does with its runs when a person asks: start, step, hold, go on, end, fork."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from reach_workbench.clock import new_run_id
from reach_workbench.engine.events import Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import defuse
from reach_workbench.engine.state import ENDED
from reach_workbench.engine.values import Json
from reach_workbench.errors import ForkRefused, LimitExceeded, NotFound, RunStateError
from reach_workbench.node.breakpoints import clear_breakpoint, listed, set_breakpoint, written
from reach_workbench.node.ground import FOLLOW_SECONDS, Ground
from reach_workbench.node.lineage import check_edits, other_outcome, refuse_other_past
from reach_workbench.node.mailbox import ask
from reach_workbench.node.person import person
from reach_workbench.protocol.debugging import Breakpoint, Outcome
from reach_workbench.protocol.node_views import Decision, RunView, StartRun, StepMode
from reach_workbench.runner.creating import NewFork, NewRun
from reach_workbench.runner.guard import check_capabilities
from reach_workbench.runner.loading import load_state, program_of, rebase, recorded_event
from reach_workbench.runner.row import GOING_ON
from reach_workbench.storage.home import holder
from reach_workbench.storage.records import RunRecord


class Steering(Ground):
    """The part of `LocalNode` that drives runs; one that only reads asks the home's owner."""

    # ------------------------------------------------------------ starting and waiting

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
                input=defuse(request.input) if request.secrets else request.input,
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
            await asyncio.sleep(FOLLOW_SECONDS)
            record = self.store.read.run(record.id)

    async def recover(self) -> list[str]:
        """Go on with all runs that an earlier process left in the middle; returns their ids."""
        return await self.runner.recover()

    # ------------------------------------------------------------ holding and going on

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

    def _goable(self, run: str, what: str) -> RunRecord:
        record = self.store.read.run(run)
        if record.status in ENDED:
            raise RunStateError(
                f"run {record.id} has {record.status}: it can't {what}",
                hint=f"`reach fork {record.id} --at SEQ` starts a new run from any of its events",
            )
        return record

    async def _asked(self, kind: str, run: str, **arguments: Json) -> RunView:
        """Ask the process that owns the home to do it."""
        record = self.store.read.run(run)
        await ask(self.store, self.settings, kind, {"run": record.id, **arguments})
        if kind in ("step", "suspend", "cancel"):
            return await self.wait(record.id)
        return self._view(self.store.read.run(record.id))

    # ------------------------------------------------------------ breakpoints

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
        requester: str | None = None,
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
                requester=requester or person(self.settings),
            )
        )
        await self.runner.until_committed(driver)
        return self._view(self.store.read.run(number))


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
