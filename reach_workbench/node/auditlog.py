"""The audit log of a home: read, verified, and proved to others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reach_workbench.errors import EvidenceDamaged, ReachError
from reach_workbench.evidence.merkle import inclusion_proofs, tree_root
from reach_workbench.evidence.record import record_bytes
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.audit import AuditVerification, AuditView
from reach_workbench.protocol.node_views import Progress
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, last_pins
from reach_workbench.storage.store import Store

Signer = Callable[[], SigningKey]
"""Gives the node's key; raises a KeysError while it can't be had, and may wait for a person."""

_WINDOW: Final = 20_000
"""Records that are looked through before others have a turn."""


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
    given_up = threading.Event()

    def told(done: int, total: int) -> None:
        if given_up.is_set():
            raise _GivenUp
        if progress is not None:
            progress(done, total)

    def work() -> AuditVerification | None:
        try:
            return store.check_audit(_public(settings, signer), told)
        except _GivenUp:
            return None

    try:
        found = await asyncio.to_thread(work)
    except asyncio.CancelledError:
        given_up.set()
        raise
    assert found is not None
    return found


def _public(settings: Settings, signer: Signer | None) -> bytes | None:
    """The node's public key; None when it has none, or it can't be had now. No key is made to look at nothing."""
    if signer is None or not file_of(settings).exists():
        return None
    try:
        return signer().public
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


def prove(store: Store, settings: Settings, run: str) -> AuditEvidence:
    """The evidence about a run; reads every leaf once, so call it in a thread.

    Raises EvidenceDamaged when the log does not give the root of its checkpoint.
    """
    rows = store.read.audit_rows(run)
    last = max((row[0] for row in rows), default=0)
    note, size, root = _covering(store, settings, last)
    leaves = store.read.audit_leaves(size)
    if len(leaves) != size or tree_root(leaves) != root:
        raise EvidenceDamaged(
            f"the audit log does not give the root of its tree at {size:,} records",
            where=str(store.file),
            hint="`reach audit verify` names the record",
        )
    proofs = inclusion_proofs(leaves, [row[0] - 1 for row in rows])
    records = tuple(ProvedRecord(row[0], record_bytes(*row), proofs[row[0] - 1]) for row in rows)
    return AuditEvidence(note, size, root, records)


def _covering(store: Store, settings: Settings, last: int) -> tuple[str | None, int, bytes]:
    """The newest checkpoint if it covers record `last`, else the tree as it is."""
    head = store.read.audit_head()
    for pin in reversed(last_pins(file_of(settings))):
        if pin.signed is not None:
            checkpoint = pin.signed.checkpoint
            if last <= checkpoint.size <= head.tree.size:
                return pin.note, checkpoint.size, checkpoint.root
            break
    return None, head.tree.size, head.tree.root()
