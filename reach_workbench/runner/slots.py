"""Places for the runs that go on at the same time; who comes later waits, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

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


class Seat:
    """One run's place among those that go on at the same time. Without `slots` it needs none."""

    def __init__(self, slots: Slots | None, place: Place | None = None) -> None:
        self._slots = slots
        self._place = place

    @property
    def taken(self) -> bool:
        """Whether the run may go on."""
        return self._slots is None or (self._place is not None and self._place.done())

    def ask(self) -> bool:
        """Whether the run may go on; if not, it waits for its turn from now on."""
        if self._slots is not None and self._place is None:
            self._place = self._slots.ask()
        return self.taken

    def when_taken(self, rouse: Callable[[], None]) -> None:
        """Call `rouse` once its turn has come, or it waits for it no longer."""
        if self._place is not None:
            self._place.add_done_callback(lambda _: rouse())

    def leave(self) -> None:
        """Give the place back, or wait for it no longer."""
        if self._place is not None and self._slots is not None:
            self._slots.leave(self._place)
        self._place = None

    def exempt(self) -> None:
        """Need no place any more."""
        self.leave()
        self._slots = None
