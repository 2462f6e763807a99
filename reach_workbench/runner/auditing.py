"""What the audit log is told of a run's own life: its start, its fork, that it was to be cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reach_workbench.engine.events import Event
from reach_workbench.engine.values import Json
from reach_workbench.storage.unit import Unit

_TYPES: Final = {
    "workflow.created": "run.started",
    "workflow.forked": "run.forked",
    "workflow.cancel-requested": "run.cancelled",
}


def audit_run(unit: Unit, run: str, events: Sequence[Event], digests: Sequence[bytes]) -> None:
    """Add a record for each such event of those that are being committed.

    It has the event's digest: whoever trusts the audit log can tell whether the run's history is the one it began with.
    """
    for event, digest in zip(events, digests, strict=True):
        type = _TYPES.get(event.type)
        if type is not None:
            payload = {"seq": event.seq, "digest": digest.hex(), **_said(event.type, event.data or {})}
            unit.audit(type, payload, at=event.at, run=run)


def _said(type: str, data: dict[str, Json]) -> dict[str, Json]:
    if type == "workflow.created":
        workflow = data["workflow"]
        named = f"{workflow['namespace']}/{workflow['name']}:{workflow['version']}"
        parent = {"parent": data["parent"]} if "parent" in data else {}
        return {"workflow": named, "program": data["program"], **parent}
    if type == "workflow.forked":
        return {"of": data["of"], "at": data["at"], "program": data["program"], "edited": sorted(data.get("edits", ()))}
    return {"reason": data["reason"]} if data.get("reason") else {}
