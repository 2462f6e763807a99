"""Waiting for expressions where that holds up nobody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from reach_workbench.engine.evaluator import Deferred, Evaluator
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json
from reach_workbench.runner.threads import Threads

T = TypeVar("T")


class Patient:
    """An evaluator that waits for another process only in work that is done `aside`: off the event loop."""

    def __init__(self, evaluator: Evaluator, threads: Threads) -> None:
        self._evaluator = evaluator
        self._threads = threads
        self._may_wait = False

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        if not self._may_wait:
            raise Deferred
        return self._evaluator.evaluate(expression, data, variables)

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what needs an expression that may loop, in a thread."""
        self._may_wait = True
        try:
            return await self._threads.aside(work)
        finally:
            self._may_wait = False
