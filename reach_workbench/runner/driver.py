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
from pathlib import Path
from typing import Final

from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.approving import COMMAND as ASKED
from reach_workbench.engine.emitting import COMMAND
from reach_workbench.engine.events import Fact
from reach_workbench.engine.machine import Machine, Pause
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.runner.alarm import Alarm
from reach_workbench.runner.debug import Debug, Mode
from reach_workbench.runner.holding import Holding
from reach_workbench.runner.host import Host
from reach_workbench.runner.intake import Intake
from reach_workbench.runner.intents import Intents
from reach_workbench.runner.ledger import Ledger
from reach_workbench.runner.patience import Patient
from reach_workbench.runner.performing import Performing
from reach_workbench.runner.permits import Permits
from reach_workbench.runner.row import status_of
from reach_workbench.runner.slots import Seat
from reach_workbench.runner.taking import Taking, Turn
from reach_workbench.storage.unit import Unit

_GRACE: Final = 3.0
"""Seconds that effects in flight are given when their run is suspended."""


class Driver:
    """Drives one run until it has ended, is held or suspended, or the node stops.

    Only while it is `open` may others hand it something: not once it is about to end. `seat` is its place among
    the runs that go on.
    """

    def __init__(
        self,
        host: Host,
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
        self.run = run
        self.base = base
        self.surroundings = surroundings
        self.parent = parent
        self.open = True
        self.seat = Seat(None)
        self._host = host
        self._stopping = False
        self._wake = asyncio.Event()
        self._alarm = Alarm(host.clock)
        evaluator = Patient(host.evaluator, host.threads)
        self._machine = Machine(state, evaluator, origins)
        self._holding = Holding(host.breakpoints, run, evaluator, state, debug or Debug(), held=status == "held")
        self._intake = Intake(self.rouse)
        self._intents = Intents(host.store, key, state, unbegun)
        self._permits = Permits(host.guard, host.clock, run, base, self._machine, self._intents.edit)
        self._ledger = Ledger(host, key, run, self._machine, status=status, token=token, stale=bool(unbegun))
        self._taking = Taking(
            self._machine,
            evaluator,
            host.clock,
            host.turns,
            host.settings.limits.pure_bytes,
            intake=self._intake,
            intents=self._intents,
            permits=self._permits,
            ledger=self._ledger,
        )
        self.performing = Performing(host, self, self.tell)

    # ------------------------------------------------------------ what it is about

    @property
    def state(self) -> State:
        return self._machine.state

    @property
    def status(self) -> str:
        """The run's status as last committed."""
        return self._ledger.status

    @property
    def recorded(self) -> int:
        """The last committed event."""
        return self._ledger.recorded

    @property
    def committed(self) -> bool:
        """Whether there was a first commit."""
        return self._ledger.committed

    @property
    def known(self) -> asyncio.Event:
        """Set once it is known whether there was one."""
        return self._ledger.known

    @property
    def token(self) -> str | None:
        """The lease of the run's job."""
        return self._ledger.token

    @property
    def children(self) -> dict[int, str]:
        """The runs of the commands for which this run waits, by the commands' numbers."""
        return self.performing.children

    @property
    def is_being_cancelled(self) -> bool:
        """Whether it was told to end, and has not ended yet."""
        root = self.state.frames.get(0)
        return root is not None and root.todo is not None and root.todo[0] == "cancel"

    @property
    def stalled(self) -> bool:
        """Whether nothing the run does by itself brings it on; its children may.

        A timeout that is still to come is no reason to keep people waiting for it.
        """
        state, under_way = self.state, self.performing.numbers
        if state.seq != self.recorded:  # nobody can see yet what it waits for
            return False
        if self._intake or self._intents.due or state.ready or state.listeners or self._permits.waiting:
            return False
        if under_way - self.children.keys():
            return False
        known = state.in_doubt | state.gates.keys() | under_way | self._intents.unbegun | self._holding.withheld
        if state.commands.keys() - known:
            return False  # about to be performed
        if self._alarm.due(state):
            return False  # a timeout, or the end of a gate, that has come
        return all(timer.purpose in ("timeout", "attempt") for timer in state.timers.values())

    # ------------------------------------------------------------ from outside

    def tell(self, fact: Fact) -> None:
        """Hand a fact to the run; it is recorded at the next turn if it still fits."""
        self._intake.tell(fact)

    def ask(self, fact: Fact) -> asyncio.Future[bool]:
        """Hand a fact to the run; the future tells whether it was recorded, once that is durable."""
        return self._intake.ask(fact)

    def offer(self, event: dict[str, Json], at: int) -> asyncio.Future[bool]:
        """Offer a CloudEvent. The future tells, once that is durable, whether one of the run's tasks took it."""
        listening = bool(self.state.listeners) and not self.state.suspended
        return self._intake.offer(event, at, listening=listening)

    def redirect(self, breakpoints: frozenset[str] | None, mode: Mode | None, until: str | None) -> None:
        """Go on with these breakpoints and this step (see `runner.debug`), also from where the run is held."""
        self._holding.redirect(breakpoints, mode, until)
        self.rouse()

    def pause(self, unit: Unit) -> None:
        """Hold the run before the next task it starts; `unit` takes in that it is to be, for a restart."""
        if self._holding.hold_next(held=self.status == "held"):
            self._ledger.note_pausing(unit)

    def take_job(self, unit: Unit, token: str | None = None) -> None:
        """Hold the run's job by this lease, or by one that `unit` takes."""
        self._ledger.token = token or self._host.leases.take(unit, self.run)

    def exempt(self) -> None:
        """Take no place among the runs that go on: this one runs in the place of its caller."""
        self.seat.exempt()
        self.rouse()

    def rouse(self) -> None:
        """Look whether there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Leave the run as it is: the next start goes on from there."""
        self._stopping = True
        self._ledger.persistent = False
        self.rouse()

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
            self._permits.leave()
            self.known.set()
            self._intake.close()
            self.seat.leave()

    def _begin(self, first: Fact, briefly: bool) -> None:
        if first.type == "workflow.forked":
            # What the past asked for and had not got at the fork is asked for again, under new ids.
            told = self._intake.commands()
            pending = [number for number in self.state.commands if number not in self.state.in_doubt | told]
            if briefly or self._holding.holds_first:
                self._intents.set_aside(pending)
            else:
                self._intents.due = pending
        self._intake.put_first(first)

    def _recover(self) -> None:
        """After a restart: repeat what may be repeated, and ask a person about the rest.

        The intent of each pending command was committed, its outcome was not: it may or may not
        have happened (DESIGN: effects happen once).
        """
        state, intents = self.state, self._intents
        intents.set_aside(self._holding.let_go())
        for number in state.commands:
            if number in state.in_doubt or number in self.performing or number in state.gates:
                continue
            command = intents.command(number)
            verdict = state.verdicts.get(number)
            if verdict == "allow" or (verdict is None and self.performing.has_child(command)):
                self.performing.note_child(command)
            if number not in intents.unbegun:
                self._permits.was_begun(number)
            is_asked = command.kind == ASKED  # nobody performs it: it can only be asked again
            if verdict in ("hold", "gate") or number in intents.unbegun or is_asked or self._host.repeatable(command):
                intents.due.append(number)
            else:
                self.tell(Fact("command.in-doubt", self._host.clock.now(), {"command": number}))
        intents.unbegun.clear()

    @property
    def _has_more(self) -> bool:
        return bool(self._intake or self._intents.due or self._holding.is_redirected)

    async def _loop(self, unit: Unit | None) -> None:
        while not self._stopping:
            if not await self._has_place(unit):
                unit = None
                continue
            self._intents.set_aside(self._holding.apply(self.state, held=self.status == "held"))
            turned = await self._turn(unit, decide=True)
            unit = None
            if self.state.ended or self._stopping:
                return
            self._fire_timers()
            if turned == "more":
                await self._host.turns.next()
                continue
            if self._has_more:
                continue
            if self.state.suspended:
                await self._let_finish()
                if not self._intake.has_facts:
                    return
                continue
            if turned == "held" and not self.performing:
                return
            await self._sleep()
            self._fire_timers()

    async def _has_place(self, unit: Unit | None) -> bool:
        """Whether the run may decide; while it may not, take in what it is told, and wait."""
        if self.seat.ask():
            return True
        await self._take_in(unit)
        if self.state.suspended or self.is_being_cancelled:
            self.seat.exempt()  # it will perform nothing more
            return False
        self.seat.when_taken(self.rouse)
        while not (self.seat.taken or self._intake or self._stopping):
            self._wake.clear()
            await self._wake.wait()
        return False

    async def _take_in(self, unit: Unit | None) -> None:
        """Record what the run was told, and decide nothing."""
        if unit is not None or self._intake:
            await self._turn(unit, decide=False)
        while self._intake and not self.state.ended:
            await self._turn(None, decide=False)

    async def _let_finish(self) -> None:
        """A suspended run gives its effects a moment to end; what is cut off then is in doubt, or repeated."""
        await self.performing.leave_children()
        await self.performing.finish(_GRACE)
        if not self._intake.has_facts:
            await self.performing.give_up(self.performing.numbers)
        if self._intake.has_facts:  # it is to go on after all
            self._recover()

    async def _keep_what_is_known(self) -> None:
        """The node stops: what effects gave meanwhile is recorded, and what was not begun is noted."""
        if not self._stopping or not self.committed or self.state.ended:
            return
        await self._take_in(None)
        if self._intents.unbegun and not self.state.ended:
            unit = Unit()
            self._update_row(unit, self.status)
            if not unit.is_empty:
                await self._host.store.commit(unit)

    async def _sleep(self) -> None:
        """Until something happens; a run that only waits leaves its place to another."""
        self._wake.clear()
        if self._has_more or self._stopping:
            return
        if not self.performing:
            self.seat.leave()
        delays = [each for each in (self._alarm.delay(self.state), self._permits.delay()) if each is not None]
        delay = min(delays, default=None)
        timer = asyncio.get_running_loop().call_later(delay, self.rouse) if delay is not None else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _fire_timers(self) -> None:
        state = self.state
        if not (state.timers or state.gates or self._permits.waiting):
            return
        now = self._host.clock.now()
        for number in self._alarm.due(state):
            if number in state.timers:
                self.tell(Fact("timer.fired", now, {"timer": number}))
            else:
                self.tell(self._expired(number, now))
        if not state.suspended:  # else it would be asked again and again, and nothing performed
            self._intents.due += self._permits.due(now)

    def _expired(self, number: int, now: int) -> Fact:
        """Nobody has decided in time about the gate of that command."""
        gate = self.state.gates[number]
        opened = self._intents.event(gate.opened).data or {}
        data = {"command": number, "gate": gate.id, "outcome": "expired", "otherwise": opened["terms"]["otherwise"]}
        return Fact("gate.closed", now, data)

    # ------------------------------------------------------------ a turn

    async def _turn(self, unit: Unit | None, *, decide: bool) -> str:
        """Take the facts there are, decide, commit, perform. Returns idle, more or held."""
        state, holding = self.state, self._holding
        pause = holding.pause(state) if decide else _always
        turn = Turn()
        await self._taking.take(turn, pause)
        while await self._screen(turn, pause, decide=decide):
            await self._taking.take(turn, pause)  # an event's delivery shares the commit of what allowed it
        paused = turn.paused or bool(holding.withheld) or (holding.holds_first and bool(self._intents.unbegun))
        held = paused if decide else self.status == "held"
        await self._commit(unit, turn, held=held, active=decide)
        await self.performing.drop_cancelled()
        if self._stopping:  # since the commit began
            self._intents.set_aside(command.number for command in turn.begun)
        else:
            await self.performing.begin(turn.begun)
        if turn.emissions:
            self._host.deliver(turn.emissions)
        if paused:
            return "held"
        return "more" if turn.more or (turn.weighed and state.ready) else "idle"

    async def _withhold(self, turn: Turn) -> None:
        """Leave out what a breakpoint holds back. An intent that is asked for again may be held back, too."""
        withheld = await self._holding.weigh(self.state)
        self._intents.due = [number for number in self._intents.due if number not in withheld]
        turn.asked = [command for command in turn.asked if command.number not in withheld]

    async def _screen(self, turn: Turn, pause: Pause | None, *, decide: bool) -> bool:
        """Have it decided which of the commands may be performed now, those of earlier turns included.

        Returns whether facts that follow from it are to be taken in the same turn.
        """
        intents, performing, permits = self._intents, self.performing, self._permits
        if not decide or self.state.suspended or self._stopping:
            intents.set_aside_due()
            intents.set_aside(command.number for command in [*turn.begun, *turn.asked])
            turn.begun, turn.asked = [], []
            return False
        if pause is not None:
            await self._withhold(turn)
        if not self._holding.holds_first:
            intents.bring_back()
        if intents.due and self.committed:  # a fork reads those of its past once it is in the store itself
            turn.asked += intents.take(performing.numbers)
        delivered: list[int] = []
        if turn.asked:
            screened = permits.screen(turn.asked)
            turn.asked = []
            turn.events += screened.events
            turn.digests += screened.digests
            turn.weighed |= bool(screened.events)
            turn.begun += [command for command in screened.commands if command.kind != COMMAND]
            delivered = [command.number for command in screened.commands if command.kind == COMMAND]
        if permits.waiting:
            intents.set_aside(number for number in permits.waiting if number not in performing)
        now = self._host.clock.now()
        for number in reversed(delivered):
            self._intake.put_first(Fact("command.completed", now, {"command": number}))
        return bool(delivered) and not turn.is_full

    async def _commit(self, unit: Unit | None, turn: Turn, *, held: bool, active: bool) -> None:
        """One transaction. `active`: the run goes on."""
        unit = unit or Unit()
        ledger, intents = self._ledger, self._intents
        ledger.append(unit, turn.events, turn.digests, turn.emissions, audited=turn.audited)
        status = status_of(self.state, held=held, busy=self._intake.has_facts)
        if ledger.changes(status) or self._holding.holds_next or intents.unbegun or self._holding.withheld:
            busy = bool(turn.begun or intents.due or self.performing)
            ledger.update_job(unit, status, active=active, busy=busy)
            self._update_row(unit, status)
        self._holding.save(unit)
        self._permits.save(unit)
        await ledger.commit(unit, status)
        self._intake.reply()
        self._host.follow(self, turn.events)
        intents.committed()

    def _update_row(self, unit: Unit, status: str) -> None:
        self._intents.prune()
        self._ledger.update_row(
            unit,
            status,
            unbegun=self._intents.unbegun | self._holding.withheld,
            pausing=self._holding.holds_next,
            rates=self._permits.next_room(),
        )


def _always(*_: object) -> bool:
    return True
