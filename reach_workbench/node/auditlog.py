"""The audit log of a home: read, verified, and proved to others."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from reach_workbench.errors import EvidenceDamaged, ReachError
from reach_workbench.evidence.merkle import inclusion_proofs, tree_root
from reach_workbench.evidence.record import record_bytes, record_leaf
from reach_workbench.keys.aside import aside
from reach_workbench.node.rotating import Signer, due_key, own_key
from reach_workbench.protocol.audit import AuditVerification, AuditView
from reach_workbench.protocol.node_views import Progress
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import Pin, file_of, is_signed_by, read_pins
from reach_workbench.storage.store import Store

_WINDOW: Final = 20_000
"""Records that are looked through before others have a turn."""

_NOT_HISTORY: Final = ("run.exported",)
"""Records that are about a run but not of its history."""


async def read(
    store: Store,
    run: str | None,
    *,
    type: str,
    text: str,
    since: int | None,
    until: int | None,
    after: int,
    before: int | None,
    limit: int,
) -> list[AuditView]:
    """Records that fit, the newest first. Raises NotFound for a run that does not exist."""
    named = store.read.run(run).id if run is not None else None
    end = store.read.audit_last() + 1
    if before is not None:
        end = min(end, before)
    selective = named is None and (type or text or since is not None or until is not None)
    found: list[AuditView] = []
    while end > after + 1 and len(found) < limit:
        start = max(after, end - 1 - _WINDOW) if selective else after
        records = store.read.audit_newest(
            run=named,
            type=type,
            text=text,
            since=since,
            until=until,
            after=start,
            before=end,
            limit=limit - len(found),
        )
        found += [AuditView(each.id, each.created_at, each.type, each.run, each.payload) for each in records]
        end = start + 1
        await asyncio.sleep(0)
    return found


class _GivenUp(Exception):
    """Nobody waits for the verification any more."""


async def verify(
    store: Store, settings: Settings, signer: Signer | None, progress: Progress | None
) -> AuditVerification:
    """Verify the whole log in a thread, which ends soon when this is cancelled."""
    due = due_key(store)
    public = await aside(lambda: _public(settings, signer, due))
    given_up = threading.Event()

    def told(done: int, total: int) -> None:
        if given_up.is_set():
            raise _GivenUp
        if progress is not None:
            progress(done, total)

    def work() -> AuditVerification | None:
        try:
            return store.check_audit(public, told)
        except _GivenUp:
            return None

    try:
        found = await asyncio.to_thread(work)
    except asyncio.CancelledError:
        given_up.set()
        raise
    assert found is not None
    return found


def _public(settings: Settings, signer: Signer | None, due: str | None) -> bytes | None:
    """The node's public key; None when it has none, or it can't be had now. No key is made to look at nothing."""
    if signer is None or not file_of(settings).exists():
        return None
    try:
        return own_key(signer, due).public
    except ReachError:
        return None


@dataclass(frozen=True, slots=True)
class ProvedRecord:
    """A record of the audit log with the way from its leaf to the root of a checkpoint (RFC 6962, 2.1.1)."""

    seq: int
    record: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AuditEvidence:
    """All records about a run, and what proves that they are in the log.

    `note` is the signed checkpoint, None when there is none that covers them: then `size` and `root` are the log's own,
    and nobody vouches for them.
    """

    note: str | None
    size: int
    root: bytes
    records: tuple[ProvedRecord, ...]


def prove(
    store: Store, settings: Settings, run: str, *, until: int | None = None, keys: Sequence[bytes] = ()
) -> AuditEvidence:
    """The evidence about a run up to event `until`; reads every leaf once, so call it in a thread.

    The checkpoint is the first that covers it all, signed by one of the node's `keys` if any are given: as the log
    grows the evidence stays the same. Records of exports are left out for that reason, too.
    Raises EvidenceDamaged when the log does not give the root of its checkpoint.
    """
    rows = [row for row in store.read.audit_rows(run) if _is_due(row[4], row[5], until)]
    last = max((row[0] for row in rows), default=0)
    found = covering(settings, store.read.audit_head().tree.size, last, keys)
    if found is not None:
        note, size, root = found.note, *_size_and_root(found)
        leaves = store.read.audit_leaves(size)
    else:
        note, size = None, last
        leaves = store.read.audit_leaves(size)
        root = tree_root(leaves)
    if len(leaves) != size or tree_root(leaves) != root or not all(_is_leaf(leaves[row[0] - 1], row) for row in rows):
        raise EvidenceDamaged(
            f"the audit log does not give the root of its tree at {size:,} records",
            where=str(store.file),
            hint="`reach audit verify` names the record",
        )
    proofs = inclusion_proofs(leaves, [row[0] - 1 for row in rows])
    records = tuple(ProvedRecord(row[0], record_bytes(*row), proofs[row[0] - 1]) for row in rows)
    return AuditEvidence(note, size, root, records)


def _is_leaf(leaf: bytes, row: tuple[int, int, int, str | None, str, bytes]) -> bool:
    try:
        return record_leaf(*row) == leaf
    except (TypeError, struct.error):  # a column of another kind
        return False


def last_about(store: Store, run: str) -> int:
    """The number of the last record that evidence about a run has to cover."""
    return max((row[0] for row in store.read.audit_rows(run) if row[4] not in _NOT_HISTORY), default=0)


def covering(settings: Settings, size: int, last: int, keys: Sequence[bytes]) -> Pin | None:
    """The first checkpoint of this log that covers record `last`."""
    for pin in read_pins(file_of(settings)) or ():
        if pin.signed is None or (keys and not any(is_signed_by(pin.signed, each) for each in keys)):
            continue
        if last <= pin.signed.checkpoint.size <= size:
            return pin
    return None


def _size_and_root(pin: Pin) -> tuple[int, bytes]:
    assert pin.signed is not None
    return pin.signed.checkpoint.size, pin.signed.checkpoint.root


def _is_due(type: str, payload: bytes, until: int | None) -> bool:
    """Whether a record is of the history up to that event."""
    if type in _NOT_HISTORY:
        return False
    if until is None:
        return True
    seq = orjson.loads(payload).get("seq")
    return not isinstance(seq, int) or seq <= until
