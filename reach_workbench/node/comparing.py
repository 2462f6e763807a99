"""Two runs side by side: where they part."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from reach_workbench.engine import emitting
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.events import Event
from reach_workbench.engine.values import Json, same
from reach_workbench.node.aside import Stopped
from reach_workbench.node.paging import view_of
from reach_workbench.protocol.debugging import Comparison
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

_NUMBERS: Final = frozenset({"command", "timer"})
"""Members of events that name another event."""

_DECIDERS: Final = frozenset({"policies", "policy", "groups"})
"""Members of a decision that are left out where they are as at the one before."""

_HOLDING: Final = frozenset({"workflow.suspended", "workflow.resumed"})
"""Events that say when a run was held and went on, not what it did."""


def compare(store: Store, left: RunRecord, right: RunRecord, stopped: Stopped) -> Comparison:
    """The first events that differ in type, task or data. That a run was forked or held is no difference by itself."""
    if left.key == right.key:
        return Comparison(True, left.seq, message="it is the same run")
    shared = _shared(store, left, right)
    common = shared
    mine, theirs = _Deciders(), _Deciders()
    for one, other in zip_longest(_events(store, left, shared), _events(store, right, shared)):
        alike = one is not None and other is not None and _alike(one, other, left.id, right.id)
        if not (alike and mine.take(one).agrees(theirs.take(other))):
            return Comparison(
                False,
                common,
                view_of(store, left, one.seq) if one is not None else None,
                view_of(store, right, other.seq) if other is not None else None,
                _words(one, other, left, right),
            )
        common += 1
        if stopped():
            break
    return Comparison(True, common, message=f"all {common:,} events agree")


class _Deciders:
    """By which policies the last command was decided about: an event says so only where they are others than before.

    A fork says it once more, so what stands against that is what its ancestor has said at some time, if it is known.
    """

    def __init__(self) -> None:
        self._known: dict[str, Json] = {}

    def take(self, event: Event | None) -> _Deciders:
        if event is not None and event.type == "policy.decided":
            self._known |= {name: part for name, part in (event.data or {}).items() if name in _DECIDERS}
        return self

    def agrees(self, other: _Deciders) -> bool:
        return all(part == other._known.get(name, part) for name, part in self._known.items())


def _shared(store: Store, left: RunRecord, right: RunRecord) -> int:
    """How many events both have from the same ancestor."""
    shared = 0
    pairs = zip(store.read.lineage(left.key), store.read.lineage(right.key), strict=False)
    for (one, _, first, last), (other, _, start, end) in pairs:
        if (one, first) != (other, start):
            break
        shared = min(last, end, left.seq, right.seq)
        if last != end:
            break
    return shared


def _events(store: Store, record: RunRecord, after: int) -> Iterator[Event]:
    for chunk in store.read.chunks(record.key, after):
        for event in chunk.events:
            if event.type in _HOLDING:
                continue
            if event.type != "workflow.forked" or (event.data or {}).get("edits"):
                yield event


def _alike(one: Event, other: Event, left: str, right: str) -> bool:
    if one.type != other.type or one.task != other.task:
        return False
    if one.data == other.data and (one.data is None or same_kinds(one.data, other.data)):
        return True
    mine, theirs = _comparable(one), _comparable(other)
    if mine is None or theirs is None:
        return mine is theirs
    return _text(mine, left) == _text(theirs, right)


def same_kinds(one: Json, other: Json) -> bool:
    """Whether equal values are so in JSON too, where 1 is not true."""
    return same(one, other)


def _comparable(event: Event) -> Json:
    """The data of an event without ids and times."""
    data = event.data
    if data is None:
        return None
    if event.type == "workflow.created":
        about = data.get("workflow") or {}
        return {"input": data.get("input"), "workflow": [about.get("namespace"), about.get("name")]}
    if event.type == "workflow.forked":
        return {"edits": data.get("edits")}
    left_out = _NUMBERS | _DECIDERS if event.type == "policy.decided" else _NUMBERS
    kept = {name: part for name, part in data.items() if name not in left_out}
    if "due" in kept:
        kept["due"] = data["due"] - event.at
    emitted = "arguments" if kept.get("kind") == emitting.COMMAND else "event"
    if isinstance(kept.get(emitted), dict):
        kept[emitted] = {name: part for name, part in kept[emitted].items() if name not in ("id", "time")}
    return kept


def _text(value: Json, run: str) -> bytes:
    """The value as text, with the run's own id replaced: tasks may have put it into their data."""
    return canonical(value).replace(run.encode(), b"(this run)")


def _words(one: Event | None, other: Event | None, left: RunRecord, right: RunRecord) -> str:
    if one is None or other is None:
        ended, more = (left, other) if one is None else (right, one)
        assert more is not None
        return f"run {ended.id} has no more events; the other goes on with {_named(more)}"
    if one.type != other.type or one.task != other.task:
        return f"{_named(one)} stands against {_named(other)}"
    return f"{_named(one)} has other data"


def _named(event: Event) -> str:
    return event.type + (f" of {event.task}" if event.task else "")
