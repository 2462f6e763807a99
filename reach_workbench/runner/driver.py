"""One run in memory: facts in, events to the store, commands to the world.

The loop is always the same: take the facts that have arrived, let the machine decide, commit
what it recorded together with what follows from it (timers, emitted events, the run's row,
the job), and only then perform the commands. The outcome of one command and the intent of the
next share a commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from reach_workbench.clock import Clock
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Deferred, Evaluator
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.listening import offer
from reach_workbench.engine.machine import Advance, Machine
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.recorder import command_of
from reach_workbench.engine.snapshot import to_text
from reach_workbench.engine.state import Frame, State
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.runner.debug import Debug, continuing, next_entry
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit
from reach_workbench.telemetry.crashpoints import crash_point

T = TypeVar("T")


class Host(Protocol):
    """What a driver needs of the runner around it."""

    store: Store
    settings: Settings
    clock: Clock
    evaluator: Evaluator
    adapters: Adapters

    def surroundings(self, base: Path, secrets: dict[str, Json]) -> Surroundings: ...

    def blocks(self, command: Command) -> bool: ...

    def event(self, key: int, seq: int) -> Event: ...

    def announce(self, run: str) -> None: ...

    def deliver(self, emissions: list[Emission]) -> None: ...

    async def run_workflow(self, parent: Driver, command: Command) -> Json: ...


BUDGET = 512
"""Events decided before other runs get their turn."""

NEVER = 1 << 52
"""When a job of a held or suspended run is due: only a person brings it back."""

_GRACE = 3.0
"""Seconds that effects in flight are given when their run is suspended."""

_LONG_SLEEP = 60.0
"""Seconds a driver sleeps at most towards a timer: clocks may be set while it does."""


class _Patient:
    """An evaluator that waits for another process only while it `may_wait`: off the event loop."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self.may_wait = False

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        if not self.may_wait:
            raise Deferred
        return self._evaluator.evaluate(expression, data, variables)


class Driver:
    """Drives one run until it has ended, is held or suspended, or the node stops.

    `done` is set when driving ends; `status` then is the run's status.
    """

    def __init__(
        self,
        runner: Host,
        key: int,
        run: str,
        state: State,
        *,
        base: Path,
        secrets: dict[str, Json],
        debug: Debug | None = None,
        token: str | None = None,
        stored_status: str = "pending",
        origins: Origins | None = None,
    ) -> None:
        self.key = key
        self.run = run
        self.debug = debug or Debug()
        self.token = token
        self.status = stored_status
        self._evaluator = _Patient(runner.evaluator)
        self.machine = Machine(state, self._evaluator, origins)
        self.base = base
        self.child = False
        self.slots: asyncio.Semaphore | None = None
        self.committed = asyncio.Event()
        self.recorded = state.seq
        self._runner = runner
        self._surroundings = runner.surroundings(base, secrets)
        self._facts: deque[Fact] = deque()
        self._offers: deque[tuple[dict[str, Json], int, asyncio.Future[bool]]] = deque()
        self._answers: list[tuple[asyncio.Future[bool], bool]] = []
        self._performing: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._stopping = False
        self._repeats: list[int] = []
        self._row: dict[str, Json] = {}
        self._snapshot_seq = state.seq

    @property
    def state(self) -> State:
        return self.machine.state

    # ------------------------------------------------------------ from outside

    def tell(self, fact: Fact) -> None:
        """Hand a fact to the run; it is recorded at the next turn if it still fits."""
        self._facts.append(fact)
        self._wake.set()

    def offer(self, event: dict[str, Json], at: int) -> asyncio.Future[bool]:
        """Offer a CloudEvent. The future tells, once that is durable, whether one of the run's tasks took it."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.state.listeners:
            self._offers.append((event, at, answer))
            self._wake.set()
        else:
            answer.set_result(False)
        return answer

    @property
    def stopping(self) -> bool:
        """Whether the node stops, so that what is cancelled is not the run's own doing."""
        return self._stopping

    def stop(self) -> None:
        """Leave the run as it is: nothing is recorded, and the next start goes on from there."""
        self._stopping = True
        self._wake.set()

    # ------------------------------------------------------------ the loop

    async def drive(self, first: Fact | None = None, unit: Unit | None = None) -> None:
        """Drive the run. `first` is recorded in the same commit as the rest of `unit`."""
        try:
            if first is None:
                self._recover()
            else:
                if first.type == "workflow.forked":
                    # What the past asked for and had not got at the fork is asked for again, under new ids.
                    self._repeats = [number for number in self.state.commands if number not in self.state.in_doubt]
                self._facts.append(first)
            await self._loop(unit)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            await self._abandon(list(self._performing))
            self._answers += [(answer, False) for _, _, answer in self._offers]
            self._answer()

    async def _loop(self, unit: Unit | None) -> None:
        while not self._stopping:
            turn = await self._turn(unit)
            unit = None
            if self.state.ended or self._stopping:
                return
            if turn == "more":
                self._fire_timers()
                await asyncio.sleep(0)
                continue
            if self._facts or self._offers:
                continue
            if turn == "held" and not self._performing:
                return
            if self.state.suspended:
                await self._let_finish()
                if not self._facts:
                    return
                continue
            await self._sleep()
            if self._stopping:
                return
            self._fire_timers()

    async def _let_finish(self) -> None:
        """A suspended run gives its effects a moment to end; what is cut off then is in doubt, or repeated."""
        if self._performing:
            await asyncio.wait(list(self._performing.values()), timeout=_GRACE)
        if not self._facts:
            await self._abandon(list(self._performing))

    async def _sleep(self) -> None:
        """Until something happens; a run that only waits leaves its place to another."""
        self._wake.clear()
        if self._facts or self._offers:
            return
        self._set_alarm()
        if self._performing or self.slots is None:
            await self._wake.wait()
            return
        slots, self.slots = self.slots, None
        slots.release()
        await self._wake.wait()
        await slots.acquire()
        self.slots = slots

    async def _turn(self, unit: Unit | None) -> str:
        """Take the facts there are, decide, commit, perform. Returns idle, more or held."""
        pause = None if self.debug.idle else self.debug
        events: list[Event] = []
        digests: list[bytes] = []
        commands: list[Command] = []
        emissions: list[Emission] = []
        result: Advance | None = None
        while self._facts or self._offers or result is None:
            if self._offers and not self._facts:
                await self._weigh(*self._offers.popleft())
                continue
            fact = self._facts.popleft() if self._facts else None
            if fact is not None and not self._fits(fact):
                if not self._facts and result is None:
                    fact = None
                else:
                    continue
            result = await self._advance(fact, pause)
            if fact is not None and fact.type == "command.resolved" and fact.data["decision"] == "repeat":
                self._repeats.append(fact.data["command"])
            events += result.events
            digests += result.digests
            commands += result.commands
            emissions += result.emissions
            if result.overrun is not None:
                overrun = result.overrun
                self._facts.appendleft(
                    Fact(
                        "expression.overran",
                        self._runner.clock.now(),
                        {"limit": overrun.limit, "detail": overrun.detail},
                    )
                )
            elif result.more or len(events) > BUDGET:
                break
        assert result is not None
        await self._commit(unit, events, digests, emissions, result)
        await self._drop_cancelled()
        await self._perform(commands)
        while self._repeats:
            self._repeat(self._repeats.pop())
        if emissions:
            self._runner.deliver(emissions)
        if result.paused:
            return "held"
        return "more" if result.more else "idle"

    async def _advance(self, fact: Fact | None, pause: Debug | None) -> Advance:
        result = self.machine.advance(fact, budget=BUDGET, pause=pause)
        while result.deferred:
            decided = await self._aside(lambda: self.machine.advance(budget=1, pause=pause))
            result = result.then(decided)
            if decided.more and len(result.events) < BUDGET:
                result = result.then(self.machine.advance(budget=BUDGET - len(result.events), pause=pause))
        return result

    async def _aside(self, work: Callable[[], T]) -> T:
        """Do what needs an expression that may loop, in a thread: it waits for the evaluator's process."""
        self._evaluator.may_wait = True
        try:
            return await asyncio.to_thread(work)
        finally:
            self._evaluator.may_wait = False

    async def _weigh(self, event: dict[str, Json], at: int, answer: asyncio.Future[bool]) -> None:
        """Find out which of the run's tasks take an event: the facts follow the ones recorded so far."""
        try:
            facts = offer(self.machine, event, at)
        except Deferred:
            facts = await self._aside(lambda: offer(self.machine, event, at))
        self._facts.extend(facts)
        self._answers.append((answer, any(fact.type == "event.consumed" for fact in facts)))

    def _answer(self) -> None:
        """Tell who offered events what became of them, now that it is durable."""
        answers, self._answers = self._answers, []
        for answer, taken in answers:
            if not answer.done():
                answer.set_result(taken)

    def _fits(self, fact: Fact) -> bool:
        """Whether the run still waits for what the fact tells: it may have been cancelled meanwhile."""
        state = self.state
        if state.ended:
            return False
        if fact.type in ("command.completed", "command.faulted", "command.in-doubt", "command.resolved"):
            return fact.data["command"] in state.commands
        if fact.type == "timer.fired":
            return fact.data["timer"] in state.timers
        if fact.type == "event.consumed":
            return fact.data["listener"] in state.listeners
        return True

    # ------------------------------------------------------------ committing

    async def _commit(
        self, unit: Unit | None, events: list[Event], digests: list[bytes], emissions: list[Emission], result: Advance
    ) -> None:
        unit = unit or Unit()
        state = self.state
        if events:
            unit.append_events(self.key, events, digests)
        for emission in emissions:
            unit.put_cloudevent(emission.event, at=state.at, run=self.run)
        if state.seq - self._snapshot_seq >= self._runner.settings.runner.snapshot_events:
            unit.put_snapshot(self.key, state.seq, to_text(state, self.machine.origins))
            self._snapshot_seq = state.seq
        status = self._status(result.paused)
        if status != self.status or status in ("held", "waiting"):
            self._update_row(unit, status)
            self.status = status
        if unit.statements:
            crash_point("driver.before-commit")
            await self._runner.store.commit(unit)
            crash_point("driver.after-commit")
        self.recorded = state.seq
        self._answer()
        self.committed.set()
        self._runner.announce(self.run)

    def _status(self, paused: bool) -> str:
        state = self.state
        if state.ended:
            return state.phase
        if state.suspended:
            return "suspended"
        if paused:
            return "held"
        if state.commands.keys() - state.in_doubt or state.ready or self._facts:
            return "running"
        return "waiting" if state.frames else "running"

    def _update_row(self, unit: Unit, status: str) -> None:
        state = self.state
        columns: dict[str, Json] = {"status": status, "position": None, "waiting": None, "next_due": None}
        if state.ended:
            columns |= {"ended_at": state.at, "output": state.output, "error": state.error}
            if self.token is not None:
                unit.complete_job(self.run, self.token, at=state.at)
                self.token = None
        else:
            at = next_entry(state)
            columns["position"] = at[1] if at is not None else self.position()
            if state.timers:
                columns["next_due"] = min(timer.due for timer in state.timers.values())
            if status in ("held", "suspended") and self.token is not None and not self._performing:
                unit.release_job(self.run, self.token, next_run_at=NEVER)
                self.token = None
            if status == "waiting":
                columns["waiting"] = {
                    "listening": [frame.task.reference for frame in self._frames(state.listeners) if frame.task],
                    "in_doubt": sorted(state.in_doubt),
                    "timers": sorted([timer.due, timer.purpose] for timer in state.timers.values()),
                }
        if columns != self._row:
            unit.update_run(self.key, **columns)
            self._row = columns

    def _frames(self, numbers: Iterable[int]) -> list[Frame]:
        return [self.state.frames[number] for number in numbers]

    @property
    def stuck(self) -> bool:
        """Whether nothing but a person's decision on an effect in doubt can bring the run on."""
        state = self.state
        return bool(state.in_doubt) and not (self._performing or self._facts or state.timers or state.listeners)

    def position(self) -> str | None:
        for frame in reversed(self.state.frames.values()):
            if frame.task is not None:
                return frame.task.reference
        return None

    # ------------------------------------------------------------ performing

    async def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            if command.number not in self.state.commands:
                continue
            if command.kind == "function.call" and len(commands) == 1 and not self._runner.blocks(command):
                await self._carry_out(command)
            else:
                task = asyncio.get_running_loop().create_task(self._carry_out(command))
                self._performing[command.number] = task

    async def _carry_out(self, command: Command) -> None:
        crash_point("driver.before-effect")
        clock = self._runner.clock
        try:
            if command.kind == "workflow.run":
                output = await self._runner.run_workflow(self, command)
            else:
                output = await self._runner.adapters.perform(command, self._surroundings)
            fact = Fact("command.completed", clock.now(), {"command": command.number, "output": output})
        except Fault as fault:
            error = fault.problem(command.task)
            fact = Fact("command.faulted", clock.now(), {"command": command.number, "error": error})
        except ReachError as wrong:
            error = Fault("runtime", wrong.message, code=wrong.code).problem(command.task)
            fact = Fact("command.faulted", clock.now(), {"command": command.number, "error": error})
        except Exception as wrong:
            # A mistake of ours in an adapter must cost this command, not leave its run waiting for ever.
            error = Fault("runtime", f"the adapter for {command.kind} failed: {wrong!r}", code="bug").problem(
                command.task
            )
            fact = Fact("command.faulted", clock.now(), {"command": command.number, "error": error})
        crash_point("driver.after-effect")
        self._performing.pop(command.number, None)
        self.tell(fact)

    async def _drop_cancelled(self) -> None:
        """Stop performing what the run no longer waits for."""
        if self._performing:
            await self._abandon([number for number in self._performing if number not in self.state.commands])

    async def _abandon(self, numbers: list[int]) -> None:
        tasks = [self._performing.pop(number) for number in numbers if number in self._performing]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _recover(self) -> None:
        """After a restart: repeat what may be repeated, and ask a person about the rest.

        The intent of each pending command was committed, its outcome was not: it may or may not
        have happened (DESIGN: effects happen once).
        """
        state = self.state
        for number, frame_id in list(state.commands.items()):
            if number in state.in_doubt:
                continue
            command = self.command(number, frame_id)
            if command.kind == "workflow.run" or self._runner.adapters.idempotent(command):
                self._repeats.append(number)
            else:
                self._facts.append(Fact("command.in-doubt", self._runner.clock.now(), {"command": number}))

    def command(self, number: int, frame_id: int) -> Command:
        """A pending command, read back from the event that recorded its intent."""
        event = self._runner.event(self.key, number)
        return command_of(self.state, number, event.task or "", frame_id, event.data or {})

    def _repeat(self, number: int) -> None:
        """Perform a recorded command (again)."""
        if number in self.state.commands and number not in self._performing:
            command = self.command(number, self.state.commands[number])
            self._performing[number] = asyncio.get_running_loop().create_task(self._carry_out(command))

    # ------------------------------------------------------------ time

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self.state.timers:
            return
        due = min(timer.due for timer in self.state.timers.values())
        delay = min(max(due - self._runner.clock.now(), 0) / 1000, _LONG_SLEEP)
        self._alarm = asyncio.get_running_loop().call_later(delay, self._wake.set)

    def _fire_timers(self) -> None:
        if not self.state.timers:
            return
        now = self._runner.clock.now()
        due = sorted((timer.due, number) for number, timer in self.state.timers.items() if timer.due <= now)
        for _, number in due:
            self._facts.append(Fact("timer.fired", now, {"timer": number}))

    # ------------------------------------------------------------ debugging

    def go_on(self, breakpoints: frozenset[str], mode: str | None, until: str | None) -> None:
        """How to go on from a held place (see `runner.debug`)."""
        self.debug = continuing(self.state, breakpoints, mode, until)  # type: ignore[arg-type]
