"""One run in memory: facts in, events to the store, commands to the world.

The loop is always the same: take the facts that have arrived, let the machine decide, commit
what it recorded together with what follows from it (timers, emitted events, the run's row,
the job), and only then perform the commands. The outcome of one command and the intent of the
next share a commit.

Deciding and performing need a place among the runs that go on at the same time (`slots`).
Taking in what the world tells does not: a run can always be cancelled, suspended, and told of
events and outcomes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from reach_workbench.clock import Clock
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Deferred, Evaluator
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.listening import offer
from reach_workbench.engine.machine import SLICE_BYTES, Advance, Machine, Pause
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.recorder import command_of
from reach_workbench.engine.snapshot import to_text
from reach_workbench.engine.state import Frame, State, Todo
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, ReachError, StoreBusy, StoreFull
from reach_workbench.runner.alarm import Alarm
from reach_workbench.runner.answer import Answer
from reach_workbench.runner.auditing import audit_run
from reach_workbench.runner.breakpoints import Breakpoints
from reach_workbench.runner.child import awaited_child
from reach_workbench.runner.debug import Debug, Mode, continuing
from reach_workbench.runner.fitting import fits
from reach_workbench.runner.guard import Guard
from reach_workbench.runner.leases import Leases
from reach_workbench.runner.loading import recorded_event
from reach_workbench.runner.patience import Patient
from reach_workbench.runner.performing import Performing
from reach_workbench.runner.permits import Permits
from reach_workbench.runner.proving import refusal
from reach_workbench.runner.row import columns_of, status_of
from reach_workbench.runner.slots import Place, Slots
from reach_workbench.runner.threads import Threads
from reach_workbench.runner.traps import Traps
from reach_workbench.runner.turns import Turns
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit
from reach_workbench.telemetry.crashpoints import crash_point

T = TypeVar("T")

BUDGET: Final = 512
"""Events decided before other runs get their turn."""

PORTION: Final = 64
"""Events decided before a request is heard, while somebody asks: about two milliseconds."""

NEVER: Final = 1 << 52
"""When a job of a held or suspended run is due: only a person brings it back."""

_GRACE: Final = 3.0
"""Seconds that effects in flight are given when their run is suspended."""

_AGAIN: Final = 0.25
"""Seconds between two attempts to commit while the store is full or locked by another process."""


_WAKING: Final = frozenset(
    {
        "command.completed",
        "command.faulted",
        "command.resolved",
        "event.consumed",
        "gate.closed",
        "timer.fired",
        "workflow.forked",
        "workflow.resumed",
    }
)
"""Facts that a run has waited for."""


class Host(Protocol):
    """What a driver needs of the runner around it."""

    store: Store
    settings: Settings
    clock: Clock
    evaluator: Evaluator
    breakpoints: Breakpoints
    guard: Guard
    turns: Turns
    leases: Leases
    threads: Threads

    def blocks(self, command: Command) -> bool: ...

    def repeatable(self, command: Command) -> bool: ...

    def follow(self, driver: Driver, events: list[Event]) -> None: ...

    def deliver(self, emissions: list[Emission]) -> None: ...

    def hinder(self, run: str, wrong: ReachError | None) -> None: ...

    def stop_child(self, run: str, *, for_good: bool) -> None: ...

    async def perform(self, driver: Driver, command: Command) -> Json: ...


class Driver:
    """Drives one run until it has ended, is held or suspended, or the node stops.

    `status` is the run's status as last committed, `recorded` its last committed event;
    `committed` tells whether there was a first commit, `known` is set once that is known. `token` is
    the lease of its job. Only while it is `open` may others hand it something: not once it is about
    to end. `children` are the runs of the commands for which this run waits, by the command's number.
    """

    def __init__(
        self,
        runner: Host,
        key: int,
        run: str,
        state: State,
        *,
        base: Path,
        surroundings: Surroundings,
        parent: str | None = None,
        debug: Debug | None = None,
        token: str | None = None,
        status: str = "pending",
        unbegun: tuple[int, ...] = (),
        origins: Origins | None = None,
    ) -> None:
        self.key = key
        self.run = run
        self.base = base
        self.surroundings = surroundings
        self.parent = parent
        self.debug = debug or Debug()
        self.token = token
        self.status = status
        self.recorded = state.seq
        self.committed = False
        self.known = asyncio.Event()
        self.open = True
        self.stopping = False
        self.slots: Slots | None = None
        self.place: Place | None = None
        self.children: dict[int, str] = {}
        self._evaluator = Patient(runner.evaluator)
        self.machine = Machine(state, self._evaluator, origins)
        self.traps = Traps(runner.breakpoints, run, self._evaluator, since=state.seq if state.run == run else 0)
        if status == "held":
            self.traps.release(state)
        self.permits = Permits(runner.guard, runner.clock, run, base, self.machine)
        self.performing = Performing(self._carry_out, self.tell, runner.clock)
        self._runner = runner
        self._alarm = Alarm(runner.clock)
        self._told: deque[tuple[Fact, Answer | None]] = deque()
        self._offers: deque[tuple[dict[str, Json], int, Answer]] = deque()
        self._answers: list[Answer] = []
        self._wake = asyncio.Event()
        self._redirected: tuple[frozenset[str] | None, Mode | None, str | None] | None = None
        self._repeats: list[int] = []
        self._edited: dict[int, Event] = {}
        self._unbegun = set(unbegun)
        self._row: dict[str, Json] = {}
        self._row_is_stale = bool(unbegun)
        self._reason: str | None = None
        self._told_of_itself = False
        self._over = False
        self._parked = token is None and status in ("held", "suspended")
        self._snapshot_seq = state.seq
        self._recorded_before = 0

    @property
    def state(self) -> State:
        return self.machine.state

    # ------------------------------------------------------------ from outside

    def tell(self, fact: Fact) -> None:
        """Hand a fact to the run; it is recorded at the next turn if it still fits."""
        self._told.append((fact, None))
        self._wake.set()

    def ask(self, fact: Fact) -> asyncio.Future[bool]:
        """Hand a fact to the run; the future tells whether it was recorded, once that is durable."""
        answer = Answer(1)
        if self._over:
            answer.future.set_result(False)
        else:
            self._told.append((fact, answer))
            self._wake.set()
        return answer.future

    def offer(self, event: dict[str, Json], at: int) -> asyncio.Future[bool]:
        """Offer a CloudEvent. The future tells, once that is durable, whether one of the run's tasks took it."""
        answer = Answer()
        if self.state.listeners and not self.state.suspended and not self._over:
            self._offers.append((event, at, answer))
            self._wake.set()
        else:
            answer.future.set_result(False)
        return answer.future

    def redirect(self, breakpoints: frozenset[str] | None, mode: Mode | None, until: str | None) -> None:
        """Go on with these breakpoints and this step (see `runner.debug`), also from where the run is held."""
        self._redirected = (breakpoints, mode, until)
        self._wake.set()

    def pause(self, unit: Unit) -> None:
        """Hold the run before the next task it starts; `unit` takes in that it is to be, for a restart."""
        if self._redirected is not None:
            self._redirected = (self._redirected[0], "into", None)
        elif self.status != "held":
            self.debug = Debug(self.debug.breakpoints, mode="into")
            if self._row:
                self._row["waiting"] = (self._row["waiting"] or {}) | {"pausing": True}
                unit.update_run(self.key, waiting=self._row["waiting"])

    def exempt(self) -> None:
        """Take no place among the runs that go on: this one runs in the place of its caller."""
        self._give_back()
        self.slots = None
        self._wake.set()

    def stop(self) -> None:
        """Leave the run as it is: the next start goes on from there."""
        self.stopping = True
        self._wake.set()

    @property
    def stalled(self) -> bool:
        """Whether nothing the run does by itself brings it on; its children may.

        A timeout that is still to come is no reason to keep people waiting for it.
        """
        state = self.state
        if state.seq != self.recorded:  # nobody can see yet what it waits for
            return False
        if self._told or self._offers or self._repeats or state.ready or state.listeners or self.permits.waiting:
            return False
        if self.performing.numbers - self.children.keys():
            return False
        if self.recorded != state.seq:
            return False  # what it now waits for is not in the store yet
        known = state.in_doubt | state.gates.keys() | self.performing.numbers | self._unbegun | self.traps.withheld
        if state.commands.keys() - known:
            return False  # about to be performed
        if self._alarm.due(state):
            return False  # a timeout, or the end of a gate, that has come
        return all(timer.purpose in ("timeout", "attempt") for timer in state.timers.values())

    # ------------------------------------------------------------ the loop

    async def drive(self, first: Fact | None = None, unit: Unit | None = None, *, briefly: bool = False) -> None:
        """Drive the run. `first` is recorded in the same commit as the rest of `unit`.

        Briefly: only take in what was handed in, and decide nothing.
        """
        try:
            if first is not None:
                self._begin(first, briefly)
            elif not briefly:
                self._recover()
            if briefly:
                await self._take_in(unit)
            else:
                await self._loop(unit)
            await self.performing.give_up(self.performing.numbers)
            await self._keep_what_is_known()
        finally:
            self.open = False
            await self.performing.give_up(self.performing.numbers)
            self.permits.leave()
            self._dismiss()
            self._give_back()

    def _begin(self, first: Fact, briefly: bool) -> None:
        if first.type == "workflow.forked":
            # What the past asked for and had not got at the fork is asked for again, under new ids.
            told = {fact.data.get("command") for fact, _ in self._told}
            pending = [number for number in self.state.commands if number not in self.state.in_doubt | told]
            if briefly or self.debug.hold_first:
                self._unbegun.update(pending)
            else:
                self._repeats = pending
        self._told.appendleft((first, None))

    async def _loop(self, unit: Unit | None) -> None:
        while not self.stopping:
            if not await self._has_place(unit):
                unit = None
                continue
            self._apply_redirection()
            turn = await self._turn(unit, decide=True)
            unit = None
            if self.state.ended or self.stopping:
                return
            self._fire_timers()
            if turn == "more":
                await self._runner.turns.next()
                continue
            if self._told or self._offers or self._repeats or self._redirected is not None:
                continue
            if self.state.suspended:
                await self._let_finish()
                if not self._told:
                    return
                continue
            if turn == "held" and not self.performing:
                return
            await self._sleep()
            self._fire_timers()

    async def _has_place(self, unit: Unit | None) -> bool:
        """Whether the run may decide; while it may not, take in what it is told, and wait."""
        if self.slots is None:
            return True
        if self.place is None:
            self.place = self.slots.ask()
        if self.place.done():
            return True
        await self._take_in(unit)
        if self.state.suspended or self.is_being_cancelled:
            self._give_back()
            self.slots = None  # it will perform nothing more
            return False
        self.place.add_done_callback(self._rouse)
        while self.place is not None and not (self.place.done() or self._told or self._offers or self.stopping):
            self._wake.clear()
            await self._wake.wait()
        return False

    @property
    def is_being_cancelled(self) -> bool:
        """Whether it was told to end, and has not ended yet."""
        root = self.state.frames.get(0)
        return root is not None and root.todo is not None and root.todo[0] == "cancel"

    def _rouse(self, _: object) -> None:
        self._wake.set()

    def _give_back(self) -> None:
        if self.place is not None and self.slots is not None:
            self.slots.leave(self.place)
        self.place = None

    async def _take_in(self, unit: Unit | None) -> None:
        """Record what the run was told, and decide nothing."""
        if unit is not None or self._told or self._offers:
            await self._turn(unit, decide=False)
        while (self._told or self._offers) and not self.state.ended:
            await self._turn(None, decide=False)

    async def _let_finish(self) -> None:
        """A suspended run gives its effects a moment to end; what is cut off then is in doubt, or repeated."""
        for child in self.children.values():
            self._runner.stop_child(child, for_good=False)
        await self.performing.give_up(self.children)
        await self.performing.finish(_GRACE)
        if not self._told:
            await self.performing.give_up(self.performing.numbers)
        if self._told:  # it is to go on after all
            self._recover()

    async def _keep_what_is_known(self) -> None:
        """The node stops: what effects gave meanwhile is recorded, and what was not begun is noted."""
        if not self.stopping or not self.committed or self.state.ended:
            return
        await self._take_in(None)
        if self._unbegun and not self.state.ended:
            unit = Unit()
            self._update_row(unit, self.status)
            if not unit.is_empty:
                await self._runner.store.commit(unit)

    async def _sleep(self) -> None:
        """Until something happens; a run that only waits leaves its place to another."""
        self._wake.clear()
        if self._told or self._offers or self._repeats or self._redirected is not None or self.stopping:
            return
        if not self.performing:
            self._give_back()
        delays = [each for each in (self._alarm.delay(self.state), self.permits.delay()) if each is not None]
        delay = min(delays, default=None)
        timer = asyncio.get_running_loop().call_later(delay, self._wake.set) if delay is not None else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _turn(self, unit: Unit | None, *, decide: bool) -> str:
        """Take the facts there are, decide, commit, perform. Returns idle, more or held."""
        pause: Pause | None = _always
        if decide:
            pause = None if self.traps.idle(self.state) and self.debug.idle else self._holds
        events: list[Event] = []
        digests: list[bytes] = []
        commands: list[Command] = []
        emissions: list[Emission] = []
        result: Advance | None = None
        weighed = False
        while self._told or self._offers or result is None:
            if self._offers and not self._told:
                await self._weigh(*self._offers.popleft())
                continue
            fact: Fact | None = None
            answer: Answer | None = None
            if self._told:
                fact, answer = self._told.popleft()
                if not fits(self.state, fact) or self._is_refused(fact, answer):
                    self._settle(answer, taken=False)
                    if self._told or result is not None:
                        continue
                    fact = None
            before = self.state.seq
            try:
                if fact is not None and fact.type == "gate.closed":
                    noted = self._close_gate(fact)
                    weighed = True
                    result = noted.then(await self._advance(None, pause))
                else:
                    result = await self._advance(fact, pause)
                    if fact is not None:
                        self._took(result.events[0], result.digests[0])
            except Fault as fault:
                if self.state.seq != before:
                    raise
                self._refuse(fact, answer, fault)
                continue
            if fact is not None:
                self._settle(answer, taken=True)
            events += result.events
            digests += result.digests
            commands += result.commands
            emissions += result.emissions
            if result.overrun is not None:
                overrun = result.overrun
                told = {"limit": overrun.limit, "detail": overrun.detail}
                self._told.appendleft((Fact("expression.overran", self._runner.clock.now(), told), None))
            elif result.more or result.deferred or len(events) > BUDGET:
                break
        assert result is not None
        self._bound_pure()
        perform = decide and not self.state.suspended and not self.stopping
        if perform and pause is not None:
            commands = await self._withhold(commands)
        if not perform:
            self._unbegun.update(self._repeats, (command.number for command in commands))
            self._repeats = []
        else:
            if self._unbegun and not self.debug.hold_first:
                self._repeats += sorted(self._unbegun)
                self._unbegun.clear()
            asked = [*commands, *self._asked_again()] if self._repeats else commands
            if asked:
                screened = self.permits.screen(asked)
                commands = screened.commands
                events += screened.events
                digests += screened.digests
                weighed |= bool(screened.events)
            if self.permits.waiting:
                self._unbegun.update(number for number in self.permits.waiting if number not in self.performing)
        paused = result.paused or bool(self.traps.withheld) or (self.debug.hold_first and bool(self._unbegun))
        held = paused if decide else self.status == "held"
        await self._commit(
            unit, events, digests, emissions, held=held, active=decide, begins=perform and bool(commands)
        )
        self._edited.clear()
        await self._drop_cancelled()
        if perform:
            await self._perform(commands)
        if emissions:
            self._runner.deliver(emissions)
        if paused:
            return "held"
        denied = weighed and bool(self.state.ready)
        return "more" if result.more or result.deferred or denied else "idle"

    def _holds(self, state: State, frame: Frame, todo: Todo) -> bool:
        trapped = self.traps(state, frame, todo)  # asked first: what is met there counts, whatever else holds
        return self.debug(state, frame, todo) or trapped

    async def _withhold(self, commands: list[Command]) -> list[Command]:
        """Those that no breakpoint holds back. An intent that is asked for again may be held back, too."""
        try:
            self.traps.weigh(self.state)
        except Deferred:
            await self._aside(lambda: self.traps.weigh(self.state))
        withheld = self.traps.withheld
        self._repeats = [number for number in self._repeats if number not in withheld]
        return [command for command in commands if command.number not in withheld]

    def _bound_pure(self) -> None:
        """Large values recorded without end cost an error, as many small tasks do (`limits.pure_tasks`)."""
        most = self._runner.settings.limits.pure_bytes
        if self.machine.recorded - self._recorded_before > most and not self.state.ended:
            self._recorded_before = self.machine.recorded
            setting = "limits.pure_bytes"
            detail = f"{most:,} bytes were recorded without waiting for anything; the limit is the setting {setting}"
            error = Fault("runtime", detail, code="limit", title="Limit reached").problem("/")
            told = {"setting": setting, "error": error}
            self._told.appendleft((Fact("limit.reached", self._runner.clock.now(), told), None))

    def _is_refused(self, fact: Fact, answer: Answer | None) -> bool:
        """Whether an approval does not prove what it has to; who handed it in is told why."""
        if fact.type != "gate.closed" or fact.data["outcome"] != "approved":
            return False
        number = fact.data["command"]
        opened = self._event(self.state.gates[number].opened)
        wrong = refusal(self.state, fact, self.command(number), opened)
        if wrong is None:
            return False
        if answer is not None and not answer.future.done():
            answer.future.set_exception(wrong)
        return True

    def _close_gate(self, fact: Fact) -> Advance:
        """Record what closes a gate together with what follows from it for the command: not one without the other."""
        events, digests = [], []
        following = [fact]
        while following:
            event, digest = self.machine.note(following.pop(0))
            events.append(event)
            digests.append(digest)
            following += self._took(event, digest)
        return Advance(events, digests, [], [], [], more=False, paused=False, overrun=None)

    def _took(self, event: Event, digest: bytes) -> list[Fact]:
        """A fact was recorded as this event; returns what is to be recorded with it."""
        data = event.data or {}
        if event.type in _WAKING:
            self._recorded_before = self.machine.recorded
        if event.type in ("command.completed", "command.faulted"):  # by far the most
            return self.permits.recorded(event, digest, self.command)
        if event.type == "command.resolved" and data["decision"] == "repeat":
            self._repeats.append(data["command"])
        elif event.type == "workflow.suspended":
            self._reason = data.get("reason")
        self._told_of_itself |= event.type.startswith("workflow.")
        if event.type.startswith(("command.", "gate.")):
            if "arguments" in data:
                self._edited[event.seq] = event
            following = self.permits.recorded(event, digest, self.command)
            if (number := self.permits.again(event)) is not None:
                self._repeats.append(number)
            return following
        return []

    def _asked_again(self) -> list[Command]:
        """Commands of earlier turns that are to be performed now, if they may.

        A fork reads those of its past once it is in the store itself.
        """
        if not self.committed:
            return []
        repeats, self._repeats = dict.fromkeys(self._repeats), []
        return [
            self.command(number)
            for number in repeats
            if number in self.state.commands and number not in self.performing
        ]

    def _refuse(self, fact: Fact | None, answer: Answer | None, fault: Fault) -> None:
        """The fact can't be recorded; the run is as it was."""
        wrong = BadInput(f"this can't be recorded: {fault.detail}")
        if answer is not None and answer.left == 1 and fact is not None and fact.type != "event.consumed":
            answer.left = 0
            if not answer.future.done():
                answer.future.set_exception(wrong)
            return
        self._settle(answer, taken=False)
        if not self.committed and self.state.seq == self.recorded:
            raise wrong  # it was to be the first fact of a new run

    async def _advance(self, fact: Fact | None, pause: Pause | None) -> Advance:
        full = self.machine.recorded + SLICE_BYTES
        turns = self._runner.turns
        result = self.machine.advance(fact, budget=PORTION if turns.in_portions else BUDGET, pause=pause)
        while result.more and len(result.events) < BUDGET and self.machine.recorded <= full:
            await turns.again()
            portion = PORTION if turns.in_portions else BUDGET
            budget = min(portion, BUDGET - len(result.events))
            result = result.then(self.machine.advance(budget=budget, pause=pause))
        while result.deferred and self.machine.recorded <= full:
            decided = await self._aside(lambda: self.machine.advance(budget=1, pause=pause))
            result = result.then(decided)
            if decided.more and len(result.events) < BUDGET:
                result = result.then(self.machine.advance(budget=BUDGET - len(result.events), pause=pause))
        return result

    async def _aside(self, work: Callable[[], T]) -> T:
        """Do what needs an expression that may loop, in a thread: it waits for the evaluator's process."""
        self._evaluator.may_wait = True
        try:
            return await self._runner.threads.aside(work)
        finally:
            self._evaluator.may_wait = False

    async def _weigh(self, event: dict[str, Json], at: int, answer: Answer) -> None:
        """Find out which of the run's tasks take an event: the facts follow the ones recorded so far."""
        try:
            facts = offer(self.machine, event, at)
        except Deferred:
            facts = await self._aside(lambda: offer(self.machine, event, at))
        answer.left = len(facts)
        if not facts:
            self._answers.append(answer)
        self._told.extend((fact, answer) for fact in facts)

    def _settle(self, answer: Answer | None, *, taken: bool) -> None:
        """A fact of that answer was taken, or not; who asked hears of it with the next commit."""
        if answer is None:
            return
        answer.taken |= taken
        answer.left -= 1
        if answer.left == 0:
            self._answers.append(answer)

    def _answer(self) -> None:
        answers, self._answers = self._answers, []
        for answer in answers:
            if not answer.future.done():
                answer.future.set_result(answer.taken)

    def _dismiss(self) -> None:
        """The driver ends: nothing of what was handed in and not committed is taken any more."""
        self._over = True
        self.known.set()
        waiting = [*self._answers, *(answer for _, answer in self._told), *(answer for *_, answer in self._offers)]
        for answer in waiting:
            if answer is not None and not answer.future.done():
                answer.future.set_result(False)

    # ------------------------------------------------------------ committing

    async def _commit(
        self,
        unit: Unit | None,
        events: list[Event],
        digests: list[bytes],
        emissions: list[Emission],
        *,
        held: bool,
        active: bool,
        begins: bool,
    ) -> None:
        """One transaction. `active`: the run goes on; `begins`: some of its effects are about to."""
        unit = unit or Unit()
        state = self.state
        if events:
            unit.append_events(self.key, events, digests)
            if not self.committed or self._told_of_itself:
                audit_run(unit, self.run, events, digests)
                self._told_of_itself = False
        for emission in emissions:
            unit.put_cloudevent(emission.event, at=max(self._runner.clock.now(), state.at), run=self.run)
        if state.seq - self._snapshot_seq >= self._runner.settings.runner.snapshot_events:
            unit.put_snapshot(self.key, state.seq, to_text(state, self.machine.origins))
            self._snapshot_seq = state.seq
        status = status_of(state, held=held, busy=bool(self._told))
        if (
            status != self.status
            or status in ("held", "waiting")
            or self._row_is_stale
            or self.debug.mode == "into"
            or self._unbegun
            or self.traps.withheld
            or state.listeners
            or state.in_doubt
            or state.gates
        ):
            self._update_job(unit, status, active=active, busy=begins or bool(self._repeats) or bool(self.performing))
            self._update_row(unit, status)
        self.traps.save(unit)
        self.permits.save(unit)
        if not unit.is_empty:
            crash_point("driver.before-commit")
            await self._save(unit)
            crash_point("driver.after-commit")
        self.status = status
        self.recorded = state.seq
        self._answer()
        self.committed = True
        self.known.set()
        self._runner.follow(self, events)

    async def _save(self, unit: Unit) -> None:
        """Commit. What a run that is under way has in hand is kept while the store has no room or is locked."""
        hindered = False
        while True:
            try:
                await self._runner.store.commit(unit)
                break
            except (StoreBusy, StoreFull) as wrong:
                if self.stopping or not self.committed:
                    raise
                hindered = True
                self._runner.hinder(self.run, wrong)
                await asyncio.sleep(_AGAIN)
        if hindered:
            self._runner.hinder(self.run, None)

    def _update_job(self, unit: Unit, status: str, *, active: bool, busy: bool) -> None:
        """A node that starts goes on with the runs whose jobs are due, and leaves alone those that people stopped."""
        if status in ("held", "suspended") and not busy:
            if self.token is not None or not self._parked:
                token = self.token or self._runner.leases.take(unit, self.run)
                unit.release_job(self.run, token, next_run_at=NEVER)
            self._parked, self.token = True, None
        elif active:
            token = self.token = self.token or self._runner.leases.take(unit, self.run)
            self._parked = False
            if self.state.ended:
                unit.complete_job(self.run, token, at=self.state.at)
                self.token = None

    def _update_row(self, unit: Unit, status: str) -> None:
        state = self.state
        if self._unbegun:
            self._unbegun &= state.commands.keys()
        unbegun = self._unbegun | self.traps.withheld if self.traps.withheld else self._unbegun
        pausing = self.debug.mode == "into"
        columns = columns_of(
            state, status, unbegun=unbegun, reason=self._reason, pausing=pausing, rates=self.permits.next_room()
        )
        self._row_is_stale = bool(unbegun or state.listeners or state.in_doubt or state.gates or pausing)
        if columns != self._row:
            unit.update_run(self.key, **columns)
            self._row = columns

    # ------------------------------------------------------------ performing

    async def _perform(self, commands: list[Command]) -> None:
        if self.stopping:  # since the commit began
            self._unbegun.update(command.number for command in commands)
            return
        for command in commands:
            if command.number not in self.state.commands:
                continue
            if command.kind == "function.call" and len(commands) == 1 and not self._runner.blocks(command):
                await self.performing.carry_out(command)
            else:
                self.performing.begin(command)

    def _carry_out(self, command: Command) -> Awaitable[Json]:
        self._note_child(command)
        return self._runner.perform(self, command)

    def _note_child(self, command: Command) -> None:
        child = awaited_child(command)
        if child is not None:
            self.children[command.number] = child

    def _has_child(self, command: Command) -> bool:
        """Whether the run that the command waits for was started, as it was before commands were decided about."""
        child = awaited_child(command)
        return child is not None and self._runner.store.read.has_run(child)

    async def _drop_cancelled(self) -> None:
        """Stop performing what the run no longer waits for."""
        commands = self.state.commands
        if self.performing:
            await self.performing.give_up([number for number in self.performing.numbers if number not in commands])
        for number in [number for number in self.children if number not in commands]:
            self._runner.stop_child(self.children.pop(number), for_good=True)

    def _recover(self) -> None:
        """After a restart: repeat what may be repeated, and ask a person about the rest.

        The intent of each pending command was committed, its outcome was not: it may or may not
        have happened (DESIGN: effects happen once).
        """
        state = self.state
        self._unbegun |= self.traps.withheld
        self.traps.withheld.clear()
        for number in state.commands:
            if number in state.in_doubt or number in self.performing or number in state.gates:
                continue
            command = self.command(number)
            verdict = state.verdicts.get(number)
            if verdict == "allow" or (verdict is None and self._has_child(command)):
                self._note_child(command)
            if verdict == "hold" or number in self._unbegun or self._runner.repeatable(command):
                self._repeats.append(number)
            else:
                self.tell(Fact("command.in-doubt", self._runner.clock.now(), {"command": number}))
        self._unbegun.clear()

    def command(self, number: int) -> Command:
        """A pending command, read back from the event that recorded its intent."""
        event = self._event(number)
        data = event.data or {}
        if (edited := self.state.edited.get(number)) is not None:
            newer = self._edited.get(edited) or self._event(edited)
            data = {**data, "arguments": (newer.data or {})["arguments"]}
        return command_of(self.state, number, event.task or "", self.state.commands[number], data)

    def _event(self, seq: int) -> Event:
        """One of the run's recorded events."""
        return recorded_event(self._runner.store, self.key, seq)

    # ------------------------------------------------------------ time and debugging

    def _fire_timers(self) -> None:
        state = self.state
        if not (state.timers or state.gates or self.permits.waiting):
            return
        now = self._runner.clock.now()
        for number in self._alarm.due(state):
            if number in state.timers:
                self.tell(Fact("timer.fired", now, {"timer": number}))
            else:
                self.tell(self._expired(number, now))
        if not self.state.suspended:  # else it would be asked again and again, and nothing performed
            self._repeats += self.permits.due(now)

    def _expired(self, number: int, now: int) -> Fact:
        """Nobody has decided in time about the gate of that command."""
        gate = self.state.gates[number]
        opened = self._event(gate.opened).data or {}
        data = {"command": number, "gate": gate.id, "outcome": "expired", "otherwise": opened["terms"]["otherwise"]}
        return Fact("gate.closed", now, data)

    def _apply_redirection(self) -> None:
        if self._redirected is None:
            return
        breakpoints, mode, until = self._redirected
        self._redirected = None
        points = self.debug.breakpoints if breakpoints is None else breakpoints
        if self.status == "held" or mode is not None:
            self._unbegun |= self.traps.release(self.state)
            self.debug = continuing(self.state, points, mode, until)
        else:
            self.debug = Debug(points)


def _always(*_: object) -> bool:
    return True
