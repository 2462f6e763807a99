"""Evaluates expressions that could run for ever, in child processes with a deadline and a memory limit.

libjq can neither be interrupted nor does it let other threads run meanwhile: an endless
expression in this process would be the end of it. In a child it costs only itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import orjson

from reach_workbench.clock import Clock, SystemClock
from reach_workbench.engine import libjq
from reach_workbench.engine.evaluator import Overrun
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json
from reach_workbench.engineclient.child import Child, ChildLate, ChildLost
from reach_workbench.errors import Bug, EngineLost
from reach_workbench.settings import Limits

_PATIENCE: Final = 0.05
"""Seconds a request waits for a busy child before one more is started."""

_START_SECONDS: Final = 10.0
"""What a new child may take to start, on a machine under load."""

_LARGE: Final = 16
"""A child is replaced once this fraction of its memory limit went through it: what it freed it may not give back."""


class ChildEvaluator:
    """An `Evaluator`. Thread-safe; children start when they are needed and are used again.

    At most `children` are kept; while all of them are busy, up to `most` run.
    """

    def __init__(self, limits: Limits, *, children: int = 2, most: int = 6, clock: Clock | None = None) -> None:
        self._limits = limits
        self._kept = children
        self._most = max(children, most)
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._starting = 0
        self._closed = False
        self._number = 0
        self._arguments = (
            "--seconds", str(limits.expression_seconds * 1.5 + 1),
            "--megabytes", str(limits.expression_megabytes),
            "--result-bytes", str(limits.value_bytes * 2),
        )  # fmt: skip

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        """The value of an expression. Raises Fault, Overrun, and EngineLost once closed."""
        names, values = libjq.arguments(expression, data, variables)
        request = orjson.dumps(
            {"id": 0, "op": "run", "expression": expression.source, "names": names, "input": libjq.encode(values)}
        )
        return _read(self._ask(request + b"\n"))

    def _ask(self, line: bytes) -> bytes:
        lost = ChildLost("", False)
        for attempt in range(2):
            child = self._take(fresh=attempt > 0)
            used = child.answered > 1
            try:
                answer = child.ask(line, self._limits.expression_seconds)
            except ChildLate:
                self._drop(child)
                raise Overrun(
                    "limits.expression_seconds",
                    f"the expression ran for more than {self._limits.expression_seconds:g} s",
                ) from None
            except ChildLost as wrong:
                self._drop(child)
                lost = wrong
                if wrong.memory and not used:
                    break
            except BaseException:
                self._drop(child)
                raise
            else:
                self._give_back(child)
                return answer
        if lost.memory:
            detail = f"the expression needs more than {self._limits.expression_megabytes} MB of memory"
        else:
            detail = f"the process that evaluates expressions died of it twice ({lost.reason})"
        raise Overrun("limits.expression_megabytes", detail)

    def _take(self, *, fresh: bool) -> Child:
        with self._changed:
            waited = False
            while True:
                if self._closed:
                    raise EngineLost("the evaluator of expressions is closed")
                if self._idle and not fresh:
                    child = self._idle.pop()
                    self._busy.add(child)
                    return child
                running = len(self._idle) + len(self._busy) + self._starting
                if running < (self._most if waited or fresh else self._kept):
                    self._starting += 1
                    break
                if fresh and self._idle:
                    self._idle.pop().close()
                    continue
                waited = not self._changed.wait(_PATIENCE) or waited
        try:
            child = self._start()
        finally:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
        with self._changed:
            self._busy.add(child)
        return child

    def _start(self) -> Child:
        child = Child(self._arguments, self._clock)
        try:
            child.ask(b'{"op":"version"}\n', _START_SECONDS)
        except (ChildLate, ChildLost) as wrong:
            child.close()
            raise EngineLost(
                f"the process that evaluates expressions does not start: {wrong}",
                hint="`reach doctor` checks the installation",
            ) from None
        except BaseException:
            child.close()
            raise
        return child

    def _give_back(self, child: Child) -> None:
        worn = child.exchanged > self._limits.expression_megabytes * 1024 * 1024 // _LARGE
        with self._changed:
            self._busy.discard(child)
            if not (self._closed or worn or len(self._idle) >= self._kept):
                self._idle.append(child)
                self._changed.notify()
                return
            self._changed.notify()
        child.close()

    def _drop(self, child: Child) -> None:
        with self._changed:
            self._busy.discard(child)
            self._changed.notify()
        child.close()

    def close(self) -> None:
        """End all children; evaluations under way raise EngineLost or Overrun."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in self._busy:
                child.kill()
            self._changed.notify_all()
        for child in idle:
            child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(answer: bytes) -> Json:
    if answer.startswith(b'{"id":0,"ok":'):
        return libjq.decode(answer[13:-2].decode())
    said = orjson.loads(answer)
    if "fault" in said:
        problem = said["fault"]
        raise Fault("expression", problem.get("detail", ""), status=problem["status"], title=problem.get("title"))
    if "overrun" in said:
        raise Overrun(said["overrun"]["limit"], said["overrun"]["detail"])
    raise Bug(f"the process that evaluates expressions does not understand us: {said}")
