"""Looking through all events of a run for those that fit a query, a stretch at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from reach_workbench.protocol.debugging import MOST_FOUND, Query
from reach_workbench.protocol.node import Node


class Search:
    """What was found so far. `seqs` is in order; from `start` on first, then from the beginning to there."""

    def __init__(self, query: Query, start: int = 0) -> None:
        self.query = query
        self.start = start
        self.looked = 0
        self.done = False
        self._later: array[int] = array("I")
        self._earlier: array[int] = array("I")

    @property
    def seqs(self) -> array[int]:
        return self._earlier + self._later if self._earlier else self._later

    @property
    def count(self) -> int:
        return len(self._earlier) + len(self._later)

    async def run(self, node: Node, run: str, told: Callable[[Search], None]) -> None:
        """Look until everything was looked at, and say so after each stretch. Raises ReachError."""
        await self._stretch(node, run, self._later, self.start, None, told)
        if self.start > 0:
            await self._stretch(node, run, self._earlier, 0, self.start, told)
        self.done = True
        told(self)

    async def go_on(self, node: Node, run: str, told: Callable[[Search], None], after: int) -> None:
        """The run has grown: look at what is new after event `after`."""
        await self._stretch(node, run, self._later, after, None, told)

    async def _stretch(
        self, node: Node, run: str, into: array[int], after: int, until: int | None, told: Callable[[Search], None]
    ) -> None:
        at = after
        while True:
            found = await node.find(run, self.query, after=at, limit=MOST_FOUND)
            into.extend(seq for seq in found.seqs if until is None or seq <= until)
            self.looked += max(0, found.scanned - at)
            stuck = found.scanned <= at
            at = found.scanned
            if found.done or stuck or (until is not None and at >= until):
                return
            told(self)
