"""The checkpoints of the audit log, pinned outside the database: a text file of signed notes that is only appended to.

Each note (`evidence.checkpoint`) is followed by an empty line. Its extension line says which it is and when it was
made: `reach checkpoint 3 at 1700000000000`. Whoever keeps a copy of the file elsewhere can show later what was cut off.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reach_workbench.errors import AuditDamaged, EvidenceDamaged
from reach_workbench.evidence.checkpoint import Checkpoint, SignedCheckpoint, read_checkpoint, sign_checkpoint
from reach_workbench.keys.ed25519 import SigningKey, key_id, note_key_hash, verify
from reach_workbench.settings import Settings
from reach_workbench.storage.home import unusable
from reach_workbench.storage.records import AuditHead

NAME: Final = "checkpoints"

_LINE: Final = re.compile(r"reach checkpoint ([1-9][0-9]{0,17}) at ([0-9]{1,18})\Z")
_LAST: Final = 4
"""Notes at the end of the file that are looked at before another is added."""

_SIGNATURE: Final = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class Pin:
    """One note of the file. `signed` is None when it can't be read, and `wrong` says why.

    `number` is what the note says of itself, 0 when it says nothing; `place` counts the notes of the file from 1.
    `torn` says that it is the last and does not end as notes do.
    """

    place: int
    note: str
    number: int = 0
    signed: SignedCheckpoint | None = None
    wrong: str = ""
    torn: bool = False


def file_of(settings: Settings) -> Path:
    """Where the checkpoints of a home are kept."""
    named = settings.audit.checkpoint_file
    return Path(named).expanduser() if named else settings.home / NAME


def origin_of(public: bytes) -> str:
    """The log's name in its checkpoints, and the name of the key: a home has one key and one log."""
    return f"reach-audit/{key_id(public)}"


def verifier_key(public: bytes) -> str:
    """The public key as programs that verify signed notes take it (C2SP signed-note, "Verifier keys")."""
    origin = origin_of(public)
    return "+".join((origin, note_key_hash(origin, public).hex(), b64encode(b"\x01" + public).decode()))


def make_note(key: SigningKey, number: int, size: int, root: bytes, at: int) -> str:
    """The signed note of checkpoint `number`."""
    origin = origin_of(key.public)
    checkpoint = Checkpoint(origin, size, root, (f"reach checkpoint {number} at {at}",))
    return sign_checkpoint(checkpoint, origin, note_key_hash(origin, key.public), key.sign)


def is_signed_by(pin: SignedCheckpoint, public: bytes) -> bool:
    """Whether the key made this checkpoint, of its own log."""
    origin = origin_of(public)
    by_key = pin.signed_by(origin, note_key_hash(origin, public), lambda *signed: verify(public, *signed))
    return by_key and pin.checkpoint.origin == origin


def pin(file: Path, key: SigningKey, head: AuditHead, at: int) -> int:
    """Add a checkpoint of the log as it stands, on the disk before this returns; its number.

    One that was written but not confirmed, because the node ended in between, is confirmed by being the last.
    Raises AuditDamaged when the file vouches for a log that this one is not, HomeUnusable, HomeReadOnly or StoreFull.
    """
    found = [(each.number, each.signed.checkpoint) for each in last_pins(file) if each.signed is not None]
    number, size, root = head.pins, head.tree.size, head.tree.root()
    if found:
        last, checkpoint = found[-1]
        if checkpoint.size > size or (checkpoint.size == size and checkpoint.root != root) or last > number + 1:
            raise AuditDamaged(
                f"checkpoint {last} vouches for {checkpoint.size:,} other records than the audit log has ({size:,})",
                where=str(file),
                hint="no checkpoint is added to it; `reach audit verify` tells what became of the log",
            )
        if checkpoint.size == size:
            return last
        number = max(number, last)
    _append(file, make_note(key, number + 1, size, root, at), head.pins)
    return number + 1


def _append(file: Path, note: str, confirmed: int) -> None:
    """Add a note. What a crash left of one behind those that are confirmed is taken away first."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            whole, end = _whole(data)
            before = b""
            if end < len(data) and whole >= confirmed:
                os.ftruncate(descriptor, end)
            elif end < len(data):
                before = b"\n\n"  # the file was damaged: that is to be seen, and not to spread
            os.lseek(descriptor, 0, os.SEEK_END)
            left = before + note.encode() + b"\n"
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(file.parent)
    except OSError as wrong:
        raise unusable(file.parent, wrong) from None


def read_pins(file: Path) -> tuple[Pin, ...] | None:
    """All notes of the file, None when there is no file. Raises HomeUnusable when it can't be read."""
    data = _content(file)
    if data is None:
        return None
    notes = _notes(data.decode("utf-8", "surrogateescape"))
    return tuple(_pin(place, note, torn) for place, (note, torn) in enumerate(notes, 1))


def last_pins(file: Path) -> tuple[Pin, ...]:
    """The last few notes of the file, without taking all the others apart; their places are not those in the file."""
    tail = b"\n\n".join((_content(file) or b"").rsplit(b"\n\n", 2 * _LAST)[-2 * _LAST :])
    notes = _notes(tail.decode("utf-8", "surrogateescape"))
    return tuple(_pin(place, note, torn) for place, (note, torn) in enumerate(notes, 1))


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise unusable(file.parent, wrong) from None


def _notes(text: str) -> Iterator[tuple[str, bool]]:
    """Each note, and whether its end is torn. What lost its signatures counts as one, and so do signatures alone."""
    blocks = text.split("\n\n")
    torn = blocks.pop()
    body = ""
    for block in blocks:
        if block.startswith(_SIGNATURE):
            yield f"{body}\n\n{block}\n", False
            body = ""
        else:
            if body:
                yield body, False
            body = block
    if body or torn:
        yield f"{body}\n\n{torn}" if body else torn, True


def _pin(place: int, note: str, torn: bool) -> Pin:
    if torn:
        return Pin(place, note, torn=True, wrong="it is cut off")
    try:
        signed = read_checkpoint(note)
    except EvidenceDamaged as wrong:
        return Pin(place, note, wrong=wrong.message)
    lines = [found for line in signed.checkpoint.extensions if (found := _LINE.match(line))]
    if len(lines) != 1:
        return Pin(place, note, wrong="it does not say which checkpoint it is")
    return Pin(place, note, int(lines[0][1]), signed)


def _whole(data: bytes) -> tuple[int, int]:
    """How many notes have their signatures and the empty line after them, and where the last of those ends."""
    count = place = end = 0
    for block in data.split(b"\n\n")[:-1]:
        place += len(block) + 2
        if block.startswith(_SIGNATURE.encode()):
            count, end = count + 1, place
    return count, end


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
