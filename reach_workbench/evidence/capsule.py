"""What stands in a capsule: its members, their order, and the exact bytes of each line. docs/capsule.md is the same in
words for other programs.

Whatever is hashed or signed stands in a capsule byte for byte as it was hashed or signed, so that checking needs no
canonical form of anything: an event's line holds the text that its digest covers, an audit record's line the text of
its leaf, an approval's line the statement that was signed, and the policies a member whose SHA-256 is their digest.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.events import VERSION, Event, text_of
from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.approval import SignedApproval
from reach_workbench.evidence.dsse import Envelope, read_envelope
from reach_workbench.evidence.rotation import Rotation, read_rotation
from reach_workbench.evidence.statement import PAYLOAD_TYPE, Statement, read_statement
from reach_workbench.keys.ed25519 import SigningKey, key_id

Json = Any

FORMAT: Final = 2
PREDICATE: Final = "urn:reach:capsule:2"

MANIFEST: Final = "manifest.json"
EVENTS: Final = "events.ndjson"
APPROVALS: Final = "approvals.ndjson"
AUDIT: Final = "audit.ndjson"
CHECKPOINT: Final = "checkpoint.txt"
KEYS: Final = "keys.json"
ENVELOPE: Final = "envelope.json"
STATEMENT: Final = "statement.json"

DOCUMENT: Final = re.compile(r"workflow-(0|[1-9][0-9]{0,4})\.yaml\Z")
POLICY: Final = re.compile(r"policies/([0-9a-f]{64})\.json\Z")
_HEX: Final = re.compile(rb"[0-9a-f]{64}\Z")


def document_name(place: int) -> str:
    """The member with the workflow document of that segment."""
    return f"workflow-{place}.yaml"


def policy_name(digest: str) -> str:
    """The member with the policy files of that digest."""
    return f"policies/{digest}.json"


def in_order(documents: int, policies: Iterable[str], *, checkpoint: bool, signed: bool) -> list[str]:
    """The names of all members, in the one order that they have."""
    names = [MANIFEST, *map(document_name, range(documents)), EVENTS, *map(policy_name, sorted(policies))]
    names += [APPROVALS, AUDIT, *([CHECKPOINT] if checkpoint else []), KEYS]
    return [*names, ENVELOPE if signed else STATEMENT]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the run's history: whose it was, its document (a member), what that compiles to, its last event."""

    run: str
    document: str
    program: str
    file: str
    last: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a capsule says that it holds; its records are proved in an audit log of this `size` and `root`."""

    run: str
    namespace: str
    name: str
    version: str
    segments: tuple[Segment, ...]
    events: int
    digest: str
    size: int
    root: bytes
    signed: bool

    def to_json(self) -> bytes:
        """The member `manifest.json`."""
        segments = [{name: getattr(each, name) for name in Segment.__slots__} for each in self.segments]
        return canonical(
            {
                "format": FORMAT,
                "run": self.run,
                "workflow": {"namespace": self.namespace, "name": self.name, "version": self.version},
                "segments": segments,
                "events": self.events,
                "digest": self.digest,
                "log": {"size": self.size, "root": self.root.hex()},
                "signed": self.signed,
            }
        )


def format_of(data: bytes) -> object:
    """The format that a manifest of any version names; raises EvidenceDamaged when it is no manifest."""
    found = _parsed(data, MANIFEST)
    if not isinstance(found, dict) or "format" not in found:
        raise EvidenceDamaged(f"{MANIFEST} names no format")
    return found["format"]


def read_manifest(data: bytes) -> Manifest:
    """The manifest; raises EvidenceDamaged for whatever `Manifest.to_json` would not have written."""
    found = _parsed(data, MANIFEST)
    try:
        workflow, log = found["workflow"], found["log"]
        segments = tuple(Segment(**each) for each in found["segments"])
        manifest = Manifest(
            found["run"],
            workflow["namespace"],
            workflow["name"],
            workflow["version"],
            segments,
            found["events"],
            found["digest"],
            log["size"],
            bytes.fromhex(log["root"]),
            found["signed"],
        )
        exact = manifest.to_json() == data and all(_plain(each) for each in segments) and _fits(manifest)
    except (KeyError, TypeError, ValueError, AttributeError):
        exact = False
    if not exact:
        raise EvidenceDamaged(f"{MANIFEST} is not in its one form")
    return manifest


def _plain(segment: Segment) -> bool:
    texts = (segment.run, segment.document, segment.program, segment.file)
    return all(isinstance(each, str) for each in texts) and type(segment.last) is int


def _fits(manifest: Manifest) -> bool:
    texts = (manifest.run, manifest.namespace, manifest.name, manifest.version, manifest.digest)
    lasts = [each.last for each in manifest.segments]
    return (
        all(isinstance(each, str) for each in texts)
        and type(manifest.events) is type(manifest.size) is int
        and type(manifest.signed) is bool
        and len(manifest.root) == 32
        and bool(lasts)
        and lasts == sorted(set(lasts))
        and lasts[0] >= 0
        and lasts[-1] == manifest.events
        and manifest.size >= 0
        and manifest.segments[-1].run == manifest.run
        and [each.document for each in manifest.segments] == [document_name(at) for at in range(len(lasts))]
    )


# -- lines


def event_line(digest: bytes, event: Event) -> bytes:
    """A line of `events.ndjson`: the event's digest in hex, a space, and the text that this covers."""
    return b"%b %b\n" % (digest.hex().encode(), text_of(event))


def read_event(line: bytes, number: int) -> tuple[Event, bytes, bytes]:
    """An event with its number, its recorded digest, and the text that this covers. Raises EvidenceDamaged."""
    mark, space, text = line.partition(b" ")
    try:
        if not space or not _HEX.match(mark):
            raise ValueError("it has no digest")
        values = orjson.loads(text)
        if not isinstance(values, list) or len(values) != 7:
            raise ValueError("it is no event")
        version, seq, kind, at, task, frame, data = values
        if version != VERSION:
            raise ValueError(f"it is of version {version}; this program knows {VERSION}")
        event = Event(seq, kind, at, task, frame, data)
        if [type(each) for each in (seq, kind, at, frame)] != [int, str, int, int] or seq != number:
            raise ValueError("it is not the event that is due there")
        if not isinstance(task, str | None) or not isinstance(data, dict | None):
            raise ValueError("its parts are not an event's")
        if text_of(event) != text:
            event = event._replace(data=json.loads(text)[6])  # integers beyond 64 bits
            if text_of(event) != text:
                raise ValueError("it is not in its one form")
    except (ValueError, TypeError, RecursionError) as wrong:
        raise EvidenceDamaged(f"event {number} can't be read: {wrong}") from None
    return event, bytes.fromhex(mark.decode()), text


def approval_line(approval: SignedApproval) -> bytes:
    """A line of `approvals.ndjson`: the statement that was signed, as text; the id of the key; the signature."""
    signature = b64encode(approval.signature).decode()
    return canonical({"body": approval.body.decode(), "key": approval.key_id, "signature": signature}) + b"\n"


def read_approval(line: bytes) -> SignedApproval:
    """An approval as it stands in a line, unverified; raises EvidenceDamaged."""
    found = _parsed(line, "an approval")
    try:
        approval = SignedApproval(found["body"].encode(), found["key"], b64decode(found["signature"], validate=True))
        exact = approval_line(approval) == line + b"\n"
    except (KeyError, TypeError, ValueError, AttributeError):
        exact = False
    if not exact:
        raise EvidenceDamaged("an approval's line is not in its one form")
    return approval


def record_line(record: bytes, proof: Sequence[bytes]) -> bytes:
    """A line of `audit.ndjson`: the record whose hash is the leaf, and the hashes from there to the root."""
    return canonical({"proof": [each.hex() for each in proof], "record": record.decode()}) + b"\n"


def read_record(line: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """An audit record's bytes and its proof, unverified; raises EvidenceDamaged."""
    found = _parsed(line, "an audit record")
    try:
        record, proof = found["record"].encode(), tuple(bytes.fromhex(each) for each in found["proof"])
        exact = record_line(record, proof) == line + b"\n" and all(len(each) == 32 for each in proof)
    except (KeyError, TypeError, ValueError, AttributeError):
        exact = False
    if not exact:
        raise EvidenceDamaged("an audit record's line is not in its one form")
    return record, proof


# -- keys


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys in a capsule: the node's, None when it is not signed, and reviewers' by id and name.

    `rotations` are the changes that led to the node's key, in order: none while it was never changed.
    """

    node: bytes | None
    reviewers: Mapping[tuple[str, str], bytes]
    rotations: tuple[Rotation, ...] = ()

    def to_json(self) -> bytes:
        """The member `keys.json`."""
        reviewers = [
            {"id": id, "key": b64encode(public).decode(), "name": name}
            for (id, name), public in sorted(self.reviewers.items())
        ]
        own = None if self.node is None else {"id": key_id(self.node), "key": b64encode(self.node).decode()}
        rotations = {"rotations": [each.to_json() for each in self.rotations]} if self.rotations else {}
        return canonical({"node": own, "reviewers": reviewers, **rotations})


def read_keys(data: bytes) -> Keys:
    """The keys; raises EvidenceDamaged for whatever `Keys.to_json` would not have written."""
    found = _parsed(data, KEYS)
    try:
        node = None if found["node"] is None else b64decode(found["node"]["key"], validate=True)
        reviewers = {(each["id"], each["name"]): b64decode(each["key"], validate=True) for each in found["reviewers"]}
        rotations = tuple(map(read_rotation, found.get("rotations", ())))
        exact = Keys(node, reviewers, rotations).to_json() == data
        exact = exact and all(key_id(public) == id for (id, _), public in reviewers.items())
    except (KeyError, TypeError, ValueError, AttributeError):
        exact = False
    if not exact:
        raise EvidenceDamaged(f"{KEYS} is not in its one form, or a key's id is another's")
    if rotations and node is None:
        raise EvidenceDamaged(f"{KEYS} tells of changes of a key that it does not have")
    return Keys(node, reviewers, rotations)


# -- the statement


def statement_of(manifest: Manifest, digests: Mapping[str, str]) -> Statement:
    """What is signed: the SHA-256 of every member but itself, and whose history it is."""
    return Statement(digests, PREDICATE, {"run": manifest.run, "events": manifest.events, "digest": manifest.digest})


def sealed(statement: Statement, key: SigningKey) -> bytes:
    """The member `envelope.json`."""
    return Envelope(PAYLOAD_TYPE, statement.to_json()).signed(key.id, key.sign).to_json()


def open_envelope(data: bytes) -> tuple[Statement, Envelope]:
    """The statement of an envelope in its one form, whose signature is not verified yet. Raises EvidenceDamaged."""
    envelope = read_envelope(data)
    if envelope.to_json() != data:
        raise EvidenceDamaged(f"{ENVELOPE} is not in its one form")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise EvidenceDamaged(f"the envelope holds {envelope.payload_type!r}, not {PAYLOAD_TYPE}")
    return open_statement(envelope.payload), envelope


def open_statement(data: bytes) -> Statement:
    """A capsule's statement in its one form; raises EvidenceDamaged."""
    statement = read_statement(data)
    if statement.predicate_type != PREDICATE:
        raise EvidenceDamaged(f"the statement is a {statement.predicate_type!r}, not a {PREDICATE}")
    try:
        exact = statement.to_json() == data
    except ValueError:  # half a surrogate pair
        exact = False
    if not exact:
        raise EvidenceDamaged("the statement is not in its one form")
    return statement


def _parsed(data: bytes, what: str) -> Json:
    try:
        return orjson.loads(data)
    except ValueError:
        raise EvidenceDamaged(f"{what} is no JSON") from None
