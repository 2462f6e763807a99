"""Archives of version 1, as programs before capsules wrote them: read and verified still, written no more.

Members: `manifest.json` (format, run, segments, events, digest), one workflow document for each segment of the run's
lineage, and `events.ndjson`, a JSON line an event with its whole digest. Nothing is signed.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from reach_workbench.engine.events import Event
from reach_workbench.engine.program import Program
from reach_workbench.engine.values import Json
from reach_workbench.errors import ArchiveError, ArchiveNewer, ArchiveUnsafe, EvidenceDamaged
from reach_workbench.node.inspection import ANOTHER, MOST, SMALL, stranger_program
from reach_workbench.node.proof import Recorded
from reach_workbench.settings import Limits

FORMAT: Final = 1
_EVENTS: Final = "events.ndjson"
_MANIFEST: Final = "manifest.json"
_LINE: Final = 17 * 1024**2
"""Bytes of an event's line: what a run records (`limits.value_bytes`, 16 MiB where nothing else is said) and a little.
They may be compressed to next to nothing, and take thirty times as much once they are parsed."""

_ALL: Final = 4 * 1024**3
"""Bytes of all events once unpacked. They are read line by line: this bounds the time, not the memory."""


def manifest_of(bundle: zipfile.ZipFile, file: Path) -> dict[str, Json]:
    """The manifest; raises ArchiveNewer for one of another format, ArchiveUnsafe for a zip that means harm."""
    names = bundle.namelist()
    if len(names) != len(set(names)):
        raise ArchiveUnsafe(
            "the archive has two members of one name",
            where=str(file),
            hint="programs differ in which of them they read: do not use it, and ask for another copy",
        )
    if wrong := [name for name in names if "/" in name or "\\" in name or name.startswith(".")]:
        raise ArchiveUnsafe(
            f"the archive has a member called {wrong[0][:120]!r}",
            where=str(file),
            hint="no archive has such a name; do not unpack it, and ask for another copy",
        )
    manifest = orjson.loads(_member(bundle, _MANIFEST, file, SMALL))
    if manifest.get("format") != FORMAT:
        raise ArchiveNewer(
            f"the archive has format {str(manifest.get('format'))[:20]}; this program reads {FORMAT} and 2",
            where=str(file),
            hint="update the program",
        )
    found: dict[str, Json] = manifest
    return found


def programs_of(
    bundle: zipfile.ZipFile, manifest: dict[str, Json], file: Path, limits: Limits
) -> list[tuple[str, Program, int, str]]:
    """For each segment its run, its program, its last event and its document's file."""
    found = []
    for each in manifest["segments"]:
        program = stranger_program(_member(bundle, each["document"], file), each["file"], limits)
        if program.digest != each["program"]:
            raise ArchiveError(
                f"the document {each['document']} is not the one the run was recorded with",
                where=str(file),
                hint="the archive was tampered with; ask for another copy",
            )
        found.append((each["run"], program, int(each["last"]), each["file"]))
    return found


def events_of(file: Path) -> Iterator[Recorded]:
    """Every event with its digest; raises EvidenceDamaged at one that can't be read, and what zipfile raises."""
    with zipfile.ZipFile(file) as bundle:
        if _EVENTS not in bundle.namelist():
            raise ArchiveError(f"the archive has no {_EVENTS}", where=str(file), hint=ANOTHER)
        if bundle.getinfo(_EVENTS).file_size > _ALL:
            raise ArchiveUnsafe(f"{_EVENTS} unpacks to more than {_ALL:,} bytes", where=str(file), hint=ANOTHER)
        with bundle.open(_EVENTS) as lines:
            number = 0
            while line := lines.readline(_LINE + 1):
                number += 1
                if len(line) > _LINE:
                    raise EvidenceDamaged(f"event {number} has more than {_LINE:,} bytes")
                yield _event(line.removesuffix(b"\n"), number)


def _event(line: bytes, number: int) -> Recorded:
    """The event of a line; raises EvidenceDamaged unless the line is just what was written of one."""
    try:
        values = orjson.loads(line)
        if orjson.dumps(values) != line:
            values = json.loads(line)
            if _line(values) != line:
                raise ValueError("it is not written as an event is")
        seq, kind, at, task, frame, data, value = values
        if [type(each) for each in (seq, kind, at, frame, value)] != [int, str, int, int, str]:
            raise ValueError("its parts are of the wrong types")
        if seq != number or not isinstance(task, str | None) or not isinstance(data, dict | None):
            raise ValueError("its parts are not an event's")
        mark = bytes.fromhex(value)
        if mark.hex() != value:
            raise ValueError("its digest is not written as a digest is")
        return Recorded(Event(seq, kind, at, task, frame, data), mark)
    except (ValueError, TypeError, RecursionError) as wrong:
        raise EvidenceDamaged(f"event {number} can't be read: {wrong}") from None


def _line(values: Json) -> bytes:
    """orjson's JSON, or plain JSON in ASCII for what orjson can't carry: integers beyond 64 bits."""
    try:
        return orjson.dumps(values)
    except TypeError:
        return json.dumps(values, separators=(",", ":")).encode("ascii")


def _member(bundle: zipfile.ZipFile, name: str, file: Path, most: int = MOST) -> bytes:
    """The content of a member. Its size is what its header says, or less: a small file fills no memory."""
    if name not in bundle.namelist():
        raise ArchiveError(f"the archive has no {name}", where=str(file), hint=ANOTHER)
    if bundle.getinfo(name).file_size > most:
        raise ArchiveUnsafe(f"{name} unpacks to more than {most:,} bytes", where=str(file), hint=ANOTHER)
    with bundle.open(name) as member:
        return member.read(most)
