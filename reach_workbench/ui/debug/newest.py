"""Work of which only the newest request matters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from textual.dom import DOMNode

Wanted = TypeVar("Wanted")


class Newest(Generic[Wanted]):
    """Runs `work` for the newest request, one at a time.

    A request begins at once when nothing is under way; of those that come meanwhile only the last is
    carried out. So a key that is held down never queues work, and a single press waits for nothing.
    """

    def __init__(self, owner: DOMNode, work: Callable[[Wanted], Awaitable[None]]) -> None:
        self._owner = owner
        self._work = work
        self._wanted: list[Wanted] = []
        self._busy = False

    @property
    def overtaken(self) -> bool:
        """Whether a newer request waits: what is under way may stop early."""
        return bool(self._wanted)

    @property
    def busy(self) -> bool:
        return self._busy

    def ask(self, wanted: Wanted) -> None:
        self._wanted = [wanted]
        if not self._busy:
            self._busy = True
            self._owner.run_worker(self._run(), exclusive=False)

    async def _run(self) -> None:
        try:
            while self._wanted:
                await self._work(self._wanted.pop())
        finally:
            self._busy = False
