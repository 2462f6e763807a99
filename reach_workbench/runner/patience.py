"""Waiting for expressions where that holds up nobody else."""

from __future__ import annotations

from collections.abc import Mapping

from reach_workbench.engine.evaluator import Deferred, Evaluator
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json


class Patient:
    """An evaluator that waits for another process only while it `may_wait`: off the event loop."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self.may_wait = False

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        if not self.may_wait:
            raise Deferred
        return self._evaluator.evaluate(expression, data, variables)
