"""What keeps runs from going on: an error of ours or of the store, or a lost lease."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reach_workbench.errors import ReachError


class Obstacles:
    """By the runs' ids, for those who wait for the runs."""

    def __init__(self) -> None:
        self._obstacles: dict[str, ReachError] = {}

    def __contains__(self, run: str) -> bool:
        return run in self._obstacles

    @property
    def all(self) -> Mapping[str, ReachError]:
        return MappingProxyType(self._obstacles)

    def put(self, run: str, wrong: ReachError) -> None:
        self._obstacles[run] = wrong

    def clear(self, run: str) -> None:
        """The run goes on, or is about to try."""
        self._obstacles.pop(run, None)

    def raise_for(self, run: str) -> None:
        """Raise what keeps the run from going on, if anything does."""
        if run in self._obstacles:
            raise self._obstacles[run].with_traceback(None)
