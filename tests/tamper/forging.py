"""Capsules written again with other content, as by somebody who knows the format, with or without a key to sign."""

from __future__ import annotations

import json
import zipfile
from hashlib import sha256
from pathlib import Path

from reach_workbench.evidence.capsule import ENVELOPE, KEYS, MANIFEST, STATEMENT, read_manifest, sealed, statement_of
from reach_workbench.evidence.container import Writer
from reach_workbench.keys.ed25519 import SigningKey

Members = dict[str, bytes]


def members_of(file: Path) -> Members:
    with zipfile.ZipFile(file) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def write(file: Path, members: Members) -> None:
    """The members as a file in the one form of a capsule."""
    with file.open("w+b") as into:
        writer = Writer(into)
        for name, content in members.items():
            writer.add(name, [content])
        writer.close()


def stated(members: Members, key: SigningKey | None = None) -> Members:
    """The members with a statement about them as they are, signed by `key` if there is one."""
    kept = {name: content for name, content in members.items() if name not in (ENVELOPE, STATEMENT)}
    if key is not None and KEYS in kept:
        from reach_workbench.evidence.capsule import Keys, read_keys

        kept[KEYS] = Keys(key.public, read_keys(kept[KEYS]).reviewers).to_json()
    digests = {name: sha256(content).hexdigest() for name, content in kept.items()}
    statement = statement_of(read_manifest(kept[MANIFEST]), digests)
    return {**kept, **({STATEMENT: statement.to_json()} if key is None else {ENVELOPE: sealed(statement, key)})}


def events_of(members: Members) -> list[tuple[str, list[object]]]:
    """Each event's digest, and its values."""
    lines = members["events.ndjson"].decode().splitlines()
    return [(line[:64], json.loads(line[65:])) for line in lines]


def rechained(events: list[list[object]]) -> tuple[bytes, str]:
    """The events as their member, with digests that fit them; and the last digest."""
    from reach_workbench.engine.canonical import canonical

    before, lines = bytes(32), []
    for each in events:
        text = canonical(each)
        before = sha256(before + text).digest()
        lines.append(before.hex().encode() + b" " + text + b"\n")
    return b"".join(lines), before.hex()
