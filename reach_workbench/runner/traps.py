"""Where the node's breakpoints hold one run.

A run is held before something is decided, or before a command whose intent is recorded is performed.
Nothing of it goes into the history: what is held back is only decided, or performed, later.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from reach_workbench.engine import emitting
from reach_workbench.engine import program as p
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluate import evaluate
from reach_workbench.engine.evaluator import Evaluator, Overrun
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.recorder import task_scope
from reach_workbench.engine.rehearsal import own_data, own_fault
from reach_workbench.engine.scope import Looking, Scope
from reach_workbench.engine.state import ROOT, Frame, State, Todo, after_extensions
from reach_workbench.engine.values import Json
from reach_workbench.runner.breakpoints import Breakpoints, Point
from reach_workbench.runner.debug import entered_task
from reach_workbench.storage.records import LogLineRecord
from reach_workbench.storage.unit import Unit

_ERRORS: Final = 16
"""Errors on their way up that are remembered, so that each holds its run once."""


class _Verdict(NamedTuple):
    """A breakpoint was met: what it says, if it has a message, and what was wrong with its expressions."""

    point: Point
    message: str | None
    problem: str | None


class _Place(NamedTuple):
    """What a breakpoint may be about: its kind, the task, and what an expression sees there."""

    kind: str
    task: str | None
    data: Json
    scope: Mapping[str, Json]
    command: str | None = None


class Traps:
    """The breakpoints of the node as one run meets them. `withheld` are commands held before they are performed.

    `since`: commands up to that event are none of its business.
    """

    def __init__(self, breakpoints: Breakpoints, run: str, evaluator: Evaluator, *, since: int) -> None:
        self._breakpoints = breakpoints
        self._run = run
        self._evaluator = evaluator
        self._version = -1
        self._points: tuple[Point, ...] = ()
        self._kinds: frozenset[str] = frozenset()
        self._weighed = since
        self._asked: tuple[int, int, bool] | None = None
        self._holding: tuple[int, Todo] | None = None
        self._passing: tuple[int, Todo] | None = None
        self._errors: deque[Json] = deque(maxlen=_ERRORS)
        self._attempts: tuple[int, int] = (-1, 0)
        self._met: Counter[str] = Counter()
        self._lines: list[LogLineRecord] = []
        self.withheld: set[int] = set()

    def idle(self, state: State) -> bool:
        """Whether there is nothing that could hold the run: then nobody need ask."""
        if self._version != self._breakpoints.version:
            self._version = self._breakpoints.version
            program = state.program
            self._points = self._breakpoints.watching(f"{program.namespace}/{program.name}", self._run)
            self._kinds = frozenset(point.breakpoint.on for point in self._points)
        return not self._points and not self.withheld and self._holding is None

    def __call__(self, state: State, frame: Frame, todo: Todo) -> bool:
        """Whether to hold before this decision. Asked again about the same one, it says the same.

        Raises Deferred where a condition would have to wait for another process.
        """
        self.weigh(state)
        if self.withheld:
            return bool(todo[0] != "cancel")
        if self._asked is not None and self._asked[:2] == (state.seq, frame.id):
            return self._asked[2]
        here = (frame.id, todo)
        holds = self._holding == here
        if not holds:
            passing = self._passing == here
            holds = not passing and self._meet(state, self._places(state, frame, todo))
            self._passing = None
            self._holding = here if holds else None
            self._note(frame, todo)
        self._asked = (state.seq, frame.id, holds)
        return holds

    def weigh(self, state: State) -> None:
        """Withhold the commands issued since, if a breakpoint wants that. Raises Deferred."""
        commands = state.commands
        if not commands or next(reversed(commands)) <= self._weighed:
            return
        for number in [number for number in commands if number > self._weighed]:
            frame = state.frames[commands[number]]
            if "command" in self._kinds and number not in state.in_doubt:
                kind = _kind_of(frame)
                scope = task_scope(state, frame) if frame.task is not None else Scope(state, frame)
                task = frame.task.reference if frame.task is not None else None
                if self._meet(state, [_Place("command", task, frame.input, scope, kind)]):
                    self.withheld.add(number)
            self._weighed = number

    def release(self, state: State) -> set[int]:
        """Go on from where the run is held; returns the commands that may now be performed."""
        released, self.withheld = self.withheld & state.commands.keys(), set()
        head = next(iter(state.ready), None)
        self._passing = self._holding
        if head is not None and not released:
            frame = state.frames[head]
            assert frame.todo is not None
            self._passing = (head, frame.todo)
        self._asked = self._holding = None
        return released

    def save(self, unit: Unit) -> None:
        """Add what was met and said since the last time to what is being committed."""
        if self._met:
            for id, times in self._met.items():
                point = self._breakpoints.points.get(id)
                if point is not None:
                    unit.meet_breakpoint(id, times=times, problem=point.problem)
            self._met.clear()
        if self._lines:
            unit.add_log_lines(self._run, self._lines)
            self._lines = []

    # ------------------------------------------------------------ places

    def _places(self, state: State, frame: Frame, todo: Todo) -> list[_Place]:
        """What this decision is about, as far as any breakpoint cares."""
        found = []
        if "retry" in self._kinds and self._retries(frame, todo):
            assert frame.task is not None
            found.append(_Place("retry", frame.task.reference, frame.input, task_scope(state, frame)))
        if "fault" in self._kinds and (error := self._risen(state, frame, todo)) is not None:
            scope = task_scope(state, frame) if frame.task is not None else Scope(state, frame)
            place = error.get("instance") if isinstance(error, dict) else None
            data = own_data(frame) if frame.id == ROOT else frame.input
            found.append(_Place("fault", place, data, Looking(scope, {"error": error})))
        if "task" in self._kinds and (entered := entered_task(state, frame, todo)) is not None:
            found.append(_starting(state, frame, *entered, self._evaluator))
        return found

    def _risen(self, state: State, frame: Frame, todo: Todo) -> Json:
        """The error that has just come up here; None when there is none, or it is only on its way further up."""
        if todo[0] in ("raise", "fail"):
            return None if any(todo[1] is each for each in self._errors) else todo[1]
        if todo[0] == "attempt-timeout" or (todo[0] == "timeout" and frame.id == ROOT):
            what = Fault("timeout", "the time this may take is over")
            return what.problem(frame.task.reference if frame.task is not None else "/")
        with suppress(Overrun):  # asked again once that is recorded
            return own_fault(state, frame, todo, self._evaluator)
        return None

    def _retries(self, frame: Frame, todo: Todo) -> bool:
        """Whether this begins another attempt of a `try`."""
        if not frame.attempt or frame.task is None or self._attempts == (frame.id, frame.attempt):
            return False
        return frame.part == "main" and todo == after_extensions(frame.task)

    def _note(self, frame: Frame, todo: Todo) -> None:
        """Remember what has been seen to, and would look new again."""
        if todo[0] in ("raise", "fail"):
            self._errors.append(todo[1])
        elif frame.attempt:
            self._attempts = (frame.id, frame.attempt)

    # ------------------------------------------------------------ meeting

    def _meet(self, state: State, places: list[_Place]) -> bool:
        """Whether a breakpoint holds the run here; counts those met and keeps what they say. Raises Deferred."""
        holds = False
        for point, message, problem in [verdict for place in places for verdict in self._judge(place)]:
            point.problem = problem
            point.count += 1
            self._met[point.breakpoint.id] += 1
            if point.count < point.breakpoint.hits:
                continue
            if message is None:
                holds = True
            else:
                self._lines.append(LogLineRecord(point.breakpoint.id, self._run, state.seq, state.at, message))
        return holds

    def _judge(self, place: _Place) -> Iterator[_Verdict]:
        """The breakpoints that are met. Nothing is counted yet: an expression may have to wait elsewhere."""
        for point in self._points:
            terms = point.breakpoint
            if terms.on != place.kind or terms.task not in (None, place.task):
                continue
            if terms.command not in (None, place.command):
                continue
            problem: str | None = None
            if point.condition is not None:
                try:
                    value = evaluate(point.condition, place.data, place.scope, self._evaluator)
                    if value is None or value is False:
                        continue
                except (Fault, Overrun) as wrong:
                    problem = f"the condition failed: {wrong.detail}"
            message: str | None = None
            if point.log is not None:
                try:
                    said = evaluate(point.log, place.data, place.scope, self._evaluator)
                    message = said if isinstance(said, str) else canonical(said).decode()
                except (Fault, Overrun) as wrong:
                    problem = f"the message failed: {wrong.detail}"
                    message = problem
            yield _Verdict(point, message, problem)


def _starting(state: State, frame: Frame, task: p.Task, raw: Json, evaluator: Evaluator) -> _Place:
    """A task that is about to start inside `frame`, with the arguments that its own expressions will have."""
    given = raw
    if task.input_from is not None:
        before = Scope(state, frame, task, raw=raw, started=state.at, inside=frame)
        with suppress(Fault, Overrun):  # the task itself will fail of it
            given = evaluate(task.input_from, raw, before, evaluator)
    scope = Scope(state, frame, task, raw=raw, started=state.at, input=given, inside=frame)
    return _Place("task", task.reference, given, scope)


def _kind_of(frame: Frame) -> str | None:
    """What the frame's pending command is."""
    if frame.resume is not None:
        return "resource.get"
    body = frame.task.body if frame.task is not None else None
    if isinstance(body, p.Emit):
        return emitting.COMMAND
    return body.command if isinstance(body, p.Call | p.Run) else None
