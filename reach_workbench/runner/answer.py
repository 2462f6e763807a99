"""What those hear who hand something to a run."""

from __future__ import annotations

import asyncio


class Answer:
    """What becomes of a fact or an event that was handed in: `future` is done once that is durable.

    It tells whether the run has taken it. `left` counts the facts that are still to be taken.
    """

    __slots__ = ("future", "left", "taken")

    def __init__(self, left: int = 0) -> None:
        self.future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.left = left
        self.taken = False
