"""What an imported run brings along from a verified capsule: its gates, what reviewers signed, and the policies."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from reach_workbench.engine.events import Event
from reach_workbench.engine.program import Program
from reach_workbench.errors import ArchiveError, NotFound
from reach_workbench.evidence import capsule as form
from reach_workbench.evidence.approval import read
from reach_workbench.evidence.container import content, lines
from reach_workbench.node.inspection import MOST, SMALL, open_members, read_events
from reach_workbench.node.trail import Opened, Trail
from reach_workbench.storage import gates
from reach_workbench.storage.records import LOCAL_TENANT, ApprovalRecord, GateRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit


def put_belongings(store: Store, unit: Unit, file: Path, ends: Set[int], new: Mapping[str, Program]) -> None:
    """Add what belongs to the runs in `new`, each with its program. A gate stays open where its run waits at its end.

    `ends` are the last events of the stretches of the lineage. Raises ArchiveError for a gate that is here already.
    """
    with file.open("rb") as stream:
        source = cast(BinaryIO, stream)
        members = open_members(source, file)
        trail, still_open = Trail(), set[str]()
        records: dict[str, GateRecord] = {}
        groups: dict[tuple[str, str], tuple[str, ...]] = {}
        for event, _ in read_events(source, members):
            trail.note(event)
            data = event.data or {}
            if event.type == "gate.opened" and trail.gates[data["gate"]].segment in new:
                opened = trail.gates[data["gate"]]
                records[data["gate"]] = _gate(opened, event, new[opened.segment])
            elif event.type == "gate.closed":
                groups |= {
                    (data["gate"], each["reviewer"]): tuple(each["groups"]) for each in data.get("approvals", ())
                }
            if event.seq in ends:
                still_open |= {asked.gate for asked in trail.commands.values() if asked.gate is not None}
        for record in records.values():
            _refuse_known(store, record, file)
            gates.open_gate(unit, record)
        for line in lines(source, members[form.APPROVALS], MOST):
            signed = form.read_approval(line)
            said = read(signed.body)
            if said.gate in records:
                closed = trail.gates[said.gate].closed
                approval = ApprovalRecord(
                    gate=said.gate,
                    reviewer=said.reviewer,
                    tenant=LOCAL_TENANT,
                    verdict=said.verdict,
                    groups=groups.get((said.gate, said.reviewer), ()),
                    public_key=form.read_keys(content(source, members[form.KEYS], SMALL)).reviewers[
                        signed.key_id, said.reviewer
                    ],
                    body=signed.body,
                    signature=signed.signature,
                    reason=said.reason,
                    at=closed.at if closed is not None else trail.gates[said.gate].at,
                )
                gates.give_approval(unit, approval)
        for id in records:
            _close(unit, id, trail.gates[id], still_open)
        for name, member in members.items():
            if found := form.POLICY.match(name):
                gates.keep_policies(unit, found[1], orjson.loads(content(source, member, MOST)))


def _gate(opened: Opened, event: Event, program: Program) -> GateRecord:
    about, data = opened.about, opened.data
    assert about is not None
    return GateRecord(
        id=about.gate,
        tenant=LOCAL_TENANT,
        run=about.run,
        command=about.command,
        task=about.task,
        workflow=f"{program.namespace}/{program.name}:{program.version}",
        kind=about.action,
        arguments=about.arguments,
        digest=data["digest"],
        requester=about.requester,
        policy=about.policy,
        policies=tuple(data["policies"]),
        terms=data["terms"],
        nonce=about.nonce,
        opened_at=event.at,
        expires_at=about.expires,
    )


def _refuse_known(store: Store, record: GateRecord, file: Path) -> None:
    try:
        known = store.read.gate(record.id).id == record.id
    except NotFound:
        known = False
    if known:
        raise ArchiveError(f"gate {record.id} is in this home already, of another run", where=str(file))


def _close(unit: Unit, id: str, gate: Opened, still_open: Set[str]) -> None:
    """Give a gate its outcome, unless its run still waits for it."""
    if gate.closed is not None and gate.outcome is not None:
        reason = (gate.closed.data or {}).get("reason")
        gates.close_gate(unit, id, gate.outcome, at=gate.closed.at, reason=reason)  # type: ignore[arg-type]
    elif id not in still_open:
        gates.close_gate(unit, id, "cancelled", at=gate.at, reason="the run no longer waits for it")
