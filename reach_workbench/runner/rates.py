"""What rate gates count: when actions were started, in memory and, with what starts an action, in the store."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.policy.terms import RateTerms
from reach_workbench.storage.store import Store

_KEPT: Final = 31 * 24 * 3600 * 1000
"""Milliseconds: no window is looked back on for longer."""

_GRACE: Final = 5_000
"""Milliseconds for which the place in the queue of one that does not ask in its turn is kept."""

_SWEPT: Final = 8
"""Counts looked at for each that is taken, whether they are over: more than are taken, so that none stay for good."""

_LEFTOVERS: Final = 1_000
"""Counts of the past that no window looks back on, read at a start to be deleted."""

Counted = Sequence[tuple[str, RateTerms]]
"""Counts by their ids, with what they allow."""


class Rates:
    """The node holds its home alone, so what is counted here is all there is.

    Times are milliseconds by the wall clock, but for that they never go back: while a clock that was set back is
    behind, they go on as time passes. So nothing starts sooner for it, and nothing waits for longer than a window.
    Those that wait go on in the order in which they came.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._times: dict[str, list[int]] | None = None
        self._queues: dict[str, dict[Hashable, int]] = {}
        self._since = (0, 0.0)
        self._ends: dict[str, int] = {}
        self._sweep: list[tuple[int, str]] = []
        """A heap, with one place for each count in the store: when to look whether its window is over."""

    def ask(self, who: Hashable, counted: Counted) -> int | None:
        """When to ask again, by the wall clock; None when every count has room for one more now.

        Who is told to wait has a place in the queue, and loses it by not asking again soon after that time.
        """
        now = self._now()
        until = max(self._free_at(who, id, terms, now) for id, terms in counted)
        if until <= now:
            return None
        for id, _ in counted:
            self._queues.setdefault(id, {})[who] = until + _GRACE
        return until - now + self._clock.now()

    def take(self, who: Hashable, counted: Counted) -> tuple[tuple[str, list[int]], ...]:
        """Count one that starts now; returns what is to be kept in the store, by id, oldest first.

        With nothing to keep come counts whose windows are over: they are to be deleted there.
        """
        now, known = self._now(), self._known()
        kept = []
        for id, terms in counted:
            times = [at for at in known.get(id, []) if at > now - terms.window_ms]
            times.append(now)
            known[id] = times
            kept.append((id, list(times)))
            self._watch(id, now + terms.window_ms)
        self.leave(who)
        return *kept, *((id, []) for id in self._over(now))

    def _watch(self, id: str, end: int) -> None:
        if id not in self._ends:
            heappush(self._sweep, (end, id))
        self._ends[id] = end

    def _over(self, now: int) -> Iterator[str]:
        """Some of the counts whose windows are over; they are forgotten."""
        for _ in range(_SWEPT):
            if not self._sweep or self._sweep[0][0] > now:
                return
            _, id = heappop(self._sweep)
            if self._ends[id] > now:
                heappush(self._sweep, (self._ends[id], id))  # taken again since
                continue
            del self._ends[id]
            self._known().pop(id, None)
            yield id

    def leave(self, who: Hashable) -> None:
        """Wait no longer."""
        for id, queue in list(self._queues.items()):
            queue.pop(who, None)
            if not queue:
                del self._queues[id]

    def _free_at(self, who: Hashable, id: str, terms: RateTerms, now: int) -> int:
        """When one more may start, after all that came before it."""
        ahead = 0
        for other, kept in self._queues.get(id, {}).items():
            if other == who:
                break
            ahead += kept >= now
        times = self._known().get(id, [])
        rounds, place = divmod(ahead, terms.limit)
        before = len(times) - terms.limit + place
        free = max(now, times[before] + terms.window_ms) if before >= 0 else now
        return free + rounds * terms.window_ms

    def _now(self) -> int:
        self._known()
        wall, elapsed = self._clock.now(), self._clock.elapsed()
        at, then = self._since
        passed = at + int((elapsed - then) * 1000)
        if wall > passed:
            self._since = (wall, elapsed)
        return max(wall, passed)

    def _known(self) -> dict[str, list[int]]:
        if self._times is None:
            now = self._clock.now()
            self._since = (now, self._clock.elapsed())
            stored = self._store.read.rates(since=now - _KEPT)
            # What was counted while the clock was ahead of what it says now was not started later than now.
            self._times = {id: [at - max(times[-1] - now, 0) for at in times] for id, times in stored.items()}
            for id, times in self._times.items():
                self._watch(id, times[-1] + _KEPT)  # which window it had is not known before it is taken again
            for id in self._store.read.old_rates(before=now - _KEPT, limit=_LEFTOVERS):
                self._watch(id, now)
        return self._times
