"""What the API refused at its door, as security events of the audit log: never so many that they flood it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.storage.store import Store

QUIET: Final = 60_000
"""Milliseconds after a record about a client in which the next refusals are only counted."""

_CLIENTS: Final = 1_000
"""Clients that are told apart; all others together count as one."""

_OTHERS: Final = "others"


@dataclass(slots=True)
class _Client:
    told_at: int
    refused: int = 0
    last: str = ""


class Refusals:
    """The first refusal of a client makes a record at once; those of the next minute make one together."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._timer: asyncio.TimerHandle | None = None

    def refused(self, code: str, client: str, path: str) -> None:
        """A request of that client was refused with that code. Needs a running event loop, and returns at once."""
        now = self._clock.now()
        if client not in self._clients and len(self._clients) >= _CLIENTS:
            client = _OTHERS
        known = self._clients.get(client)
        if known is None:
            self._clients[client] = _Client(now)
            self._tell(code, client, {"path": path[:200]}, now)
        else:
            known.refused += 1
            known.last = code
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET / 1000, self._sum_up)

    def close(self) -> None:
        """Write what was counted and not told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._told(everyone=True)

    def _sum_up(self) -> None:
        self._timer = None
        self._told(everyone=False)
        if self._clients:
            self._timer = asyncio.get_running_loop().call_later(QUIET / 1000, self._sum_up)

    def _told(self, *, everyone: bool) -> None:
        now = self._clock.now()
        for client, known in list(self._clients.items()):
            if not everyone and now - known.told_at < QUIET:
                continue
            if known.refused:
                self._tell(known.last, client, {"count": known.refused, "since": known.told_at}, now)
                self._clients[client] = _Client(now)
            else:
                del self._clients[client]

    def _tell(self, code: str, client: str, said: dict[str, Json], now: int) -> None:
        unit = self._store.unit()
        unit.audit("security.refused", {"code": code, "client": client, **said}, at=now)
        self._store.commit(unit).add_done_callback(_heard)


def _heard(done: asyncio.Future[None]) -> None:
    """A record that can't be kept refuses nobody anything; other kinds of failure are to be seen."""
    if not done.cancelled() and not isinstance(done.exception(), ReachError | None):
        raise done.exception() or AssertionError
