"""Exported runs: capsules and the archives before them, looked at without their store, verified, and imported."""

from __future__ import annotations

import asyncio
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from reach_workbench.clock import Clock
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Event
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED, State, apply
from reach_workbench.engine.values import Json
from reach_workbench.errors import ArchiveError, CompileError, EvidenceDamaged, NotFound, RunStateError
from reach_workbench.node import archive_one, inspection
from reach_workbench.node.acquaintances import Known, nobody
from reach_workbench.node.belongings import put_belongings
from reach_workbench.node.inspection import ANOTHER, DEFAULTS
from reach_workbench.node.proof import Recorded, prove
from reach_workbench.protocol.node_views import Progress, ProofStep, Verification
from reach_workbench.runner.leases import JOB, NEVER
from reach_workbench.runner.loading import rebase
from reach_workbench.settings import Limits
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit

_CHUNK: Final = 2000
"""Events that are put into a unit at once."""

_STORED: Final = b"\0\0"
_METHOD: Final = slice(8, 10)
"""Where the first header of a zip says how the first member is compressed: not at all in a capsule."""


class Segment(NamedTuple):
    """A stretch of the lineage: the run it was recorded for, its program, and its last event."""

    run: str
    program: Program
    last: int
    file: str


class Archive(NamedTuple):
    """An exported run in its file. Nothing is checked yet but its form."""

    file: Path
    is_capsule: bool
    run: str
    segments: list[Segment]
    total: int
    digest: str

    def events(self) -> Iterator[Recorded]:
        """Every event with its recorded digest, read as they are asked for. Raises EvidenceDamaged."""
        if not self.is_capsule:
            yield from archive_one.events_of(self.file)
            return
        with self.file.open("rb") as source:
            binary = cast(BinaryIO, source)
            yield from inspection.read_events(binary, inspection.open_members(binary, self.file))

    def state(self, at: int | None = None) -> State:
        """The state after event `at` (the last by default); raises NotFound."""
        last = self.total if at is None else at
        if not 0 <= last <= self.total:
            raise NotFound(f"the archive has no event {at}", hint=f"its events are 1 to {self.total}")
        segments = iter(self.segments)
        segment = next(segments)
        state = State(segment.program)
        with _explained(self.file):
            for event, _ in self.events():
                if event.seq > last:
                    break
                while event.seq > segment.last:
                    segment = next(segments)
                    state = rebase(state, segment.program)
                apply(state, event)
        return state


def is_archive(name: str) -> bool:
    """Whether `name` is a file rather than the name of a run."""
    return ("/" in name or "." in name) and Path(name).is_file()


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Say of whatever reading a file that is no archive raises what it means."""
    try:
        yield
    except CompileError as wrong:
        raise ArchiveError(f"the archive's workflow does not compile: {wrong.message}", where=str(file)) from None
    except EvidenceDamaged as wrong:
        raise ArchiveError(wrong.message, where=str(file), hint=ANOTHER) from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as wrong:
        raise ArchiveError(
            f"this is no archive, or it is damaged: {wrong}",
            where=str(file),
            hint="`reach export RUN FILE` writes one",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, RuntimeError) as wrong:
        raise ArchiveError(
            f"the archive's content is malformed: {wrong!r}"[:300], where=str(file), hint=ANOTHER
        ) from None
    except OSError as wrong:
        raise ArchiveError(f"can't read the archive: {wrong.strerror or wrong}", where=str(file)) from None


def is_capsule(file: Path) -> bool:
    """Whether it begins as a capsule does; archives of version 1, which are compressed, do not."""
    with _explained(file), file.open("rb") as source:
        head = source.read(30)
    return head[:4] == b"PK\3\4" and head[_METHOD] == _STORED


def load(file: Path, limits: Limits = DEFAULTS) -> Archive:
    """Open an exported run; raises ArchiveError for anything that is not one."""
    with _explained(file):
        if is_capsule(file):
            with file.open("rb") as source:
                binary = cast(BinaryIO, source)
                members = inspection.open_members(binary, file)
                manifest = inspection.read_form(binary, members)
                segments = [
                    Segment(each.run, inspection.read_program(binary, members, each, limits), each.last, each.file)
                    for each in manifest.segments
                ]
            return Archive(file, True, manifest.run, segments, manifest.events, manifest.digest)
        with zipfile.ZipFile(file) as bundle:
            told = archive_one.manifest_of(bundle, file)
            segments = [Segment(*each) for each in archive_one.programs_of(bundle, told, file, limits)]
        if not segments or int(told["events"]) < 1:
            raise ArchiveError("the archive holds no run", where=str(file), hint="ask for another copy")
        return Archive(file, False, str(told["run"]), segments, int(told["events"]), str(told["digest"]))


def verify(
    file: Path,
    evaluator: Evaluator,
    clock: Clock,
    progress: Progress | None = None,
    *,
    keys: Sequence[bytes] = (),
    known: Known = nobody,
    limits: Limits = DEFAULTS,
) -> Verification:
    """Prove an exported run by itself. A file that is none raises ArchiveError; one whose content is wrong gives a
    verdict. One of `keys` must have signed it, if there are any; `known` tells who has one."""
    if is_capsule(file):
        return inspection.verify(file, evaluator, clock, progress, keys=keys, known=known, limits=limits)
    loaded = load(file, limits)
    programs = [(segment.last, segment.program) for segment in loaded.segments]
    programs[-1] = (1 << 62, programs[-1][1])
    with _explained(file):
        count = 0

        def counted() -> Iterator[Recorded]:
            nonlocal count
            for each in loaded.events():
                count += 1
                yield each

        try:
            found = prove(loaded.run, programs, counted(), loaded.total, evaluator, clock, progress)
        except EvidenceDamaged as wrong:
            return Verification(loaded.run, False, count, "", 0.0, "damaged", count + 1, message=wrong.message)
    if found.ok and found.digest != loaded.digest:
        raise ArchiveError("the manifest's digest is not that of the last event", where=str(file))
    return _unsigned(found, keys)


def _unsigned(found: Verification, keys: Sequence[bytes]) -> Verification:
    """What replaying an archive of version 1 gave: it has no signature."""
    said = "UNSIGNED: an archive of version 1; whoever had it may have changed all of it"
    replayed = ProofStep("replay", "held", f"the facts lead to every one of these {found.events:,} events again")
    if not found.ok:
        replayed = ProofStep("replay", "failed", found.message)
    elif keys:
        said = "an archive of version 1 is not signed, so by none of the keys that were asked for"
        found = replace(found, ok=False, problem="unproved", message=said)
    return replace(found, steps=(ProofStep("signature", "failed" if keys else "noted", said), replayed))


# -- importing


async def store(store: Store, file: Path, evaluator: Evaluator, clock: Clock, limits: Limits = DEFAULTS) -> RunRecord:
    """Put an exported run into the store once it has proved itself; raises ArchiveError or RunStateError.

    Ancestors of a forked run that are not here yet come along as suspended runs. With a capsule come its gates, what
    reviewers said about them, and the policies that decided, which never come into force here.
    """
    loaded = load(file, limits)
    if store.read.has_run(loaded.run):
        raise RunStateError(
            f"run {loaded.run} is in this home already",
            where=str(file),
            hint=f"`reach show {loaded.run}` shows it; import into another home with --home",
        )
    found = await asyncio.to_thread(partial(verify, limits=limits), file, evaluator, clock)
    if not found.ok:
        where = f"{file}, event {found.seq}" if found.seq is not None else str(file)
        raise ArchiveError(f"the archive does not hold: {found.message}", where=where, hint=ANOTHER)
    with _explained(file):
        unit = store.unit()
        _put(store, unit, loaded, clock)
        said: dict[str, Json] = {"events": found.events, "digest": found.digest}
        if found.signer is not None:
            said["signer"] = found.signer
        unit.audit("run.imported", said, at=clock.now(), run=loaded.run)
    await store.commit(unit)
    return store.read.run(loaded.run)


def _put(store: Store, unit: Unit, loaded: Archive, clock: Clock) -> None:
    """Put every run of the lineage that is not here yet into the unit."""
    lasts = [0, *(segment.last for segment in loaded.segments)]
    begun: dict[int, Event] = {}
    marks: dict[int, bytes] = {}
    for event, mark in loaded.events():
        if event.seq - 1 in lasts:
            begun[event.seq] = event
        if event.seq in lasts:
            marks[event.seq] = mark
    told = [(begun[first + 1].data or {}).get("run") for first in lasts[:-1]]
    if told != [segment.run for segment in loaded.segments] or loaded.run != told[-1] or lasts[-1] != loaded.total:
        raise EvidenceDamaged("the archive's manifest does not fit its events")
    before: int | None = None
    new: dict[str, Program] = {}
    for first, segment in zip(lasts, loaded.segments, strict=False):
        if segment is not loaded.segments[-1] and store.read.has_run(segment.run):
            known = store.read.run(segment.run)
            if known.seq < segment.last or store.read.digest_at(known.key, segment.last) != marks[segment.last]:
                raise ArchiveError(f"run {segment.run}, which this one was forked from, has another past here")
            before = known.key
            continue
        key = store.new_run_key()
        _put_run(unit, loaded, segment, key, before, first, begun[first + 1].at, clock)
        before = key
        new[segment.run] = segment.program
    if loaded.is_capsule:
        put_belongings(store, unit, loaded.file, set(lasts), new)


def _put_run(
    unit: Unit,
    loaded: Archive,
    segment: Segment,
    key: int,
    forked_from: int | None,
    first: int,
    created: int,
    clock: Clock,
) -> None:
    program, mine = segment.program, segment is loaded.segments[-1]
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
    for part in _chunks(loaded, first, segment.last):
        unit.append_events(key, [each.event for each in part], [each.mark for each in part])
    if status in ENDED:
        unit.update_run(key, ended_at=state.at, output=state.output, error=state.error)
    else:
        unit.enqueue_job(id=segment.run, kind=JOB, created_at=clock.now(), run=segment.run, next_run_at=NEVER)


def _chunks(loaded: Archive, first: int, last: int) -> Iterator[list[Recorded]]:
    part: list[Recorded] = []
    for each in loaded.events():
        if each.event.seq > last:
            break
        if each.event.seq > first:
            part.append(each)
        if len(part) == _CHUNK:
            yield part
            part = []
    if part:
        yield part
