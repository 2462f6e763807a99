"""What the audit log says about an effect: which, how it ended, and what it was given and gave.

Every record has `seq`, the event of the run that tells the outcome, and `digest`, that event's: it covers the whole
history up to there, and so the exact input and output. They stand in the run; with the setting `audit.copy_values`
they stand in the record too, without the members that `audit.redact` names, each beside the SHA-256 of the whole.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Final

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Event, quoted
from reach_workbench.engine.values import Json
from reach_workbench.settings import Audit
from reach_workbench.storage.records import LOCAL_TENANT
from reach_workbench.storage.unit import AuditEntry

REDACTED: Final = "[redacted]"

_GIVEN: Final = {"command.completed": "output", "command.faulted": "error"}


class EffectNotes:
    """Makes the records of a node's effects."""

    def __init__(self, settings: Audit) -> None:
        self._copies = settings.copy_values
        self._redacted = frozenset(name.strip().lower() for name in settings.redact.split(",") if name.strip())

    def note(self, kind: str, event: Event, command: Command, digest: bytes, run: str) -> AuditEntry:
        """The record of an outcome. `kind` is the record's type."""
        if self._copies:
            payload = canonical(self._whole(event, command, digest))
        else:  # as canonical JSON would write it, and several times as fast: every effect has one
            payload = b'{"command":%d,"digest":"%b","kind":%b,"seq":%d,"task":%b}' % (
                command.number,
                digest.hex().encode(),
                quoted(command.kind),
                event.seq,
                quoted(command.task),
            )
        return AuditEntry(event.at, LOCAL_TENANT, run, kind, payload)

    def _whole(self, event: Event, command: Command, digest: bytes) -> dict[str, Json]:
        written: dict[str, Json] = {
            "command": command.number,
            "digest": digest.hex(),
            "kind": command.kind,
            "seq": event.seq,
            "task": command.task,
            "arguments": self._shown(command.arguments),
        }
        name = _GIVEN.get(event.type)
        if name is not None and name in (event.data or {}):
            written[name] = self._shown((event.data or {}).get(name))
        return written

    def _shown(self, value: Json) -> Json:
        whole = canonical(value)
        return {"sha256": sha256(whole).hexdigest(), "value": without(value, self._redacted)}


def without(value: Json, names: Collection[str]) -> Json:
    """The value with the members of these names, in any case of letters, left out."""
    if isinstance(value, dict):
        return {name: REDACTED if name.lower() in names else without(part, names) for name, part in value.items()}
    if isinstance(value, list):
        return [without(part, names) for part in value]
    return value
