"""What rate gates count apart, and whether they would have kept actions of the past waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from reach_workbench.policy.request import Request
from reach_workbench.policy.terms import RateTerms


def count_of(id: str, terms: RateTerms, request: Request, run: str, tenant: str) -> str:
    """What an action is counted under for the rate gate of that id."""
    parts = {
        "principal": request.principal,
        "resource": f"{request.resource_type}::{request.resource}",
        "action": request.action,
        "run": run,
        "tenant": tenant,
    }
    return "|".join([id, *(f"{name}={parts[name]}" for name in terms.per)])


class Windows:
    """Counts of the past, to be asked in the order of time. Milliseconds since 1970."""

    def __init__(self) -> None:
        self._starts: dict[str, deque[int]] = {}

    def waits(self, rates: Iterable[tuple[str, RateTerms]], at: int) -> bool:
        """Whether an action at that time would wait for a free place; it is counted when it would have started."""
        known = [(self._starts.setdefault(count, deque()), terms) for count, terms in rates]
        free = max((_free_at(starts, terms, at) for starts, terms in known), default=at)
        for starts, terms in known:
            while starts and starts[0] <= free - terms.window_ms:
                starts.popleft()
            starts.append(free)
        return free > at


def _free_at(starts: deque[int], terms: RateTerms, at: int) -> int:
    if len(starts) < terms.limit:
        return at
    return max(at, starts[-terms.limit] + terms.window_ms)
