"""A world that is invented from a seed: outcomes of commands, time, events from outside, interruptions.

It stands in for runner and effects, so that the engine alone can be held against itself. What
it does depends on the seed and on what the engine asked, and on nothing else.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from reach_workbench.engine.compile import compile_document
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.engine.evaluator import Overrun
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.listening import offer
from reach_workbench.engine.machine import Advance, Machine
from reach_workbench.engine.program import Emit, Program
from reach_workbench.engine.state import BEHAVIOUR, State
from reach_workbench.engine.templates import Expression
from tests.determinism.documents import EVENT_TYPES, Generator, document, input_of

Json = Any

PATIENCE: Final = 40
"""Times the world invents something for a run that waits for nothing it has, before it is cancelled."""

LIMITS: Final = {"value_bytes": 64 * 1024, "pure_tasks": 400, "events": 6_000}


class Unlucky:
    """An evaluator whose every so-manieth expression that may loop overruns, as a slow machine's would."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._inner = InProcess()

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        if self._random.random() < 0.05:
            raise Overrun("limits.expression_seconds", "the expression ran for more than 5 s")
        return self._inner.evaluate(expression, data, variables)


@lru_cache(maxsize=256)
def program_of(seed: int) -> Program:
    """The compiled document of that seed."""
    text = json.dumps(document(seed), ensure_ascii=False)
    compiled = compile_document(text, f"{seed}.json")
    assert compiled.program is not None, [str(each) for each in compiled.diagnostics]
    return compiled.program


def created(seed: int, program: Program, at: int) -> Fact:
    """The first fact of the run."""
    data = {
        "run": f"run{seed}",
        "program": program.digest,
        "workflow": {"namespace": program.namespace, "name": program.name, "version": program.version},
        "input": input_of(seed),
        "seed": f"{seed:016x}",
        "secrets": {},
        "limits": LIMITS,
        "runtime": {"name": "reach", "version": "test"},
    }
    if seed % 2:
        data["behaviour"] = BEHAVIOUR  # the other half are runs of before
    return Fact("workflow.created", at, data)


@dataclass
class History:
    """A run as it was recorded. `boundaries` are the sequence numbers at which a commit would have ended."""

    seed: int
    program: Program
    events: list[Event] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    boundaries: list[int] = field(default_factory=list)

    @property
    def digest(self) -> str:
        return self.digests[-1].hex()


class World:
    """Drives one run to its end. `eager` lets facts come while the engine still has something to decide."""

    def __init__(self, seed: int, *, budget: int = 512, eager: bool = False, lucky: bool = False) -> None:
        self.program = program_of(seed)
        self.history = History(seed, self.program)
        self._seed = seed
        self._budget = budget
        self._eager = eager
        self._random = random.Random(seed * 7919 + 13)
        self._inventing = Generator(seed ^ 0xFAC7)
        self._now = 1_700_000_000_000 + seed % 1000
        self._left = PATIENCE
        self._doubted: set[int] = set()
        self.machine = Machine(State(self.program), InProcess() if lucky else Unlucky(seed))

        self.watch: Callable[[State], None] | None = None

    def run(self) -> History:
        """Go on until the run has ended."""
        self._advance(created(self._seed, self.program, self._now))
        while not self.machine.state.ended:
            self._advance(self._next_fact())
        return self.history

    def _advance(self, fact: Fact | None) -> None:
        while True:
            result = self.machine.advance(fact, budget=self._budget)
            self._record(result)
            fact = None
            if result.overrun is not None:
                hit = result.overrun
                fact = Fact("expression.overran", self._tick(), {"limit": hit.limit, "detail": hit.detail})
            elif not result.more or (self._eager and self._random.random() < 0.5):
                return

    def _record(self, result: Advance) -> None:
        history, state = self.history, self.machine.state
        history.events += result.events
        history.digests += result.digests
        if result.events:
            history.boundaries.append(state.seq)
            if self.watch is not None:
                self.watch(state)

    def _tick(self) -> int:
        self._now += self._random.choice((0, 0, 1, 3, 17))
        if self._random.random() < 0.02:
            return self._now - 50  # a clock that was set back
        return self._now

    def _next_fact(self) -> Fact | None:
        """What happens next in the world; None while the engine has decisions to take and nothing comes."""
        state, draw = self.machine.state, self._random
        odds = draw.random()
        if state.suspended:
            kind = "workflow.resumed" if odds < 0.8 else "workflow.cancel-requested"
            return Fact(kind, self._tick(), {})
        if odds < 0.01:
            return Fact("workflow.suspended", self._tick(), {"reason": "a pause"})
        if odds < 0.012:
            return Fact("workflow.cancel-requested", self._tick(), {"reason": "enough"})
        choices = [("command", number) for number in sorted(state.commands)]
        choices += [("timer", number) for number in sorted(state.timers)]
        if state.listeners:
            choices.append(("event", 0))
        if not choices:
            return None if state.ready else Fact("workflow.cancel-requested", self._tick(), {})
        kind, number = draw.choice(choices)
        if kind == "command":
            return self._outcome(number)
        if kind == "timer":
            self._now = max(self._now, state.timers[number].due)
            return Fact("timer.fired", self._now, {"timer": number})
        return self._publish()

    def _outcome(self, number: int) -> Fact:
        """What the command came to; one in fifteen is in doubt before."""
        chance = random.Random(hashlib.sha256(f"{self._seed}:{number}".encode()).digest())
        odds = chance.random()
        value = Generator(chance.getrandbits(32)).value(2)
        error = {"type": "about:blank", "status": 500, "title": "Made", "instance": "/made", "detail": str(value)}
        if number in self.machine.state.in_doubt:
            told: dict[str, Json] = {"decision": "repeat"}
            if odds < 0.04:
                told = {"decision": "result", "output": value} if odds < 0.02 else {"decision": "fail", "error": error}
            return Fact("command.resolved", self._tick(), {"command": number, **told})
        if _emits(self.machine.state, number):  # delivered or refused, and never in doubt
            told = {"error": error} if odds < 0.15 else {}
            return Fact("command.faulted" if told else "command.completed", self._tick(), {"command": number, **told})
        if odds < 0.06 and number not in self._doubted:
            self._doubted.add(number)
            return Fact("command.in-doubt", self._tick(), {"command": number})
        if odds < 0.15:
            return Fact("command.faulted", self._tick(), {"command": number, "error": error})
        return Fact("command.completed", self._tick(), {"command": number, "output": value})

    def _publish(self) -> Fact:
        """An event that some task of the run takes, or, when none does for long, the end of it."""
        while self._left > 0:
            self._left -= 1
            type_ = self._random.choice(EVENT_TYPES)
            event = {
                "specversion": "1.0",
                "id": f"event-{self._left}",
                "source": "/world",
                "type": type_,
                "data": {"n": self._inventing.value(1), "k": self._random.randint(0, 3)},
            }
            try:
                facts = offer(self.machine, event, self._tick())
            except Overrun:
                continue
            if facts:
                return self._random.choice(facts)
        return Fact("workflow.cancel-requested", self._tick(), {"reason": "nobody has anything to say"})


def _emits(state: State, number: int) -> bool:
    """Whether the pending command is the delivery of an event."""
    frame = state.frames[state.commands[number]]
    return frame.task is not None and isinstance(frame.task.body, Emit) and frame.resume is None
