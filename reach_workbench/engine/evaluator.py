"""How the engine gets an expression's value, wherever the jq library happens to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json


class Overrun(Exception):
    """An expression used up its time or memory. `limit` is the name of the setting it hit.

    Not a `Fault`: whether it happens depends on the machine, so the runner records it as a
    fact (`expression.overran`) before the run sees it.
    """

    def __init__(self, limit: str, detail: str) -> None:
        super().__init__(detail)
        self.limit = limit
        self.detail = detail


class Deferred(Exception):
    """The expression would have to wait for another process, where waiting is not allowed: ask again where it is."""


class Evaluator(Protocol):
    """Evaluates expressions that are not bounded (bounded ones run in the caller's process).

    Raises `Fault("expression", …)` when jq refuses, `Overrun` when a limit is hit, and
    `Deferred` when it may not wait here.
    """

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json: ...
