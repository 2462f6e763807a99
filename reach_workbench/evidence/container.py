"""The file of a capsule: a zip that has one form, so that no bit of it can be changed without being seen.

Members are stored as they are, one after the other, each behind its header; then the directory, then its end. Nothing
is compressed: there are many compressed forms of one content, and none here. What a zip leaves to its writer (times,
attributes, comments, further fields, gaps) is fixed: a reader makes headers and directory again from the names, sizes
and checksums, and compares. Every program that reads zips reads it (APPNOTE 6.3.10, sections 4.3 and 4.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import BinaryIO, Final
from zlib import crc32

from reach_workbench.errors import ArchiveUnsafe, EvidenceDamaged

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}(?:/[a-z0-9][a-z0-9.-]{0,99})?\Z")
"""What a member may be called: no name leads anywhere but to where the capsule is unpacked."""

MOST_BYTES: Final = (1 << 32) - 1
"""Of the whole file: beyond it a zip needs further fields."""

MOST_MEMBERS: Final = 10_000

_LOCAL: Final = Struct("<4s5H3L2H")
_CENTRAL: Final = Struct("<4s6H3L5H2L")
_END: Final = Struct("<4s4H2LH")
_VERSION: Final = 20
_UNIX: Final = 3 << 8
_DAY: Final = 1 << 5 | 1
"""1980-01-01, the first day that a zip can tell; the time is midnight."""

_MODE: Final = 0o100644 << 16
_STEP: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it stands in the file: its content begins at `offset`."""

    name: str
    offset: int
    size: int
    crc: int
    sha256: str

    @property
    def header(self) -> bytes:
        """What stands before the content."""
        name = self.name.encode()
        return _LOCAL.pack(b"PK\3\4", _VERSION, 0, 0, 0, _DAY, self.crc, self.size, self.size, len(name), 0) + name

    @property
    def entry(self) -> bytes:
        """What stands in the directory."""
        name = self.name.encode()
        fixed = (b"PK\1\2", _UNIX | _VERSION, _VERSION, 0, 0, 0, _DAY, self.crc, self.size, self.size, len(name))
        return _CENTRAL.pack(*fixed, 0, 0, 0, 0, _MODE, self.offset - len(self.header)) + name


def directory(members: Iterable[Member], at: int) -> bytes:
    """What stands behind the last member, which ends at `at`."""
    entries = [each.entry for each in members]
    whole = b"".join(entries)
    return whole + _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(whole), at, 0)


class Writer:
    """Writes members one after the other into a file that can be gone back in; `close` writes the directory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members: list[Member] = []

    def add(self, name: str, content: Iterable[bytes]) -> Member:
        """Write a member, whose content may come in parts. Raises ValueError when the file would be too large."""
        if not NAME.match(name) or any(each.name == name for each in self.members):
            raise ValueError(f"{name!r} can't be the name of a member")
        start = self._file.tell()
        header = len(Member(name, 0, 0, 0, "").header)
        self._file.write(bytes(header))
        size, crc, digest = 0, 0, sha256()
        for part in content:
            self._file.write(part)
            size, crc = size + len(part), crc32(part, crc)
            digest.update(part)
            if start + header + size > MOST_BYTES:
                raise ValueError(f"the capsule would have more than {MOST_BYTES:,} bytes")
        member = Member(name, start + header, size, crc, digest.hexdigest())
        self._file.seek(start)
        self._file.write(member.header)
        self._file.seek(start + header + size)
        self.members.append(member)
        return member

    def close(self) -> None:
        at = self._file.tell()
        self._file.write(directory(self.members, at))
        if self._file.tell() > MOST_BYTES:
            raise ValueError(f"the capsule would have more than {MOST_BYTES:,} bytes")


def scan(file: BinaryIO, size: int, met: Callable[[Member], None] | None = None) -> tuple[Member, ...]:
    """Every member of a capsule's file of `size` bytes, each read through once; `met` is told of each as it comes.

    Raises EvidenceDamaged for whatever is not exactly as `Writer` writes it, ArchiveUnsafe for names that no capsule
    has. Holds no content: memory does not depend on the file.
    """
    members: list[Member] = []
    names: set[str] = set()
    place = 0
    while True:
        head = file.read(_LOCAL.size)
        if head[:4] != b"PK\3\4":
            break
        if len(head) < _LOCAL.size:
            raise _cut(place)
        *_, crc, held, _, length, _ = _LOCAL.unpack(head)
        raw = file.read(length)
        name = raw.decode("utf-8", "replace")
        offset = place + _LOCAL.size + length
        if len(raw) < length or offset + held > size:
            raise _cut(place, name)
        _refuse_name(raw, name, names, len(members))
        member = Member(name, offset, held, crc, "")
        if head + raw != member.header:
            raise EvidenceDamaged(f"the header of {name} is not as a capsule's is", where=f"byte {place}")
        found, digest = 0, sha256()
        left = held
        while left:
            part = file.read(min(left, _STEP))
            if not part:
                raise _cut(place, name)
            left -= len(part)
            found = crc32(part, found)
            digest.update(part)
        if found != crc:
            raise EvidenceDamaged(f"{name} does not have the checksum that its header gives", where=f"byte {offset}")
        member = Member(name, offset, held, crc, digest.hexdigest())
        names.add(name)
        members.append(member)
        place = offset + held
        if met is not None:
            met(member)
    if not members:
        raise EvidenceDamaged("this is no capsule: it does not begin as a zip with members does")
    wanted = directory(members, place)
    _compare_end(head + file.read(len(wanted) + 1 - len(head)), wanted, place)
    return tuple(members)


def content(file: BinaryIO, member: Member, most: int) -> bytes:
    """The whole content of a member of at most so many bytes. Raises EvidenceDamaged when it has more."""
    if member.size > most:
        raise EvidenceDamaged(f"{member.name} has {member.size:,} bytes; no capsule has more than {most:,} there")
    file.seek(member.offset)
    return file.read(member.size)


def lines(file: BinaryIO, member: Member, most: int) -> Iterator[bytes]:
    """The lines of a member without their ends. Raises EvidenceDamaged for a longer one, or for a last one that lacks
    its end."""
    left, position = member.size, member.offset
    number = 0
    while left:
        number += 1
        file.seek(position)  # others may read between two lines
        line = file.readline(min(left, most + 1))
        if not line.endswith(b"\n"):
            why = "has no end" if len(line) == left else f"has more than {most:,} bytes"
            raise EvidenceDamaged(f"line {number} of {member.name} {why}")
        left, position = left - len(line), position + len(line)
        yield line[:-1]


def _refuse_name(raw: bytes, name: str, names: set[str], count: int) -> None:
    if count >= MOST_MEMBERS:
        raise ArchiveUnsafe(f"the capsule has more than {MOST_MEMBERS:,} members")
    if name in names:
        raise ArchiveUnsafe(
            f"the capsule has two members called {name}",
            hint="programs differ in which of them they read: do not use it, and ask for another copy",
        )
    if not NAME.match(name) or raw != name.encode():
        raise ArchiveUnsafe(
            f"the capsule has a member called {name[:120]!r}",
            hint="no capsule has such a name; do not unpack it, and ask for another copy",
        )


def _compare_end(found: bytes, wanted: bytes, place: int) -> None:
    if found == wanted:
        return
    if wanted.startswith(found):
        raise _cut(place)
    if found.startswith(wanted):
        raise EvidenceDamaged("something stands behind the end of the capsule", where=f"byte {place + len(wanted)}")
    first = next(at for at, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other)
    raise EvidenceDamaged("the directory at the end does not fit the members before it", where=f"byte {place + first}")


def _cut(place: int, name: str = "") -> EvidenceDamaged:
    where = f"in {name}" if name and name.isprintable() else "before its end"
    return EvidenceDamaged(
        f"the capsule is cut off {where}", where=f"byte {place}", hint="it was not copied whole: ask for it again"
    )
