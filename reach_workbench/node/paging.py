"""Pages of events by number: what a timeline shows of a run of any length."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.events import digest
from reach_workbench.node.views import event_view
from reach_workbench.protocol.debugging import EventPage
from reach_workbench.protocol.node_views import EventView
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

MOST: Final = 1000
"""Events of one page."""


def page(store: Store, record: RunRecord, first: int, count: int) -> EventPage:
    """At most `count` (and `MOST`) events from number `first`; none beyond the end."""
    first = max(first, 1)
    last = min(record.seq, first + min(count, MOST) - 1)
    events: list[EventView] = []
    if first <= last:
        value = store.read.digest_at(record.key, first - 1)
        for chunk in store.read.chunks(record.key, first - 1, last):
            for event in chunk.events:
                value = digest(value, event)
                events.append(event_view(event, value))
    return EventPage(record.id, first, record.seq, tuple(events))


def view_of(store: Store, record: RunRecord, seq: int) -> EventView | None:
    """One event, None beyond the end."""
    found = page(store, record, seq, 1).events
    return found[0] if found else None
