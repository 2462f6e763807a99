"""What a node answers about its runs and their past: events, states, finds, moves, values, origins, comparisons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import digest
from reach_workbench.engine.state import ENDED, State
from reach_workbench.engine.values import Json
from reach_workbench.errors import NotFound
from reach_workbench.node import archive
from reach_workbench.node.aside import Stopped, aside
from reach_workbench.node.breakpoints import listed, log_lines
from reach_workbench.node.comparing import compare
from reach_workbench.node.evaluating import evaluate, holds
from reach_workbench.node.finding import find
from reach_workbench.node.ground import FOLLOW_SECONDS, Ground
from reach_workbench.node.history import History
from reach_workbench.node.origins import origin
from reach_workbench.node.paging import page
from reach_workbench.node.seeking import Seeker
from reach_workbench.node.views import changes, comparable, event_view, state_view
from reach_workbench.protocol.authoring import ProgramView
from reach_workbench.protocol.debugging import (
    Breakpoint,
    Comparison,
    Evaluation,
    EventPage,
    Found,
    LogLine,
    Motion,
    Origin,
    Query,
)
from reach_workbench.protocol.node_views import Change, EventView, RunView, StateView, Status
from reach_workbench.runner.loading import load_state
from reach_workbench.runner.passed import Passed
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

_OWN_SECONDS: Final = 1.0
"""How often a follower looks in a home that is this node's own, whose runner tells it of every change."""


class Looking(Ground):
    """The part of `LocalNode` that only looks. Whatever may take long is done in a thread."""

    _passed: Passed

    # ------------------------------------------------------------ runs

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
        seconds = _OWN_SECONDS if self.store.writable else FOLLOW_SECONDS
        try:
            async with asyncio.timeout(seconds):  # wait_for loses a cancellation up to Python 3.11
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            forget()

    async def state(self, run: str, at: int | None = None) -> StateView:
        return state_view(*self._state(run, at))

    def _state(self, run: str, at: int | None) -> tuple[State, str | None]:
        if archive.is_archive(run):
            return archive.load(Path(run), self.settings.limits).state(at), None
        record = self.store.read.run(run)
        if at is not None and not 0 <= at <= record.seq:
            raise NotFound(f"run {record.id} has no event {at}", hint=f"its events are 1 to {record.seq}")
        status = record.status if at is None or at == record.seq else None
        return load_state(self.store, record, at, passed=self._passed), status

    async def diff(self, run: str, before: int, after: int) -> Sequence[Change]:
        left, right = self._state(run, before)[0], self._state(run, after)[0]
        return list(changes(comparable(left), comparable(right)))

    async def log_lines(self, run: str) -> Sequence[LogLine]:
        return log_lines(self.store, run)

    # ------------------------------------------------------------ into a history

    async def page(self, run: str, first: int, count: int) -> EventPage:
        return page(self.store, self.store.read.run(run), first, count)

    async def find(
        self, run: str, query: Query, *, after: int = 0, backwards: bool = False, limit: int = 1000
    ) -> Found:
        record = self.store.read.run(run)

        def look(stopped: Stopped) -> Found:
            return find(self.store, record, query, after, self.clock, stopped, backwards=backwards, limit=limit)

        return await aside(look)

    async def seek(self, run: str, at: int, motion: Motion) -> int:
        record = self.store.read.run(run)
        within(record, at)
        points = self._breakpoints_of(record)

        def look(stopped: Stopped) -> int:
            return Seeker(
                History(self.store, record), at, points, partial(_holds, self.store, record, self.evaluator), stopped
            ).seek(motion)

        if motion in ("into", "back"):
            return look(bool)
        return await aside(look)

    def _breakpoints_of(self, record: RunRecord) -> Sequence[Breakpoint]:
        """The breakpoints that would hold this run: its own, and those of the node."""
        workflow = f"{record.namespace}/{record.name}"
        return [Breakpoint(task=reference) for reference in record.breakpoints] + [
            point
            for point in listed(self.runner.breakpoints, self.store)
            if point.workflow in (None, workflow) and point.run in (None, record.id)
        ]

    async def evaluate(self, run: str, at: int | None, expression: str, *, data: Json = None) -> Evaluation:
        record = self.store.read.run(run)
        if at is not None:
            within(record, at)

        def look() -> Evaluation:
            state = load_state(self.store, record, at)
            given = data
            if state.ended:
                given = state.output if data is None else data
                state = load_state(self.store, record, state.seq - 1)
            return evaluate(state, expression, self.evaluator, given)

        return await asyncio.to_thread(look)

    async def origin(self, run: str, at: int, pointer: str) -> Origin | None:
        record = self.store.read.run(run)
        within(record, at)
        return await aside(lambda stopped: origin(History(self.store, record), at, pointer, stopped))

    async def compare(self, left: str, right: str) -> Comparison:
        one, other = self.store.read.run(left), self.store.read.run(right)
        return await aside(lambda stopped: compare(self.store, one, other, stopped))

    async def program(self, run: str) -> ProgramView:
        record = self.store.read.run(run)
        stored = self.store.read.program(record.program)
        file = record.file or stored.file

        def look() -> ProgramView:
            from reach_workbench.node.authoring import inspect

            compilation = inspect(stored.source, Path(file or "workflow.yaml"), self.settings.limits)
            return ProgramView(stored.digest, stored.source, file, compilation)

        return await asyncio.to_thread(look)


def within(record: RunRecord, at: int) -> None:
    """Raises NotFound for an event that the run does not have; 0 is before its first."""
    if not 0 <= at <= record.seq:
        raise NotFound(f"run {record.id} has no event {at}", hint=f"its events are 1 to {record.seq}")


def _holds(store: Store, record: RunRecord, evaluator: Evaluator, condition: str, at: int, error: Json) -> bool:
    state: State = load_state(store, record, at)
    return holds(state, condition, evaluator, error)
