"""The engine in child processes: `ChildEvaluator` for a node, `serve` for the other side of the pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reach_workbench.engineclient.pool import ChildEvaluator as ChildEvaluator


def __getattr__(name: str) -> Any:
    if name == "ChildEvaluator":  # a child imports this package too, and has no use for the pool
        from reach_workbench.engineclient.pool import ChildEvaluator

        return ChildEvaluator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
