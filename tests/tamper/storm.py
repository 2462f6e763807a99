"""Ways to tamper with a capsule, drawn by chance; `verify` with the node's key has to find and name each.

As by somebody on the way: bits of the file, its tail, members that are edited, dropped, added, moved, renamed or
doubled and the file written again in the right form or by another zip program, signatures that are swapped, approvals
cut short. And as by somebody who signs with another key, or with the node's own: then what was signed must still hold
together, so the rest of the evidence has to find it.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reach_workbench.clock import FixedClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import ArchiveError
from reach_workbench.evidence.capsule import ENVELOPE, KEYS, MANIFEST, read_manifest
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import archive
from tests.tamper.forging import Members, events_of, members_of, rechained, stated, write

OTHER = SigningKey.from_seed(bytes(range(1, 33)))


class Harmless(Exception):
    """What was drawn changes nothing."""


@dataclass
class Tally:
    found: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)


class Storm:
    """Tampers with capsules that `key` signed."""

    def __init__(self, folder: Path, capsules: list[Path], key: SigningKey, seed: int) -> None:
        self.copy = folder / "tampered.reach"
        self.capsules = [(each, each.read_bytes(), members_of(each)) for each in capsules]
        self.key = key
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.ways: list[Callable[[bytes, Members], bytes | Members]] = [
            self.flipped_bit,
            self.flipped_bit,
            self.flipped_bits,
            self.other_bytes,
            self.cut_tail,
            self.cut_middle,
            self.appended,
            self.other_zip_program,
            self.edited,
            self.edited_and_stated,
            self.dropped,
            self.added,
            self.moved,
            self.renamed,
            self.doubled,
            self.emptied,
            self.swapped_signature,
            self.other_key,
            self.unsigned,
            self.dropped_line,
            self.swapped_lines,
            self.shortened_approval,
            self.dropped_approval_resigned,
            self.event_resigned,
            self.record_resigned,
            self.checkpoint_resigned,
            self.log_resigned,
            self.policy_resigned,
        ]

    def run(self, count: int) -> Tally:
        """So many tamperings, each way in its turn. What changes nothing is drawn again."""
        for number in range(count):
            way = self.ways[number % len(self.ways)]
            file = self._tampered(way)
            self._judge(f"{number}: {way.__name__} of {file.name}", way.__name__)
        return self.tally

    def _tampered(self, way: Callable[[bytes, Members], bytes | Members]) -> Path:
        """Write the copy; returns the capsule that it was made from."""
        while True:
            file, data, members = self.chance.choice(self.capsules)
            try:
                tampered = way(data, dict(members))
            except Harmless:
                continue
            if isinstance(tampered, bytes):
                self.copy.write_bytes(tampered)
            else:
                write(self.copy, tampered)
            if self.copy.read_bytes() != data:
                return file

    def _judge(self, what: str, way: str) -> None:
        try:
            found = archive.verify(self.copy, InProcess(), FixedClock(), keys=[self.key.public])
        except ArchiveError as wrong:
            named = wrong.code if wrong.message else ""
        except Exception as wrong:
            self.tally.missed.append(f"{what}: a traceback, {wrong!r}")
            return
        else:
            failed = [step.name for step in found.steps if step.status == "failed"]
            named = failed[0] if failed and found.message and not found.ok else ""
        if not named:
            self.tally.missed.append(f"{what}: not found")
            return
        self.tally.found[way] += 1
        self.tally.named[named] += 1

    # ------------------------------------------------------------ the file

    def flipped_bit(self, data: bytes, _: Members) -> bytes:
        at = self.chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self.chance.randrange(8)]) + data[at + 1 :]

    def flipped_bits(self, data: bytes, members: Members) -> bytes:
        for _ in range(self.chance.randrange(2, 9)):
            data = self.flipped_bit(data, members)
        return data

    def other_bytes(self, data: bytes, _: Members) -> bytes:
        at, length = self.chance.randrange(len(data)), self.chance.randrange(1, 64)
        return data[:at] + self.chance.randbytes(length) + data[at + length :]

    def cut_tail(self, data: bytes, _: Members) -> bytes:
        return data[: self.chance.randrange(len(data))]

    def cut_middle(self, data: bytes, _: Members) -> bytes:
        at = self.chance.randrange(len(data))
        return data[:at] + data[at + self.chance.randrange(1, 200) :]

    def appended(self, data: bytes, _: Members) -> bytes:
        return data + self.chance.randbytes(self.chance.randrange(1, 100))

    def other_zip_program(self, _: bytes, members: Members) -> bytes:
        """The very same members: only what the zip says of them is other."""
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", self.chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as bundle:
            for name, content in members.items():
                moment = (self.chance.randrange(1980, 2107), 1, 1, 0, 0, 2 * self.chance.randrange(1, 30))
                bundle.writestr(zipfile.ZipInfo(name, moment), content)
        return into.getvalue()

    # ------------------------------------------------------------ members

    def _name(self, members: Members) -> str:
        return self.chance.choice([name for name, content in members.items() if content])

    def edited(self, _: bytes, members: Members) -> Members:
        name = self._name(members)
        return {**members, name: self.flipped_bit(members[name], {})}

    def edited_and_stated(self, _: bytes, members: Members) -> Members:
        """With a statement that fits, which nobody signed or another key did."""
        name = self.chance.choice(
            [each for each in members if members[each] and each not in (MANIFEST, ENVELOPE, KEYS)]
        )
        members[name] = self.flipped_bit(members[name], {})
        return stated(members, self.chance.choice((None, OTHER)))

    def dropped(self, _: bytes, members: Members) -> Members:
        del members[self.chance.choice(list(members))]
        return members

    def added(self, _: bytes, members: Members) -> Members:
        names = list(members)
        new = self.chance.choice(("more.json", "policies/" + "0" * 64 + ".json", "workflow-7.yaml", "statement.json"))
        names.insert(self.chance.randrange(len(names) + 1), new)
        return {name: members.get(name, b"{}") for name in names}

    def moved(self, _: bytes, members: Members) -> Members:
        names = list(members)
        self.chance.shuffle(names)
        return {name: members[name] for name in names}

    def renamed(self, _: bytes, members: Members) -> bytes:
        """To a name of the same length, in headers and directory."""
        name = self.chance.choice(list(members))
        evil = ("../" + "x" * len(name))[: len(name)] if self.chance.random() < 0.5 else name.upper()
        if evil == name:
            raise Harmless
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w") as bundle:
            for each, content in members.items():
                bundle.writestr(evil if each == name else each, content)
        return into.getvalue()

    def doubled(self, _: bytes, members: Members) -> bytes:
        name = self.chance.choice(list(members))
        into = io.BytesIO()
        import warnings

        with warnings.catch_warnings(), zipfile.ZipFile(into, "w") as bundle:
            warnings.simplefilter("ignore")
            for each, content in members.items():
                bundle.writestr(zipfile.ZipInfo(each), content)
            bundle.writestr(zipfile.ZipInfo(name), b"another")
        return into.getvalue()

    def emptied(self, _: bytes, members: Members) -> Members:
        return {**members, self._name(members): b""}

    # ------------------------------------------------------------ signatures

    def swapped_signature(self, _: bytes, members: Members) -> Members:
        """With the signature of another capsule, of another key, or a payload of another."""
        envelope = json.loads(members[ENVELOPE])
        what = self.chance.randrange(3)
        if what == 0:
            others = [other for _, _, other in self.capsules if other[ENVELOPE] != members[ENVELOPE]]
            if not others:
                raise Harmless
            other = json.loads(self.chance.choice(others)[ENVELOPE])
            member = self.chance.choice(("payload", "signatures"))
            envelope[member] = other[member]
        elif what == 1:
            payload = b64decode(envelope["payload"])
            envelope["signatures"] = [{"keyid": OTHER.id, "sig": b64encode(OTHER.sign(payload)).decode()}]
        else:
            envelope["signatures"] *= 2
        return {**members, ENVELOPE: json.dumps(envelope, separators=(",", ":")).encode()}

    def other_key(self, _: bytes, members: Members) -> Members:
        return stated(members, OTHER)

    def unsigned(self, _: bytes, members: Members) -> Members:
        manifest = json.loads(members[MANIFEST]) | {"signed": False}
        members[MANIFEST] = _canonical(manifest)
        members[KEYS] = _canonical(json.loads(members[KEYS]) | {"node": None})
        return stated(members)

    # ------------------------------------------------------------ by whoever has the node's key

    def _lines(self, members: Members, least: int) -> tuple[str, list[bytes]]:
        names = ["events.ndjson", "approvals.ndjson", "audit.ndjson"]
        self.chance.shuffle(names)
        for name in names:
            lines = members[name].splitlines(keepends=True)
            if len(lines) >= least:
                return name, lines
        raise Harmless

    def dropped_line(self, _: bytes, members: Members) -> Members:
        name, lines = self._lines(members, 1)
        if name == "audit.ndjson":
            # A record about no event can be left out by who signs: nothing says how many there are.
            lines = [line for line in lines if b"digest" in json.loads(line)["record"].encode()]
            kept = members[name].splitlines(keepends=True)
            effects = [line for line in lines if '"type":"effect.' in json.loads(line)["record"]]
            if not effects:
                raise Harmless
            kept.remove(self.chance.choice(effects))
            return stated({**members, name: b"".join(kept)}, self.key)
        if name == "approvals.ndjson":
            return self.dropped_approval_resigned(b"", members)
        del lines[self.chance.randrange(len(lines))]
        return stated({**members, name: b"".join(lines)}, self.key)

    def swapped_lines(self, _: bytes, members: Members) -> Members:
        name, lines = self._lines(members, 2)
        if name == "approvals.ndjson":
            name, lines = "events.ndjson", members["events.ndjson"].splitlines(keepends=True)
        at = self.chance.randrange(len(lines) - 1)
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
        return stated({**members, name: b"".join(lines)}, self.key)

    def shortened_approval(self, _: bytes, members: Members) -> Members:
        lines = members["approvals.ndjson"].splitlines(keepends=True)
        if not lines:
            raise Harmless
        at = self.chance.randrange(len(lines))
        found = json.loads(lines[at])
        part = self.chance.choice(("body", "signature", "key"))
        found[part] = found[part][: self.chance.randrange(len(found[part]))]
        lines[at] = _canonical(found) + b"\n" if self.chance.random() < 0.7 else lines[at][:-5]
        return stated({**members, "approvals.ndjson": b"".join(lines)}, self.key)

    def dropped_approval_resigned(self, _: bytes, members: Members) -> Members:
        """One that was recorded with the outcome of its gate."""
        lines = members["approvals.ndjson"].splitlines(keepends=True)
        counted = {
            each["signature"]
            for _, event in events_of(members)
            if event[2] == "gate.closed"
            for each in event[6].get("approvals", ())  # type: ignore[attr-defined]
        }
        due = [line for line in lines if json.loads(line)["signature"] in counted]
        if not due:
            raise Harmless
        lines.remove(self.chance.choice(due))
        return stated({**members, "approvals.ndjson": b"".join(lines)}, self.key)

    def event_resigned(self, _: bytes, members: Members) -> Members:
        """An event with another value, all digests made again: replaying, the approvals or the audit log tell."""
        events: list[Any] = [values for _, values in events_of(members)]
        kinds = (
            "policy.decided",
            "gate.closed",
            "gate.opened",
            "command.completed",
            "command.issued",
            "task.completed",
        )
        places = [place for place, event in enumerate(events) if event[2] in kinds and event[6]]
        event = events[self.chance.choice(places)]
        self._change(event)
        content, last = rechained(events)
        members["events.ndjson"] = content
        members[MANIFEST] = _canonical(json.loads(members[MANIFEST]) | {"digest": last})
        return stated(members, self.key)

    def _change(self, event: list[Any]) -> None:
        data = event[6]
        if event[2] == "policy.decided":
            data["decision"] = {"allow": "deny", "hold": "allow", "deny": "allow"}[data.get("decision", "allow")]
            return
        if event[2] == "command.completed":
            data["output"] = ["another", data["output"]]
        elif event[2] == "gate.closed":
            if not data.get("approvals"):
                raise Harmless
            given = self.chance.choice(data["approvals"])
            part = self.chance.choice(("reviewer", "verdict", "signature", "key"))
            given[part] = {"verdict": "deny" if given["verdict"] == "approve" else "approve"}.get(
                part, given[part][::-1]
            )
        elif event[2] == "gate.opened":
            data[self.chance.choice(("digest", "nonce", "policy"))] = "0" * 32
        else:
            event[6] = {**data, "output": 7} if "output" in data else {**data, "arguments": {"n": 1}}

    def record_resigned(self, _: bytes, members: Members) -> Members:
        lines = members["audit.ndjson"].splitlines(keepends=True)
        at = self.chance.randrange(len(lines))
        found = json.loads(lines[at])
        record = json.loads(found["record"])
        what = self.chance.randrange(4)
        if what == 0:
            record["payload"]["seq"] = record["payload"].get("seq", 0) + 1
        elif what == 1:
            record["at"] += 1
        elif what == 2:
            record["id"] += 1
        elif found["proof"]:
            found["proof"][0] = "00" * 32
        else:
            found["proof"] = ["00" * 32]
        found["record"] = _canonical(record).decode()
        lines[at] = _canonical(found) + b"\n"
        return stated({**members, "audit.ndjson": b"".join(lines)}, self.key)

    def checkpoint_resigned(self, _: bytes, members: Members) -> Members:
        """A checkpoint with a flipped bit in a capsule that the node's key signed."""
        members["checkpoint.txt"] = self.flipped_bit(members["checkpoint.txt"], {})
        return stated(members, self.key)

    def log_resigned(self, _: bytes, members: Members) -> Members:
        manifest = json.loads(members[MANIFEST])
        if self.chance.random() < 0.5:
            manifest["log"]["size"] += self.chance.choice((-1, 1))
        else:
            manifest["log"]["root"] = self.chance.randbytes(32).hex()
        read_manifest(members[MANIFEST])
        members[MANIFEST] = _canonical(manifest)
        return stated(members, self.key)

    def policy_resigned(self, _: bytes, members: Members) -> Members:
        names = [name for name in members if name.startswith("policies/")]
        if not names:
            raise Harmless
        name = self.chance.choice(names)
        members[name] = self.flipped_bit(members[name], {})
        return stated(members, self.key)


def _canonical(value: Any) -> bytes:
    from reach_workbench.engine.canonical import canonical

    return canonical(value)
