"""What audit records say about a run's events: these digests were recorded, in a log that can only grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson

from reach_workbench.engine.events import Event
from reach_workbench.engine.values import Json
from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.capsule import read_record
from reach_workbench.evidence.merkle import includes, leaf_hash
from reach_workbench.node.trail import Flaw

_EFFECTS: Final = {
    "command.completed": "effect.completed",
    "command.faulted": "effect.faulted",
    "command.in-doubt": "effect.in-doubt",
    "command.resolved": "effect.resolved",
}
_TYPES: Final = {
    **{record: event for event, record in _EFFECTS.items()},
    "run.started": "workflow.created",
    "run.forked": "workflow.forked",
    "run.cancelled": "workflow.cancel-requested",
    "gate.opened": "gate.opened",
    "policy.warned": "policy.decided",
    "policy.held": "policy.decided",
    "policy.denied": "policy.decided",
    **{f"gate.{outcome}": "gate.closed" for outcome in ("approved", "denied", "expired", "superseded")},
}
"""The event that a record is about, by the record's type."""


@dataclass(slots=True)
class _Said:
    type: str
    payload: dict[str, Json]


@dataclass(slots=True)
class Vouching:
    """Records by the event they are about; then told of each event in order.

    `first` is the first event whose digest a record vouches for: what came before is vouched for by it, too, since each
    digest covers the one before. From there on every effect has a record. `last` is the last such event.
    """

    records: int = 0
    first: int | None = None
    last: int = 0
    effects: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    _said: dict[int, list[_Said]] = field(default_factory=dict)

    def read(self, lines: Iterable[bytes], run: str, size: int, root: bytes, events: int) -> None:
        """Take the records in; raises EvidenceDamaged at the first that is not proved to be in the log."""
        before = 0
        for line in lines:
            record, proof = read_record(line)
            try:
                found = orjson.loads(record)
                id, kind, payload = found["id"], found["type"], found["payload"]
                fits = type(id) is int and isinstance(payload, dict) and isinstance(kind, str)
                about = payload.get("events" if kind == "run.imported" else "seq")
                fits = fits and (about is None or type(about) is int)
            except (ValueError, KeyError, TypeError, AttributeError):
                fits = False
            if not fits:
                raise EvidenceDamaged(f"the audit record after {before} is none")
            if id <= before or found.get("run") != run:
                raise EvidenceDamaged(f"audit record {id} is out of order, or about another run")
            if not includes(root, size, leaf_hash(record), id - 1, proof):
                raise EvidenceDamaged(f"audit record {id} is not in the log with this root: it was altered")
            before = id
            self.records += 1
            if about is not None:
                if not 1 <= about <= events:
                    raise EvidenceDamaged(f"audit record {id} is about event {about}, which is not in the capsule")
                if "digest" in payload and kind.startswith(("run.", "effect.")):
                    self.first = about if self.first is None else min(self.first, about)
                self._said.setdefault(about, []).append(_Said(kind, payload))

    def note(self, event: Event, digest: bytes, recorded: bool) -> None:
        """Compare an event, which has this digest by the chain, with what the log says of it."""
        said = self._said.pop(event.seq, ())
        effect = _EFFECTS.get(event.type) if recorded else None
        for each in said:
            wrong = _difference(each, event, digest)
            if wrong:
                self.flaws.append(Flaw(event.seq, event.task, f"the audit log says otherwise: {wrong}"))
            if "digest" in each.payload and each.type.startswith(("run.", "effect.")):
                self.last = event.seq
            if each.type == effect:
                effect = None
                self.effects += 1
        if effect is not None and self.first is not None and event.seq > self.first:
            self.flaws.append(Flaw(event.seq, event.task, f"the audit log has no record of this {event.type}"))


def _difference(said: _Said, event: Event, digest: bytes) -> str:
    if said.type == "run.imported":
        return "" if said.payload.get("digest") == digest.hex() else "it was imported with another digest"
    wanted = _TYPES.get(said.type)
    if wanted is None:
        return ""
    data = event.data or {}
    if event.type != wanted:
        return f"{said.type} of an event that is a {event.type}"
    if said.type.startswith(("run.", "effect.")):
        if said.payload.get("digest") != digest.hex():
            return f"{said.type} with another digest"
        return ""
    if event.type == "gate.closed" and said.type != f"gate.{data.get('outcome')}":
        return f"{said.type}, where the gate was {data.get('outcome')}"
    other = [name for name in said.payload if name in data and name != "policy" and said.payload[name] != data[name]]
    return f"{said.type} with another {other[0]}" if other else ""
