"""What rate gates count: when actions were started, in memory and, with what starts an action, in the store."""

from __future__ import annotations

from reach_workbench.storage.store import Store

_KEPT: int = 31 * 24 * 3600 * 1000
"""Milliseconds: no window is looked back on for longer."""


class Rates:
    """The node holds its home alone, so what is counted here is all there is. Times are milliseconds since 1970."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._times: dict[str, list[int]] | None = None

    def free_at(self, id: str, limit: int, window: int, now: int) -> int:
        """When one more may start: `now`, or later when `limit` were started within the last `window` milliseconds.

        A clock that was set back makes nothing start sooner, and nothing wait for longer than the window.
        """
        times = self._known(now).get(id, [])
        if len(times) < limit:
            return now
        return max(now, min(times[-limit], now) + window)

    def take(self, id: str, window: int, now: int) -> list[int]:
        """Count one that starts now; returns what is to be kept in the store, oldest first."""
        known = self._known(now)
        times = [at for at in known.get(id, []) if at > now - window]
        times.append(max(now, times[-1]) if times else now)
        known[id] = times
        return times

    def _known(self, now: int) -> dict[str, list[int]]:
        if self._times is None:
            self._times = self._store.read.rates(since=now - _KEPT)
        return self._times
