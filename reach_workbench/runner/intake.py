"""What a run is told: the facts and CloudEvents that are handed in, and the answers to those who handed them in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reach_workbench.engine.events import Fact
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError


class Answer:
    """What becomes of a fact or an event that was handed in: `future` is done once that is durable.

    It tells whether the run has taken it. `left` counts the facts that are still to be taken.
    """

    __slots__ = ("future", "left", "taken")

    def __init__(self, left: int = 0) -> None:
        self.future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.left = left
        self.taken = False

    def say(self, taken: bool) -> None:
        if not self.future.done():
            self.future.set_result(taken)

    def refuse(self, wrong: ReachError) -> None:
        if not self.future.done():
            self.future.set_exception(wrong)


class Offer(NamedTuple):
    """A CloudEvent that came at that time."""

    event: dict[str, Json]
    at: int
    answer: Answer


class Intake:
    """First come, first served. `rouse` is called when something has come in. It is true while anything is there."""

    def __init__(self, rouse: Callable[[], None]) -> None:
        self._rouse = rouse
        self._facts: deque[tuple[Fact, Answer | None]] = deque()
        self._offers: deque[Offer] = deque()
        self._answers: list[Answer] = []
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._facts or self._offers)

    @property
    def has_facts(self) -> bool:
        return bool(self._facts)

    # ------------------------------------------------------------ handing in

    def tell(self, fact: Fact) -> None:
        self._facts.append((fact, None))
        self._rouse()

    def put_first(self, fact: Fact) -> None:
        """A fact of the run's own, to be taken before all others."""
        self._facts.appendleft((fact, None))

    def ask(self, fact: Fact) -> asyncio.Future[bool]:
        """The future tells whether the fact was taken, once that is durable."""
        answer = Answer(1)
        if self._closed:
            answer.say(False)
        else:
            self._facts.append((fact, answer))
            self._rouse()
        return answer.future

    def offer(self, event: dict[str, Json], at: int, *, listening: bool) -> asyncio.Future[bool]:
        """The future tells whether one of the run's tasks took the event, once that is durable."""
        answer = Answer()
        if listening and not self._closed:
            self._offers.append(Offer(event, at, answer))
            self._rouse()
        else:
            answer.say(False)
        return answer.future

    # ------------------------------------------------------------ taking

    def commands(self) -> set[Json]:
        """The numbers of the commands that facts are about."""
        return {fact.data.get("command") for fact, _ in self._facts}

    def next_fact(self) -> tuple[Fact, Answer | None]:
        return self._facts.popleft()

    def next_offer(self) -> Offer | None:
        """The next event whose turn it is: what it means depends on the facts before it."""
        return self._offers.popleft() if self._offers and not self._facts else None

    def weighed(self, offer: Offer, facts: Sequence[Fact]) -> None:
        """These facts are to be taken for that event: one for each task that takes it."""
        offer.answer.left = len(facts)
        if not facts:
            self._answers.append(offer.answer)
        self._facts.extend((fact, offer.answer) for fact in facts)

    def settle(self, answer: Answer | None, *, taken: bool) -> None:
        """A fact of that answer was taken, or not; who asked hears of it with the next commit."""
        if answer is None:
            return
        answer.taken |= taken
        answer.left -= 1
        if answer.left == 0:
            self._answers.append(answer)

    def reply(self) -> None:
        """What was taken is durable now."""
        if self._answers:
            answers, self._answers = self._answers, []
            for answer in answers:
                answer.say(answer.taken)

    def close(self) -> None:
        """Nothing of what was handed in and not committed is taken any more."""
        self._closed = True
        waiting = [*self._answers, *(answer for _, answer in self._facts), *(offer.answer for offer in self._offers)]
        for answer in waiting:
            if answer is not None:
                answer.say(False)
