"""Verifying a capsule by itself: no home, no database, no network. What is checked stands in order in `_STEPS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from reach_workbench.clock import Clock
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import GENESIS
from reach_workbench.engine.program import Program
from reach_workbench.engine.times import iso8601
from reach_workbench.errors import ArchiveError, ArchiveNewer, ArchiveUnsafe, CompileError, EvidenceDamaged, ReachError
from reach_workbench.evidence import capsule as form
from reach_workbench.evidence.approval import check
from reach_workbench.evidence.checkpoint import read_checkpoint
from reach_workbench.evidence.container import Member, content, lines, scan
from reach_workbench.evidence.rotation import lineage
from reach_workbench.evidence.statement import Statement
from reach_workbench.keys.ed25519 import key_id
from reach_workbench.keys.ed25519 import verify as signed_rightly
from reach_workbench.node.acquaintances import Known, nobody
from reach_workbench.node.proof import Recorded, prove
from reach_workbench.node.trail import Flaw, Trail, blank
from reach_workbench.node.vouching import Vouching
from reach_workbench.protocol.node_views import Progress, ProofStep, Verification
from reach_workbench.runner.loading import compile_text
from reach_workbench.settings import Limits
from reach_workbench.storage.checkpoint_file import is_signed_by

MOST: Final = 64 * 1024**2
"""Bytes of a line, and of a member that is not read by lines: what is parsed at once is bounded."""

SMALL: Final = 4 * 1024**2
"""Bytes of a member that only tells of the others: parsed it takes thirty times as much, whatever stands in it."""

_FOLLOWS: Final = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)
"""What content raises that no capsule has, where it is not looked for by name."""

ANOTHER: Final = "it was damaged or tampered with; ask for another copy"
_WHOLE: Final = 1 << 62
DEFAULTS: Final = Limits()
"""What a document of somebody else may cost where no setting says otherwise."""

Said = tuple[Literal["held", "noted"], str]


class _Unchecked(Exception):
    """What this step needs could not be had."""


def open_members(source: BinaryIO, file: Path) -> dict[str, Member]:
    """The members of a capsule's file; raises ArchiveError or its like for a file that is not exactly in the form."""
    size = source.seek(0, 2)
    source.seek(0)

    def met(member: Member) -> None:
        if member.offset == len(member.header):
            place = source.tell()
            _refuse_version(source, member, file)
            source.seek(place)

    try:
        return {member.name: member for member in scan(source, size, met)}
    except ArchiveUnsafe as wrong:
        wrong.where = str(file)
        raise
    except EvidenceDamaged as wrong:
        where = f"{file}, {wrong.where}" if wrong.where else str(file)
        raise ArchiveError(wrong.message, where=where, hint=wrong.hint or ANOTHER) from None


def _refuse_version(source: BinaryIO, first: Member, file: Path) -> None:
    if first.name != form.MANIFEST:
        raise ArchiveError(f"the capsule begins with {first.name}, not with {form.MANIFEST}", where=str(file))
    version = form.format_of(content(source, first, SMALL))
    if version != form.FORMAT:
        raise ArchiveNewer(
            f"the capsule has format {str(version)[:20]}; this program reads 1 and {form.FORMAT}",
            where=str(file),
            hint="update the program",
        )


def read_form(source: BinaryIO, members: Mapping[str, Member]) -> form.Manifest:
    """The manifest of a capsule that has just the members it should, in order. Raises EvidenceDamaged."""
    manifest = form.read_manifest(content(source, members[form.MANIFEST], SMALL))
    policies = [found[1] for name in members if (found := form.POLICY.match(name))]
    signed, checkpoint = manifest.signed, form.CHECKPOINT in members
    wanted = form.in_order(len(manifest.segments), policies, checkpoint=checkpoint, signed=signed)
    names = list(members)
    if missing := [name for name in wanted if name not in members]:
        raise EvidenceDamaged(f"{missing[0]} is missing")
    if extra := [name for name in names if name not in wanted]:
        raise EvidenceDamaged(f"{extra[0]} does not belong into a capsule like this")
    if names != wanted:
        first = next(name for name, due in zip(names, wanted, strict=True) if name != due)
        raise EvidenceDamaged(f"{first} is out of order")
    return manifest


def read_events(source: BinaryIO, members: Mapping[str, Member]) -> Iterator[Recorded]:
    """Every event with its recorded digest; raises EvidenceDamaged at one that can't be read."""
    for number, line in enumerate(lines(source, members[form.EVENTS], MOST), 1):
        event, mark, _ = form.read_event(line, number)
        yield Recorded(event, mark)


def stranger_program(source: bytes, file: str, limits: Limits) -> Program:
    """The program of a document from elsewhere, which may mean harm: within these limits. Raises CompileError."""
    result = compile_text(source.decode(), file, limits)
    if result.program is None:
        first = next((each for each in result.diagnostics if each.severity == "error"), None)
        raise CompileError(first.message if first is not None else "it has errors")
    return result.program


def read_program(source: BinaryIO, members: Mapping[str, Member], segment: form.Segment, limits: Limits) -> Program:
    """The program of a segment. Raises EvidenceDamaged for another document, CompileError for one that is none."""
    program = stranger_program(content(source, members[segment.document], MOST), segment.file, limits)
    if program.digest != segment.program:
        raise EvidenceDamaged(f"the document {segment.document} is not the one the run was recorded with")
    return program


def signer_of(file: Path) -> bytes | None:
    """The public key that a capsule names as its signer's, unverified; None for an unsigned one."""
    with file.open("rb") as stream:
        source = cast(BinaryIO, stream)
        members = open_members(source, file)
        return form.read_keys(content(source, members[form.KEYS], SMALL)).node


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


class Inspection:
    """One verification of one capsule. `keys` are those one of which must have signed it; `known` tells who has one."""

    def __init__(
        self,
        source: BinaryIO,
        members: Mapping[str, Member],
        keys: Sequence[bytes],
        known: Known,
        evaluator: Evaluator,
        clock: Clock,
        progress: Progress | None,
        limits: Limits,
    ) -> None:
        self._source = source
        self._members = members
        self._keys = keys
        self._known = known
        self._evaluator = evaluator
        self._clock = clock
        self._progress = progress
        self._limits = limits
        self._manifest: form.Manifest | None = None
        self._found: form.Keys | None = None
        self._lineage: tuple[bytes, ...] = ()
        self._programs: list[tuple[int, Program]] | None = None
        self._trail: Trail | None = None
        self._audit: Vouching | None = None
        self._replayed: Verification | None = None
        self._flaw: Flaw | None = None
        self._digest = ""
        self._events = 0
        self.steps: list[ProofStep] = []
        self.signer: str | None = None

    def verify(self) -> Verification:
        """Check everything, in order, whatever fails on the way."""
        began = self._clock.elapsed()
        for name, step in _STEPS.items():
            self._take(name, partial(step, self))
        failed = next((each for each in self.steps if each.status == "failed"), None)
        flaw = self._flaw
        shown = self._replayed if self._replayed is not None and not self._replayed.ok else None
        problem: Literal["damaged", "diverged", "unproved"] | None = None
        if failed is not None:
            damaged = failed.name in ("form", "members", "workflow", "events")
            problem = shown.problem if shown is not None else "damaged" if damaged else "unproved"
        return Verification(
            run=self._manifest.run if self._manifest is not None else "",
            ok=failed is None,
            events=shown.events if shown is not None else self._events,
            digest=self._digest,
            seconds=self._clock.elapsed() - began,
            problem=problem,
            seq=shown.seq if shown is not None else flaw.seq if flaw is not None else None,
            task=shown.task if shown is not None else flaw.task if flaw is not None else None,
            recorded=shown.recorded if shown is not None else None,
            replayed=shown.replayed if shown is not None else None,
            message=failed.message if failed is not None else "",
            signer=self.signer,
            steps=tuple(self.steps),
        )

    def _take(self, name: str, step: Callable[[], Said]) -> None:
        status: Literal["held", "failed", "noted", "unchecked"]
        try:
            status, message = step()
        except _Unchecked as wrong:
            status, message = "unchecked", str(wrong)
        except ReachError as wrong:
            status, message = "failed", wrong.message
        except _FOLLOWS as wrong:
            status, message = "failed", f"it is malformed: {wrong!r}"[:300]
        self.steps.append(ProofStep(name, status, message))

    def _content(self, name: str) -> bytes:
        if name not in self._members:
            raise EvidenceDamaged(f"{name} is missing")
        return content(self._source, self._members[name], MOST if form.POLICY.match(name) else SMALL)

    def _read_manifest(self) -> form.Manifest:
        if self._manifest is None:
            raise _Unchecked("without a manifest nothing tells what to compare with")
        return self._manifest

    def _fail(self, flaws: Sequence[Flaw]) -> None:
        if flaws:
            first = flaws[0]
            self._flaw = self._flaw or first
            more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
            raise EvidenceDamaged(f"event {first.seq}: {first.message}{more}")

    # ------------------------------------------------------------ what the file is

    def _form(self) -> Said:
        self._manifest = read_form(self._source, self._members)
        return "held", f"a capsule of format {form.FORMAT} with {len(self._members)} members, and nothing else in it"

    def _signature(self) -> Said:
        manifest = self._read_manifest()
        self._found = form.read_keys(self._content(form.KEYS))
        if not manifest.signed:
            if self._keys:
                raise EvidenceDamaged("nobody signed this capsule, so none of the keys that were asked for")
            return "noted", "UNSIGNED: nobody vouches for it; whoever had it may have changed all of it"
        public = self._found.node
        if public is None:
            raise EvidenceDamaged("the key that signed it is not in it")
        _, envelope = form.open_envelope(self._content(form.ENVELOPE))
        id = key_id(public)
        if [each.keyid for each in envelope.signatures] != [id]:
            raise EvidenceDamaged(f"the envelope is not signed by the node's key {id}, once")
        if not envelope.signers({id: partial(signed_rightly, public)}):
            raise EvidenceDamaged(f"the envelope is not what key {id} signed")
        self.signer = id
        self._lineage = lineage(self._found.rotations, public)
        name = self._known(public)
        called = f"key {id}" + (f", {name}" if name is not None else "")
        asked = next((each for each in reversed(self._lineage) if each in self._keys), None)
        if self._keys and asked is None:
            raise EvidenceDamaged(f"it is signed by {called}, which is none of those that were asked for")
        if asked == public or (name is not None and not self._keys):
            return "held", f"signed by {called}" + ("" if name is not None else ", which was asked for")
        trusted = asked or next((each for each in reversed(self._lineage) if self._known(each) is not None), None)
        if trusted is not None:
            whose = "was asked for" if asked is not None else f"is known here as {self._known(trusted)}"
            return "held", f"signed by {called}; key {key_id(trusted)}, which {whose}, signed {self._led(trusted)}"
        return "noted", f"signed by key {id}, which is not known here: have its owner tell you the key, and give --key"

    def _led(self, trusted: bytes) -> str:
        """What an earlier key of the node signed that leads to the one that signed the capsule."""
        assert self._found is not None
        steps = self._found.rotations[self._lineage.index(trusted) :]
        return ", and that one ".join(
            f"at {iso8601(each.at)} that {key_id(each.after)} takes its place" for each in steps
        )

    def _statement(self) -> Statement:
        if self._read_manifest().signed:
            return form.open_envelope(self._content(form.ENVELOPE))[0]
        return form.open_statement(self._content(form.STATEMENT))

    def _digests(self) -> Said:
        manifest, statement = self._read_manifest(), self._statement()
        last = form.ENVELOPE if manifest.signed else form.STATEMENT
        for name, member in self._members.items():
            if name == last:
                continue
            if name not in statement.subjects:
                raise EvidenceDamaged(f"{name} is not among what was signed")
            if statement.subjects[name] != member.sha256:
                raise EvidenceDamaged(f"{name} is not what was signed: its SHA-256 is another")
        if missing := [name for name in statement.subjects if name not in self._members]:
            raise EvidenceDamaged(f"{missing[0]} was signed and is missing")
        if statement != form.statement_of(manifest, statement.subjects):
            raise EvidenceDamaged("the manifest is about another run than what was signed")
        return "held", f"the SHA-256 of {len(statement.subjects)} members"

    def _workflow(self) -> Said:
        manifest = self._read_manifest()
        found = [
            (segment.last, read_program(self._source, self._members, segment, self._limits))
            for segment in manifest.segments
        ]
        last = found[-1][1]
        if (last.namespace, last.name, last.version) != (manifest.namespace, manifest.name, manifest.version):
            raise EvidenceDamaged("the workflow's name is not the one in the manifest")
        self._programs = found
        count = len(found)
        return "held", f"{count} document{'s' * (count != 1)} with the recorded digest{'s' * (count != 1)}"

    # ------------------------------------------------------------ what it tells

    def _records(self) -> Said:
        """Before the events, which are compared with them as they pass."""
        manifest, audit = self._read_manifest(), Vouching()
        member = self._members.get(form.AUDIT)
        if member is None:
            raise EvidenceDamaged(f"{form.AUDIT} is missing")
        audit.read(lines(self._source, member, MOST), manifest.run, manifest.size, manifest.root, manifest.events)
        self._audit = audit
        if not audit.records:
            return "noted", "no record of the audit log is about this run"
        root = manifest.root.hex()[:16]
        return "held", f"{_counted(audit.records, 'record')} in the log of {manifest.size:,} with root {root}…"

    def _checkpoint(self) -> Said:
        manifest = self._read_manifest()
        if form.CHECKPOINT not in self._members:
            return "noted", "no checkpoint covers the records: only who signed the capsule vouches for the log's root"
        note = read_checkpoint(self._content(form.CHECKPOINT).decode())
        found = note.checkpoint
        if (found.size, found.root) != (manifest.size, manifest.root):
            raise EvidenceDamaged("the checkpoint has another size or root than the records were proved with")
        public = self._found.node if self._found is not None else None
        candidates = list(self._lineage) if public is not None else list(self._keys)
        if not candidates:
            return "noted", f"checkpoint of {found.origin} at {found.size:,} records: its signer's key is not here"
        if not any(is_signed_by(note, each) for each in candidates):
            raise EvidenceDamaged(f"the checkpoint of {found.origin} is not signed by the key it names")
        of = "the node's key" if public is None or is_signed_by(note, public) else "a key that the node had before"
        return "held", f"{found.origin} at {_counted(found.size, 'record')}, signed by {of}"

    def _chain(self) -> Said:
        manifest, trail = self._read_manifest(), Trail()
        audit = self._audit or Vouching()
        before, count = GENESIS, 0
        ends = [0, *(segment.last for segment in manifest.segments)]
        begins = {end + 1: segment.run for end, segment in zip(ends, manifest.segments, strict=False)}
        for number, line in enumerate(lines(self._source, self._member(form.EVENTS), MOST), 1):
            try:
                event, mark, text = form.read_event(line, number)
            except EvidenceDamaged:
                self._flaw = Flaw(number, None, "")
                raise
            before = sha256(before + text).digest()
            if before != mark:
                self._flaw = Flaw(number, event.task, "")
                raise EvidenceDamaged(
                    f"event {number} ({event.type}) does not match its recorded digest: it was altered"
                )
            audit.note(event, before, trail.note(event))
            count = number
            if number in begins and begins[number] != (event.data or {}).get("run"):
                raise EvidenceDamaged(f"the manifest says that event {number} begins run {begins[number]}; it does not")
        if count != manifest.events:
            missing = manifest.events - count
            what = f"{missing} events are missing after" if missing > 0 else f"{-missing} events too many after"
            raise EvidenceDamaged(f"{what} event {min(count, manifest.events)}")
        if before.hex() != manifest.digest:
            raise EvidenceDamaged("the digest of the last event is not the one in the manifest")
        self._events, self._digest, self._trail = count, before.hex(), trail
        return "held", f"{count:,} events, each with its digest; the last is {manifest.digest}"

    def _member(self, name: str) -> Member:
        if name not in self._members:
            raise EvidenceDamaged(f"{name} is missing")
        return self._members[name]

    def _replay(self) -> Said:
        manifest = self._read_manifest()
        if self._programs is None:
            raise _Unchecked("the workflow can't be had")
        programs = [*self._programs[:-1], (_WHOLE, self._programs[-1][1])]
        recorded = read_events(self._source, self._members)
        found = prove(manifest.run, programs, recorded, manifest.events, self._evaluator, self._clock, self._progress)
        self._replayed = found
        if not found.ok:
            raise EvidenceDamaged(found.message)
        return "held", f"the facts lead to every one of these events again, in {found.seconds:.2f} s"

    def _followed(self) -> Trail:
        if self._trail is None:
            raise _Unchecked("the events can't be followed to their end")
        return self._trail

    def _decisions(self) -> Said:
        trail = self._followed()
        present = {found[1] for name in self._members if (found := form.POLICY.match(name))}
        for digest in sorted(present):
            if sha256(self._content(form.policy_name(digest))).hexdigest() != digest:
                raise EvidenceDamaged(f"{form.policy_name(digest)} is not the policies with that digest")
        if beyond := sorted(present - trail.policies):
            raise EvidenceDamaged(f"{form.policy_name(beyond[0])} decided nothing in this run")
        if not trail.decided and trail.undecided:
            return "noted", "no decision of policy is recorded: the run is older than policies are"
        self._fail(trail.undecided)
        performed = _counted(trail.performed, "outcome")
        said = f"{_counted(trail.decided, 'decision')}; {performed} of effects, each allowed before"
        if missing := sorted(trail.policies - present):
            return "noted", f"{said}; the text of policies {missing[0][:16]}… is not in the capsule"
        return "held", said

    def _approvals(self) -> Said:
        trail = self._followed()
        if self._found is None:
            raise _Unchecked("the reviewers' keys can't be had")
        given: dict[tuple[str, str], bytes] = {}
        for line in lines(self._source, self._member(form.APPROVALS), MOST):
            signed = form.read_approval(line)
            publics = {public for (id, _), public in self._found.reviewers.items() if id == signed.key_id}
            if not publics:
                raise EvidenceDamaged(f"an approval is signed by key {signed.key_id}, which is not in the capsule")
            approval = check(signed, publics.pop())
            if (signed.key_id, approval.reviewer) not in self._found.reviewers:
                raise EvidenceDamaged(f"key {signed.key_id} is not that of {approval.reviewer}")
            gate = trail.gates.get(approval.gate)
            if gate is None or gate.action != blank(approval):
                raise EvidenceDamaged(f"{approval.reviewer} signed about another action than that at {approval.gate}")
            if (approval.gate, approval.reviewer) in given:
                raise EvidenceDamaged(f"there are two approvals of {approval.reviewer} at gate {approval.gate}")
            given[approval.gate, approval.reviewer] = signed.signature
        self._fail(trail.unproved)
        for id, gate in trail.gates.items():
            for reviewer, (signed, _) in gate.recorded.items():
                if given.get((id, reviewer)) != signed.signature:
                    self._flaw = self._flaw or Flaw(gate.seq, gate.command.task, "")
                    raise EvidenceDamaged(f"what {reviewer} signed about gate {id} is missing or another")
        used = {(key_id(public), name) for gate in trail.gates.values() for name, (_, public) in gate.recorded.items()}
        if not used <= set(self._found.reviewers):
            raise EvidenceDamaged("a recorded verdict is signed by a key that is not in the capsule")
        outcomes = [gate.outcome or "open" for gate in trail.gates.values()]
        if not outcomes:
            return "held", "no gate held anything"
        counted = ", ".join(f"{outcomes.count(each)} {each}" for each in sorted(set(outcomes)))
        signatures = _counted(len(given), "signature")
        return "held", f"{_counted(len(outcomes), 'gate')} ({counted}); {signatures} over the exact actions"

    def _vouched(self) -> Said:
        self._followed()
        if self._audit is None:
            raise _Unchecked("the audit records can't be had")
        audit = self._audit
        self._fail(audit.flaws)
        if audit.first is None:
            return "noted", "no audit record vouches for an event of this run"
        whole = f"{_counted(audit.effects, 'outcome')} of effects, each with its record; "
        rest = self._events - audit.last
        tail = "" if not rest else f"; {_counted(rest, 'event')} after it under the capsule's signature alone"
        return "held", f"{whole}the log's last digest is that of event {audit.last:,}{tail}"


_STEPS: Final = {
    "form": Inspection._form,
    "signature": Inspection._signature,
    "members": Inspection._digests,
    "workflow": Inspection._workflow,
    "audit": Inspection._records,
    "checkpoint": Inspection._checkpoint,
    "events": Inspection._chain,
    "replay": Inspection._replay,
    "decisions": Inspection._decisions,
    "approvals": Inspection._approvals,
    "vouching": Inspection._vouched,
}


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
    """Verify a capsule. A file that is not in the form of one raises ArchiveError; all else is a verdict."""
    try:
        with file.open("rb") as source:
            binary = cast(BinaryIO, source)
            members = open_members(binary, file)
            return Inspection(binary, members, keys, known, evaluator, clock, progress, limits).verify()
    except OSError as wrong:
        raise ArchiveError(f"can't read the capsule: {wrong.strerror}", where=str(file)) from None
