"""Writing a capsule: a run as a file that a stranger can verify offline (evidence/capsule.py, docs/capsule.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.events import GENESIS, digest
from reach_workbench.errors import ArchiveError, LimitExceeded, NotFound
from reach_workbench.evidence import capsule as form
from reach_workbench.evidence.approval import SignedApproval
from reach_workbench.evidence.container import Writer
from reach_workbench.keys.ed25519 import SigningKey, key_id
from reach_workbench.node.auditlog import AuditEvidence
from reach_workbench.node.trail import Trail
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store


def write(store: Store, record: RunRecord, file: Path, evidence: AuditEvidence, key: SigningKey | None) -> None:
    """Write a run to `file`, signed unless `key` is None; the same run and checkpoint give the same bytes.

    Through a file beside it, so that a cut-off export leaves nothing half. Raises ArchiveError or LimitExceeded.
    """
    part = file.with_name(file.name + ".part")
    try:
        try:
            with part.open("w+b") as into:
                _write(store, record, Writer(into), evidence, key)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as wrong:
        raise ArchiveError(
            f"can't write the capsule: {wrong.strerror}", where=str(file), hint="choose another place"
        ) from None
    except ValueError as wrong:
        raise LimitExceeded(str(wrong), where=str(file), hint="fork the run into shorter ones") from None


def _write(store: Store, record: RunRecord, into: Writer, evidence: AuditEvidence, key: SigningKey | None) -> None:
    segments, sources = _segments(store, record)
    manifest = form.Manifest(
        run=record.id,
        namespace=record.namespace,
        name=record.name,
        version=record.version,
        segments=segments,
        events=record.seq,
        digest=record.digest.hex(),
        size=evidence.size,
        root=evidence.root,
        signed=key is not None,
    )
    into.add(form.MANIFEST, [manifest.to_json()])
    for segment, source in zip(segments, sources, strict=True):
        into.add(segment.document, [source.encode()])
    trail = Trail()
    into.add(form.EVENTS, _events(store, record, trail))
    for policy in sorted(trail.policies):
        try:
            into.add(form.policy_name(policy), [canonical(dict(store.read.policies(policy).files))])
        except NotFound:
            continue  # the run came from elsewhere without them
    approvals = _approvals(store, trail)
    into.add(form.APPROVALS, (form.approval_line(each) for each, _, _ in approvals))
    into.add(form.AUDIT, (form.record_line(each.record, each.proof) for each in evidence.records))
    if evidence.note is not None:
        into.add(form.CHECKPOINT, [evidence.note.encode()])
    reviewers = {(key_id(public), name): public for _, name, public in approvals}
    keys = form.Keys(None, reviewers)
    if key is not None:
        keys = form.Keys(key.public, reviewers, tuple(each.rotation for each in store.read.rotations()))
    into.add(form.KEYS, [keys.to_json()])
    statement = form.statement_of(manifest, {each.name: each.sha256 for each in into.members})
    if key is None:
        into.add(form.STATEMENT, [statement.to_json()])
    else:
        into.add(form.ENVELOPE, [form.sealed(statement, key)])
    into.close()


def _segments(store: Store, record: RunRecord) -> tuple[tuple[form.Segment, ...], list[str]]:
    """The stretches of the run's lineage that have events, and the text of the document of each."""
    segments: list[form.Segment] = []
    sources: list[str] = []
    for key, id, _, last in store.read.lineage(record.key):
        owner = store.read.run_by_key(key)
        document, file = form.document_name(len(segments)), Path(owner.file or "workflow.yaml").name
        segments.append(form.Segment(id, document, owner.program, file, min(last, record.seq)))
        sources.append(store.read.program(owner.program).source)
    return tuple(segments), sources


def _events(store: Store, record: RunRecord, trail: Trail) -> Iterator[bytes]:
    value = GENESIS
    for chunk in store.read.chunks(record.key, 0, record.seq):
        for event in chunk.events:
            value = digest(value, event)
            trail.note(event)
            yield form.event_line(value, event)


def _approvals(store: Store, trail: Trail) -> list[tuple[SignedApproval, str, bytes]]:
    """What reviewers signed about the run's gates, with their names and keys, whether it came to count or not.

    What an imported run brought along stands in its events alone.
    """
    found: list[tuple[SignedApproval, str, bytes]] = []
    for gate, opened in trail.gates.items():
        said = {name: (signed, public) for name, (signed, public) in opened.recorded.items()}
        for each in store.read.approvals(gate):
            signed = SignedApproval(each.body, key_id(each.public_key), each.signature)
            said[each.reviewer] = signed, each.public_key
        found += [(signed, name, public) for name, (signed, public) in sorted(said.items())]
    return found
