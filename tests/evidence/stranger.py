"""A verifier of capsules that shares nothing with this project: the standard library, and securesystemslib for Ed25519.

Written from docs/capsule.md alone. It does what needs no engine: all but the replay.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature
from securesystemslib.signer._key import SSlibKey

Json = Any


def key_of(public: bytes) -> SSlibKey:
    return SSlibKey(hashlib.sha256(public).hexdigest()[:16], "ed25519", "ed25519", {"public": public.hex()})


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    key = key_of(public)
    try:
        key.verify_signature(Signature(key.keyid, signature.hex()), message)
    except UnverifiedSignatureError:
        return False
    return True


def lineage_of(keys: Json) -> list[bytes]:
    """The keys that the node had, each of which vouched for the next, and at the end the one that signed."""
    node = base64.b64decode(keys["node"]["key"])
    lineage: list[bytes] = []
    for each in keys.get("rotations", ()):
        said = json.loads(each["body"])
        assert said["_type"] == "urn:reach:key-rotation:1"
        before, after = (base64.b64decode(said[name]) for name in ("before", "after"))
        for name, public in (("before", before), ("after", after)):
            assert signed_by(public, each["body"].encode(), base64.b64decode(each[name]))
        assert before == (lineage[-1] if lineage else before)
        lineage += [before, after] if not lineage else [after]
    assert node == (lineage[-1] if lineage else node)
    return lineage or [node]


def root_by(leaf: bytes, index: int, size: int, proof: list[str]) -> bytes | None:
    """RFC 9162, 2.1.3.2: the root that the proof leads to."""
    here, last, value = index, size - 1, leaf
    for sibling in map(bytes.fromhex, proof):
        if last == 0:
            return None
        if here & 1 or here == last:
            value = hashlib.sha256(b"\1" + sibling + value).digest()
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\1" + value + sibling).digest()
        here, last = here >> 1, last >> 1
    return value if last == 0 else None


def verify(file: Path, public: bytes) -> dict[str, int]:
    """Assert everything that a capsule claims, and that this key signed it, or one that it vouched for.

    Returns how much there was of each.
    """
    with zipfile.ZipFile(file) as bundle:
        names = bundle.namelist()
        members = {name: bundle.read(name) for name in names}
    assert len(names) == len(set(names))
    manifest = json.loads(members["manifest.json"])
    assert manifest["format"] == 2
    assert manifest["signed"]

    # Who signed, the envelope and the members.
    keys = json.loads(members["keys.json"])
    lineage = lineage_of(keys)
    assert public in lineage
    Envelope.from_dict(json.loads(members["envelope.json"])).verify([key_of(lineage[-1])], 1)
    statement = json.loads(base64.b64decode(json.loads(members["envelope.json"])["payload"]))
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "urn:reach:capsule:2",
    )
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert subjects == {
        name: hashlib.sha256(content).hexdigest() for name, content in members.items() if name != "envelope.json"
    }

    # The events.
    before, events = bytes(32), []
    for line in members["events.ndjson"].splitlines():
        recorded, text = line.split(b" ", 1)
        before = hashlib.sha256(before + text).digest()
        assert before.hex().encode() == recorded
        version, seq, kind, at, task, _, data = json.loads(text)
        events.append({"seq": seq, "type": kind, "at": at, "task": task, "data": data or {}, "digest": before.hex()})
        assert (version, seq) == (1, len(events))
    assert (len(events), before.hex()) == (manifest["events"], manifest["digest"])

    # The policies, and that every effect was allowed before it was performed.
    for name in names:
        if name.startswith("policies/"):
            assert name == f"policies/{hashlib.sha256(members[name]).hexdigest()}.json"
    commands: dict[int, Json] = {}
    gates: dict[str, Json] = {}
    effects = 0
    run, requester = "", "local"
    for event in events:
        data = event["data"]
        if event["type"] == "workflow.created":
            run, requester = data["run"], data.get("requester") or "local"
        elif event["type"] == "workflow.forked":
            run = data["run"]
        elif event["type"] == "command.issued":
            commands[event["seq"]] = {"kind": data["kind"], "arguments": data["arguments"], "task": event["task"]}
        elif event["type"] == "policy.decided":
            commands[data["command"]]["verdict"] = data.get("decision", "allow")
        elif event["type"] == "gate.opened":
            about = dict(commands[data["command"]])
            gates[data["gate"]] = {"opened": data, "about": about, "run": run, "requester": requester, "closed": None}
        elif event["type"] == "gate.closed":
            gates[data["gate"]]["closed"] = {**data, "at": event["at"]}
            given = {"approved": "allow", "superseded": None}
            commands[data["command"]]["verdict"] = given.get(data["outcome"], "deny")
        elif event["type"] == "command.completed":
            assert commands[data["command"]]["verdict"] == "allow"
            effects += 1

    # What reviewers signed.
    reviewers = {(each["id"], each["name"]): base64.b64decode(each["key"]) for each in keys["reviewers"]}
    said: dict[tuple[str, str], Json] = {}
    for line in members["approvals.ndjson"].splitlines():
        found = json.loads(line)
        body = json.loads(found["body"])
        gate = gates[body["gate"]]
        assert body["_type"] == "urn:reach:approval:1"
        assert signed_by(
            reviewers[found["key"], body["reviewer"]], found["body"].encode(), base64.b64decode(found["signature"])
        )
        assert (body["action"], body["arguments"]) == (gate["about"]["kind"], gate["about"]["arguments"])
        assert (body["run"], body["requester"], body["task"]) == (gate["run"], gate["requester"], gate["about"]["task"])
        for name in ("command", "nonce", "policy"):
            assert body[name] == gate["opened"][name]
        assert body["expires"] == gate["opened"].get("expires")
        said[body["gate"], body["reviewer"]] = (body["verdict"], found["signature"])
    for id, gate in gates.items():
        closed, terms = gate["closed"], gate["opened"]["terms"]
        if closed is None or closed["outcome"] != "approved":
            continue
        assert closed["at"] <= (gate["opened"].get("expires") or closed["at"])
        barred = {gate["requester"], *terms.get("not", ())}
        approved: set[str] = set()
        groups: set[str] = set()
        for each in closed["approvals"]:
            assert said[id, each["reviewer"]] == (each["verdict"], each["signature"])
            if each["verdict"] == "approve" and (terms["self"] or each["reviewer"] not in barred):
                approved.add(each["reviewer"])
                groups.update(each["groups"])
        assert len(approved) >= terms["quorum"]
        assert set(terms["groups"]) <= groups

    # The audit log.
    size, root = manifest["log"]["size"], bytes.fromhex(manifest["log"]["root"])
    records = 0
    for line in members["audit.ndjson"].splitlines():
        found = json.loads(line)
        record = json.loads(found["record"])
        leaf = hashlib.sha256(b"\0" + found["record"].encode()).digest()
        assert root_by(leaf, record["id"] - 1, size, found["proof"]) == root
        payload = record["payload"]
        if record["type"].startswith(("run.", "effect.")) and "seq" in payload:
            assert events[payload["seq"] - 1]["digest"] == payload["digest"]
        records += 1
    text, signature_lines = members["checkpoint.txt"].decode().split("\n\n")
    origin, at_size, at_root = text.split("\n")[:3]
    assert (int(at_size), base64.b64decode(at_root)) == (size, root)
    name, encoded = re.fullmatch("\N{EM DASH} (\\S+) (\\S+)\n", signature_lines).groups()  # type: ignore[union-attr]
    (pinning,) = [each for each in lineage if name == f"reach-audit/{hashlib.sha256(each).hexdigest()[:16]}"]
    assert name == origin
    blob = base64.b64decode(encoded)
    assert blob[:4] == hashlib.sha256(name.encode() + b"\n\1" + pinning).digest()[:4]
    assert signed_by(pinning, (text + "\n").encode(), blob[4:])
    return {"events": len(events), "effects": effects, "approvals": len(said), "records": records}
