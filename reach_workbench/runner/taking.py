"""One turn of a run: the facts that have arrived are recorded, and the machine decides what follows from them."""

from __future__ import annotations

from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.commands import Command, Emission
from reach_workbench.engine.evaluator import Deferred
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.listening import offer
from reach_workbench.engine.machine import SLICE_BYTES, Advance, Machine, Pause
from reach_workbench.errors import BadInput
from reach_workbench.runner.fitting import fits
from reach_workbench.runner.intake import Answer, Intake, Offer
from reach_workbench.runner.intents import Intents
from reach_workbench.runner.ledger import Ledger
from reach_workbench.runner.patience import Patient
from reach_workbench.runner.permits import Permits
from reach_workbench.runner.proving import refusal
from reach_workbench.runner.turns import Turns

BUDGET: Final = 512
"""Events decided before other runs get their turn."""

PORTION: Final = 64
"""Events decided before a request is heard, while somebody asks: about two milliseconds."""

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


class Turn:
    """What a turn has recorded, and what is asked of the world.

    `asked` are commands that were not decided about yet, `begun` those that may be performed.
    `more`: the run has more to decide; `paused`: it is held. `weighed`: a decision about a command was recorded;
    `audited`: something about the run's own life was.
    """

    __slots__ = ("asked", "audited", "begun", "digests", "emissions", "events", "more", "paused", "weighed")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.digests: list[bytes] = []
        self.asked: list[Command] = []
        self.begun: list[Command] = []
        self.emissions: list[Emission] = []
        self.more = False
        self.paused = False
        self.weighed = False
        self.audited = False

    @property
    def is_full(self) -> bool:
        """Whether it has recorded enough for one commit."""
        return len(self.events) > BUDGET


class Taking:
    """Takes turns for one run. What it records is not in the store yet."""

    def __init__(
        self,
        machine: Machine,
        evaluator: Patient,
        clock: Clock,
        turns: Turns,
        pure_bytes: int,
        *,
        intake: Intake,
        intents: Intents,
        permits: Permits,
        ledger: Ledger,
    ) -> None:
        self._machine = machine
        self._state = machine.state
        self._evaluator = evaluator
        self._clock = clock
        self._turns = turns
        self._pure_bytes = pure_bytes
        self._intake = intake
        self._intents = intents
        self._permits = permits
        self._ledger = ledger
        self._recorded_before = 0

    async def take(self, turn: Turn, pause: Pause | None) -> None:
        """Take the facts there are, and decide until the run waits for something, is held, or it has been enough."""
        intake = self._intake
        result: Advance | None = None
        while result is None or intake:
            offered = intake.next_offer()
            if offered is not None:
                await self._weigh(offered)
                continue
            fact: Fact | None = None
            answer: Answer | None = None
            if intake.has_facts:
                fact, answer = intake.next_fact()
                if not fits(self._state, fact) or self._is_refused(fact, answer):
                    intake.settle(answer, taken=False)
                    if intake.has_facts or result is not None:
                        continue
                    fact = None
            before = self._state.seq
            try:
                if fact is not None and fact.type == "gate.closed":
                    noted = self._close_gate(fact, turn)
                    turn.weighed = True
                    result = noted.then(await self._advance(None, pause))
                else:
                    result = await self._advance(fact, pause)
                    if fact is not None:
                        self._took(result.events[0], result.digests[0], turn)
            except Fault as fault:
                if self._state.seq != before:
                    raise
                self._refuse(fact, answer, fault)
                continue
            if fact is not None:
                intake.settle(answer, taken=True)
            turn.events += result.events
            turn.digests += result.digests
            turn.asked += result.commands
            turn.emissions += result.emissions
            if result.overrun is not None:
                overrun = result.overrun
                told = {"limit": overrun.limit, "detail": overrun.detail}
                intake.put_first(Fact("expression.overran", self._clock.now(), told))
            elif result.more or result.deferred or turn.is_full:
                break
        turn.more = result.more or result.deferred
        turn.paused = result.paused
        self._bound_pure()

    # ------------------------------------------------------------ deciding

    async def _advance(self, fact: Fact | None, pause: Pause | None) -> Advance:
        machine, turns = self._machine, self._turns
        full = machine.recorded + SLICE_BYTES
        result = machine.advance(fact, budget=PORTION if turns.in_portions else BUDGET, pause=pause)
        while result.more and len(result.events) < BUDGET and machine.recorded <= full:
            await turns.again()
            portion = PORTION if turns.in_portions else BUDGET
            budget = min(portion, BUDGET - len(result.events))
            result = result.then(machine.advance(budget=budget, pause=pause))
        while result.deferred and machine.recorded <= full:
            decided = await self._evaluator.aside(lambda: machine.advance(budget=1, pause=pause))
            result = result.then(decided)
            if decided.more and len(result.events) < BUDGET:
                result = result.then(machine.advance(budget=BUDGET - len(result.events), pause=pause))
        return result

    def _bound_pure(self) -> None:
        """Large values recorded without end cost an error, as many small tasks do (`limits.pure_tasks`)."""
        most = self._pure_bytes
        if self._machine.recorded - self._recorded_before > most and not self._state.ended:
            self._recorded_before = self._machine.recorded
            setting = "limits.pure_bytes"
            detail = f"{most:,} bytes were recorded without waiting for anything; the limit is the setting {setting}"
            error = Fault("runtime", detail, code="limit", title="Limit reached").problem("/")
            told = {"setting": setting, "error": error}
            self._intake.put_first(Fact("limit.reached", self._clock.now(), told))

    async def _weigh(self, offered: Offer) -> None:
        """Find out which of the run's tasks take an event: the facts follow the ones recorded so far."""
        event, at, _ = offered
        try:
            facts = offer(self._machine, event, at)
        except Deferred:
            facts = await self._evaluator.aside(lambda: offer(self._machine, event, at))
        self._intake.weighed(offered, facts)

    # ------------------------------------------------------------ facts

    def _is_refused(self, fact: Fact, answer: Answer | None) -> bool:
        """Whether an approval does not prove what it has to; who handed it in is told why."""
        if fact.type != "gate.closed" or fact.data["outcome"] != "approved":
            return False
        number = fact.data["command"]
        opening = self._intents.event(self._state.gates[number].opened)
        wrong = refusal(self._state, fact, self._intents.command(number), opening)
        if wrong is None:
            return False
        if answer is not None:
            answer.refuse(wrong)
        return True

    def _refuse(self, fact: Fact | None, answer: Answer | None, fault: Fault) -> None:
        """The fact can't be recorded; the run is as it was."""
        wrong = BadInput(f"this can't be recorded: {fault.detail}")
        if answer is not None and answer.left == 1 and fact is not None and fact.type != "event.consumed":
            answer.left = 0
            answer.refuse(wrong)
            return
        self._intake.settle(answer, taken=False)
        if not self._ledger.committed and self._state.seq == self._ledger.recorded:
            raise wrong  # it was to be the first fact of a new run

    def _close_gate(self, fact: Fact, turn: Turn) -> Advance:
        """Record what closes a gate together with what follows from it for the command: not one without the other."""
        events, digests = [], []
        following = [fact]
        while following:
            event, digest = self._machine.note(following.pop(0))
            events.append(event)
            digests.append(digest)
            following += self._took(event, digest, turn)
        return Advance(events, digests, [], [], [], more=False, paused=False, overrun=None)

    def _took(self, event: Event, digest: bytes, turn: Turn) -> list[Fact]:
        """A fact was recorded as this event; returns what is to be recorded with it."""
        intents, permits = self._intents, self._permits
        data = event.data or {}
        if event.type in _WAKING and (event.type != "command.completed" or "output" in data):
            self._recorded_before = self._machine.recorded  # an event that was delivered is no answer
        if event.type in ("command.completed", "command.faulted"):  # by far the most
            return permits.recorded(event, digest, intents.command)
        if event.type == "command.resolved" and data["decision"] == "repeat":
            intents.due.append(data["command"])
        elif event.type == "workflow.suspended":
            self._ledger.reason = data.get("reason")
        turn.audited |= event.type.startswith("workflow.")
        if event.type.startswith(("command.", "gate.")):
            if "arguments" in data:
                intents.edited(event)
            following = permits.recorded(event, digest, intents.command)
            if (number := permits.again(event)) is not None:
                intents.due.append(number)
            return following
        return []
