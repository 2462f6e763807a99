"""Archives: a run in a zip file that can be verified, looked at and imported without its store.

Members: `manifest.json` (format, run, segments, events, digest), one workflow document for each
segment of the run's lineage, and `events.ndjson`, a JSON line an event with its whole digest.
A forked run carries the past it shares: a segment names the run, its document and the last event
it holds for.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from reach_workbench.clock import Clock
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import GENESIS, Event, digest
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED, State, apply
from reach_workbench.engine.values import Json
from reach_workbench.errors import ArchiveError, CompileError, NotFound, RunStateError
from reach_workbench.node.proof import Recorded, prove
from reach_workbench.protocol.node_views import Progress, Verification
from reach_workbench.runner.driver import NEVER
from reach_workbench.runner.loading import compiled, rebase
from reach_workbench.runner.runner import JOB
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

FORMAT: Final = 1
_EVENTS: Final = "events.ndjson"
_MANIFEST: Final = "manifest.json"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MOST: Final = 4 * 1024**3
"""Bytes of one member once unpacked: a small file must not fill the memory."""


class Segment(NamedTuple):
    """A stretch of the lineage: the run it was recorded for, its program, and its last event."""

    run: str
    program: Program
    last: int
    file: str


class _Altered(Exception):
    """A line of the events that is no event any more; `seq` is the event's number."""

    def __init__(self, message: str, run: str, seq: int) -> None:
        super().__init__(message)
        self.message = message
        self.run = run
        self.seq = seq


class Archive(NamedTuple):
    """An archive in memory. Nothing is checked yet but its form."""

    run: str
    segments: list[Segment]
    events: list[Event]
    digests: list[bytes]
    manifest: dict[str, Json]

    def state(self, at: int | None = None) -> State:
        """The state after event `at` (the last by default); raises NotFound."""
        last = len(self.events) if at is None else at
        if not 0 <= last <= len(self.events):
            raise NotFound(f"the archive has no event {at}", hint=f"its events are 1 to {len(self.events)}")
        segments = iter(self.segments)
        segment = next(segments)
        state = State(segment.program)
        for event in self.events[:last]:
            while event.seq > segment.last:
                segment = next(segments)
                state = rebase(state, segment.program)
            apply(state, event)
        return state


def is_archive(name: str) -> bool:
    """Whether `name` is a file rather than the name of a run."""
    return ("/" in name or "." in name) and Path(name).is_file()


def write(store: Store, record: RunRecord, file: Path) -> None:
    """Write a run to `file`, through a file beside it so that a cut-off export leaves nothing half."""
    segments = []
    members: list[tuple[str, bytes]] = []
    for place, (key, id_, _, last) in enumerate(store.read.lineage(record.key)):
        owner = store.read.run_by_key(key)
        program = store.read.program(owner.program)
        name = f"workflow-{place}.yaml"
        members.append((name, program.source.encode()))
        segments.append(
            {
                "run": id_,
                "document": name,
                "program": owner.program,
                "file": Path(owner.file or "workflow.yaml").name,
                "last": min(last, record.seq),
            }
        )
    manifest = {
        "format": FORMAT,
        "run": record.id,
        "workflow": {"namespace": record.namespace, "name": record.name, "version": record.version},
        "status": record.status,
        "segments": segments,
        "events": record.seq,
        "digest": record.digest.hex(),
    }
    part = file.with_name(file.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
            # Fixed times: the same run gives the same bytes.
            for name, content in [(_MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2)), *members]:
                bundle.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
            with bundle.open(zipfile.ZipInfo(_EVENTS, _EPOCH), "w", force_zip64=True) as lines:
                value = GENESIS
                for chunk in store.read.chunks(record.key):
                    for event in chunk.events:
                        value = digest(value, event)
                        lines.write(_line([*event, value.hex()]) + b"\n")
        part.replace(file)
    except OSError as wrong:
        part.unlink(missing_ok=True)
        raise ArchiveError(
            f"can't write the archive: {wrong.strerror}", where=str(file), hint="choose another place with -o"
        ) from None


def load(file: Path) -> Archive:
    """Read an archive; raises ArchiveError for anything that is not one."""
    try:
        return _load(file)
    except _Altered as wrong:
        raise ArchiveError(
            wrong.message,
            where=f"{file}, event {wrong.seq}",
            hint="it was damaged or tampered with; ask for another copy",
        ) from None


def _load(file: Path) -> Archive:
    try:
        with zipfile.ZipFile(file) as bundle:
            names = set(bundle.namelist())
            manifest = orjson.loads(_member(bundle, names, _MANIFEST))
            if manifest.get("format") != FORMAT:
                raise ArchiveError(
                    f"the archive has format {manifest.get('format')!r}; this program reads {FORMAT}",
                    where=str(file),
                    hint="update the program",
                )
            segments = []
            for each in manifest["segments"]:
                source = _member(bundle, names, each["document"]).decode()
                program = compiled(source, each["file"])
                if program.digest != each["program"]:
                    raise ArchiveError(
                        f"the document {each['document']} is not the one the run was recorded with",
                        where=str(file),
                        hint="the archive was tampered with; ask for another copy",
                    )
                segments.append(Segment(each["run"], program, int(each["last"]), each["file"]))
            events, digests = [], []
            for number, line in enumerate(_member(bundle, names, _EVENTS).splitlines(), 1):
                event, value = _event(line, number, manifest["run"], file)
                events.append(event)
                digests.append(value)
            if not segments or not events:
                raise ArchiveError("the archive holds no run", where=str(file), hint="ask for another copy")
            return Archive(manifest["run"], segments, events, digests, manifest)
    except CompileError as wrong:
        raise ArchiveError(f"the archive's workflow does not compile: {wrong.message}", where=str(file)) from None
    except (zipfile.BadZipFile, EOFError) as wrong:
        raise ArchiveError(
            f"this is no archive, or it is damaged: {wrong}",
            where=str(file),
            hint="`reach export RUN -o FILE` writes one",
        ) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        NotImplementedError,
        RuntimeError,
        UnicodeDecodeError,
    ) as wrong:
        raise ArchiveError(
            f"the archive's content is malformed: {wrong!r}",
            where=str(file),
            hint="it was damaged or tampered with; ask for another copy",
        ) from None
    except OSError as wrong:
        raise ArchiveError(f"can't read the archive: {wrong.strerror}", where=str(file)) from None
    except Exception as wrong:  # zlib.error has no common base with the rest
        if type(wrong).__module__ != "zlib":
            raise
        raise ArchiveError(f"the archive is damaged: {wrong}", where=str(file)) from None


def _line(values: Json) -> bytes:
    """A line of the events: orjson's JSON, or plain JSON in ASCII for what orjson can't carry."""
    try:
        return orjson.dumps(values)
    except TypeError:  # an integer beyond 64 bits, or half a surrogate pair
        return json.dumps(values, separators=(",", ":")).encode("ascii")


def _event(line: bytes, number: int, run: str, file: Path) -> tuple[Event, bytes]:
    """The event of a line with its digest; raises _Altered unless the line is just what `write` made of them."""
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
        return Event(seq, kind, at, task, frame, data), mark
    except (ValueError, TypeError, RecursionError) as wrong:
        raise _Altered(f"event {number} can't be read: {wrong}", run, number) from None


def _member(bundle: zipfile.ZipFile, names: set[str], name: str) -> bytes:
    if name not in names:
        raise ArchiveError(f"the archive has no {name}", where=bundle.filename, hint="it was damaged or tampered with")
    if bundle.getinfo(name).file_size > _MOST:
        raise ArchiveError(f"{name} unpacks to more than {_MOST:,} bytes", where=bundle.filename)
    return bundle.read(name)


def verify(file: Path, evaluator: Evaluator, clock: Clock, progress: Progress | None = None) -> Verification:
    """Prove an archive by itself. A file that is no archive raises; one whose content is wrong gives a verdict."""
    try:
        loaded = _load(file)
    except _Altered as wrong:
        return Verification(
            run=wrong.run,
            ok=False,
            events=wrong.seq - 1,
            digest="",
            seconds=0.0,
            problem="damaged",
            seq=wrong.seq,
            message=wrong.message,
        )
    total = int(loaded.manifest["events"])
    recorded = [Recorded(event, mark) for event, mark in zip(loaded.events, loaded.digests, strict=True)]
    programs = [(segment.last, segment.program) for segment in loaded.segments]
    programs[-1] = (1 << 62, programs[-1][1])
    found = prove(loaded.run, programs, recorded, total, evaluator, clock, progress)
    if found.ok and found.digest != loaded.manifest["digest"]:
        raise ArchiveError("the manifest's digest is not that of the last event", where=str(file))
    return found


async def store(store: Store, file: Path, evaluator: Evaluator, clock: Clock) -> RunRecord:
    """Put an archive's run into the store once it has proved itself; raises ArchiveError or RunStateError.

    Ancestors of a forked run that are not here yet come along as suspended runs.
    """
    loaded = load(file)
    if store.read.has_run(loaded.run):
        raise RunStateError(
            f"run {loaded.run} is in this home already",
            where=str(file),
            hint=f"`reach show {loaded.run}` shows it; import into another home with --home",
        )
    found = verify(file, evaluator, clock)
    if not found.ok:
        raise ArchiveError(f"the archive does not hold: {found.message}", where=f"{file}, event {found.seq}")
    _refuse_lies(loaded, file)
    unit = store.unit()
    first, before = 0, None
    for segment in loaded.segments:
        mine = segment is loaded.segments[-1]
        if not mine and store.read.has_run(segment.run):
            known = store.read.run(segment.run)
            if (
                known.seq < segment.last
                or store.read.digest_at(known.key, segment.last) != loaded.digests[segment.last - 1]
            ):
                raise ArchiveError(f"run {segment.run}, which this one was forked from, has another past here")
            before, first = known.key, segment.last
            continue
        key = store.new_run_key()
        _put(unit, loaded, segment, key, before, first, clock)
        before, first = key, segment.last
    said = {"events": len(loaded.events), "digest": found.digest}
    unit.audit("run.imported", said, at=clock.now(), run=loaded.run)
    await store.commit(unit)
    return store.read.run(loaded.run)


def _refuse_lies(loaded: Archive, file: Path) -> None:
    """The events have proved themselves; what the manifest says beside them must fit them."""
    lasts = [segment.last for segment in loaded.segments]
    fits = lasts == sorted(set(lasts)) and lasts[-1] == len(loaded.events) == loaded.manifest["events"]
    if fits:
        told = [loaded.events[first].data or {} for first in [0, *lasts[:-1]]]
        fits = [segment.run for segment in loaded.segments] == [data.get("run") for data in told]
    if not fits or loaded.run != loaded.segments[-1].run:
        raise ArchiveError(
            "the archive's manifest does not fit its events",
            where=str(file),
            hint="it was damaged or tampered with; ask for another copy",
        )


def _put(
    unit: Any, loaded: Archive, segment: Segment, key: int, forked_from: int | None, first: int, clock: Clock
) -> None:
    program, mine = segment.program, segment is loaded.segments[-1]
    created = loaded.events[first].at
    unit.add_program(
        digest=program.digest,
        source=program.source,
        file=segment.file,
        namespace=program.namespace,
        name=program.name,
        version=program.version,
        created_at=created,
    )
    state = loaded.state(segment.last)
    status = state.phase if mine and state.ended else "suspended"
    unit.create_run(
        key=key,
        id=segment.run,
        program=program.digest,
        namespace=program.namespace,
        name=program.name,
        version=program.version,
        created_at=created,
        status=status,
        file=segment.file,
        secrets=tuple(state.created.get("secrets", ())),
        forked_from=forked_from,
        forked_at=first if forked_from is not None else None,
    )
    unit.append_events(key, loaded.events[first : segment.last], loaded.digests[first : segment.last])
    if status in ENDED:
        unit.update_run(key, ended_at=state.at, output=state.output, error=state.error)
    else:
        unit.enqueue_job(id=segment.run, kind=JOB, created_at=clock.now(), run=segment.run, next_run_at=NEVER)
