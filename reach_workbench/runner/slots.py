"""Places for the runs that go on at the same time; who comes later waits, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque

Place = asyncio.Future[None]
"""Done once the place is the asker's; to be given back exactly once, or withdrawn while it is waited for."""


class Slots:
    """`number` places. Belongs to one event loop."""

    def __init__(self, number: int) -> None:
        self._free = max(number, 1)
        self._queue: deque[Place] = deque()

    def ask(self) -> Place:
        """A place: at once if one is free, else when its turn comes."""
        place: Place = asyncio.get_running_loop().create_future()
        if self._free:
            self._free -= 1
            place.set_result(None)
        else:
            self._queue.append(place)
        return place

    def leave(self, place: Place) -> None:
        """Give a place back, or ask for it no longer."""
        if not place.done():
            place.cancel()
            return
        if place.cancelled():
            return
        while self._queue:
            following = self._queue.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._free += 1
