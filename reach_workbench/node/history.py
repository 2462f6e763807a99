"""The events of one run at hand, by number: who looks at one looks at its neighbours and at what is around it."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine import program as p
from reach_workbench.engine.events import Event
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ROOT
from reach_workbench.runner.loading import program_of
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

ENDS: Final = frozenset({"task.completed", "task.faulted", "task.cancelled"})
"""Events with which a task's frame is gone."""

STARTS: Final = frozenset({"task.started", "task.skipped"})
"""Events that a held run stands before. Their `frame` is the one around the task."""


class History:
    """See the module. Only events up to `last`, the last of the record, are there."""

    def __init__(self, store: Store, record: RunRecord) -> None:
        self.store = store
        self.record = record
        self.last = record.seq
        self._first = 1
        self._events: list[Event] = []
        self._depths: dict[int, int] = {ROOT: 1}
        self._programs: list[tuple[int, Program]] | None = None

    def event(self, seq: int) -> Event:
        """Event `seq`, from 1 to `last`."""
        place = seq - self._first
        if not 0 <= place < len(self._events):
            events = self.store.read.around(self.record.key, seq)
            place = seq - events[0].seq
            self._first, self._events = events[0].seq, events
        return self._events[place]

    def parent(self, frame: int) -> int:
        """The frame around a frame."""
        return self.event(frame).frame if frame != ROOT else ROOT

    def depth(self, frame: int) -> int:
        """How many frames are around a task that is started in `frame`, itself included; 1 for the workflow."""
        inner: list[int] = []
        while frame not in self._depths:
            inner.append(frame)
            frame = self.parent(frame)
        depth = self._depths[frame]
        for each in reversed(inner):
            depth += 1
            self._depths[each] = depth
        return depth

    def task(self, frame: int) -> p.Task | None:
        """The task that the frame is an execution of; None for the workflow and for what was fetched by the run."""
        if frame == ROOT:
            return None
        reference = self.event(frame).task
        return self.program(frame).tasks.get(reference or "")

    def program(self, seq: int) -> Program:
        """The program that event `seq` came of: a forked run's past has its ancestor's."""
        if self._programs is None:
            self._programs = [
                (last, program_of(self.store, self.store.read.run_by_key(key).program))
                for key, _, _, last in self.store.read.lineage(self.record.key)
            ]
        return next(program for last, program in self._programs if seq <= last)

    def alone(self, frame: int) -> bool:
        """Whether nothing runs beside the frame: none of those around it is a fork."""
        while frame != ROOT:
            frame = self.parent(frame)
            task = self.task(frame)
            if frame != ROOT and (task is None or isinstance(task.body, p.Fork)):
                return False
        return True
