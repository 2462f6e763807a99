"""Who is told of the lifecycle of runs: runs that listen for it, and a sink outside (dsl.md, Lifecycle Events)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from reach_workbench.engine.events import Event
from reach_workbench.engine.listening import hears
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.protocol.lifecycle import TYPES, Lifecycle

Offer = Callable[[str, dict[str, Json]], "asyncio.Future[bool] | None"]
"""Offers a CloudEvent to the run with that id; the future tells whether it took it."""


class Audience:
    """Costs next to nothing while nobody listens.

    A run is never told of itself. A run that has taken such an event tells no other run of itself
    any more: two runs that listen to everything would otherwise talk about each other for ever.
    """

    def __init__(self, offer: Offer, sink: Callable[[dict[str, Json]], None] | None = None) -> None:
        self._offer = offer
        self._sink = sink
        self._listening: set[str] = set()
        self._told: set[str] = set()
        self._tellers: dict[str, Lifecycle] = {}

    def follow(self, state: State, events: list[Event]) -> None:
        """A run has committed `events`, which led to `state`."""
        run = state.run
        if state.listeners or run in self._listening:
            (self._listening.add if hears(state, TYPES) else self._listening.discard)(run)
        if not self._listening and self._sink is None:
            self._tellers.clear()
            return
        hearers = self._listening - {run} if run not in self._told else set()
        if events and (hearers or self._sink is not None):
            self._tell(state, events, hearers)
        else:
            self._tellers.pop(run, None)  # what it does next goes by unheard, so it is no longer up to date

    def forget(self, run: str) -> None:
        """The run is no longer driven."""
        self._listening.discard(run)
        self._told.discard(run)
        self._tellers.pop(run, None)

    def _tell(self, state: State, events: list[Event], hearers: Iterable[str]) -> None:
        teller = self._tellers.get(state.run)
        if teller is None:
            teller = self._tellers[state.run] = _teller(state, events)
        for event in events:
            for told in teller.tell(event):
                if self._sink is not None:
                    self._sink(told)
                for hearer in hearers:
                    answer = self._offer(hearer, told)
                    if answer is not None:
                        answer.add_done_callback(partial(self._note, hearer))

    def _note(self, run: str, taken: asyncio.Future[bool]) -> None:
        if not taken.cancelled() and taken.exception() is None and taken.result() and run in self._listening:
            self._told.add(run)


class _Identity(NamedTuple):
    id: str
    namespace: str
    name: str
    version: str


def _teller(state: State, events: list[Event]) -> Lifecycle:
    """One that begins with `events`, after which the run is in `state`."""
    program = state.program
    tasks = {frame.id: frame.task.reference for frame in state.frames.values() if frame.task is not None}
    correlating = {number: state.frames[number].correlations or {} for number in state.listeners}
    for event in events:
        if event.type == "event.consumed":
            correlating.setdefault(event.frame, {})
    return Lifecycle(_Identity(state.run, program.namespace, program.name, program.version), tasks, correlating)
