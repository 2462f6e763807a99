"""Which events of a run a query fits: a stretch at a time, so that whoever asks can show what there is so far."""

from __future__ import annotations

from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.events import TYPES
from reach_workbench.errors import BadInput
from reach_workbench.node.aside import Stopped
from reach_workbench.protocol.debugging import Found, Query
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.searching import Needle
from reach_workbench.storage.store import Store

SECONDS: Final = 0.1
"""How long one call looks, a chunk at least."""

_WORDS: Final = frozenset(name.partition(".")[0] for name in TYPES)


def find(
    store: Store,
    record: RunRecord,
    query: Query,
    after: int,
    clock: Clock,
    stopped: Stopped,
    *,
    backwards: bool = False,
    limit: int = 1000,
) -> Found:
    """Events that fit, after `after`; backwards those before it, from the end when it is 0. Raises BadInput."""
    needle = needle_of(query)
    began = clock.elapsed()
    last = record.seq
    if backwards:
        low, high = 0, min(after, last + 1) if after > 0 else last + 1
        scanned = high
    else:
        low, high = max(after, 0), last + 1
        scanned = min(low, last)
    seqs: list[int] = []
    for searched in store.read.search(record.key, [needle], low, high, backwards=backwards):
        seqs += searched.seqs
        if len(seqs) >= limit > 0:
            more = len(seqs) > limit
            del seqs[limit:]
            scanned = seqs[-1] if more else searched.first if backwards else searched.last
            break
        scanned = searched.first if backwards else searched.last
        if stopped() or clock.elapsed() - began > SECONDS:
            break
    done = scanned <= 1 if backwards else scanned >= last
    return Found(tuple(seqs), scanned, done)


def needle_of(query: Query) -> Needle:
    """What to look for. Raises BadInput for a type that no event has."""
    types: set[str] | None = None
    if query.types:
        types = set()
        for word in query.types:
            named = [name for name in TYPES if name == word or name.startswith(word + ".")]
            if not named:
                raise BadInput(
                    f"no event has the type {word!r}",
                    hint=f"a type such as task.faulted, or the first word of one: {', '.join(sorted(_WORDS))}",
                )
            types.update(named)
    within = (query.task or "").rstrip("/") or None
    return Needle(text=query.text, types=None if types is None else frozenset(types), within=within)
