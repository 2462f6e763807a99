"""Getting a run's state back from the store: the nearest snapshot, and the events after it."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reach_workbench.engine.events import Event
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.program import Program
from reach_workbench.engine.snapshot import from_text
from reach_workbench.engine.state import State, apply
from reach_workbench.errors import CompileError, NotFound
from reach_workbench.runner.passed import Passed
from reach_workbench.settings import Limits
from reach_workbench.storage.records import RunOrigin, RunRecord
from reach_workbench.storage.store import Store

if TYPE_CHECKING:
    from reach_workbench.engine.compile import Compilation
    from reach_workbench.engine.document import DocumentLimits


@lru_cache(maxsize=64)
def compile_text(source: str, file: str, limits: Limits) -> Compilation:
    """Compile a document within the limits of the settings; the same one again costs nothing."""
    from reach_workbench.engine.compile import compile_document

    return compile_document(source, file, limits=document_limits(limits))


def document_limits(limits: Limits) -> DocumentLimits:
    """The part of the settings that the compiler is told."""
    from reach_workbench.engine.document import DocumentLimits

    return DocumentLimits(
        document_bytes=limits.document_bytes,
        document_depth=limits.document_depth,
        document_nodes=limits.document_nodes,
        document_words=limits.document_words,
    )


_STORED: Final = Limits(document_bytes=1 << 30, document_nodes=1 << 30, document_words=1 << 30)
"""A stored document was within the limits when it was stored."""


@lru_cache(maxsize=64)
def compiled(source: str, file: str) -> Program:
    """The program of a stored document, which compiled when it was stored."""
    result = compile_text(source, file, _STORED)
    if result.program is None:
        raise CompileError(
            f"{file} no longer compiles with this version of the program",
            diagnostics=tuple(result.diagnostics),
            hint="run it with the version that started it, or fork it with a corrected document",
        )
    return result.program


def program_of(store: Store, digest: str) -> Program:
    record = store.read.program(digest)
    return compiled(record.source, record.file or "workflow.yaml")


def load_state(
    store: Store,
    run: RunRecord,
    at: int | None = None,
    origins: Origins | None = None,
    passed: Passed | None = None,
) -> State:
    """The state of a run after event `at` (the last one by default).

    A forked run's state before its fork is its ancestor's, with the ancestor's program. `origins`
    learns where the large values of the state were recorded. With `passed`, less is read and folded.
    """
    last = run.seq if at is None else at
    owner = run
    while owner.forked_from is not None and owner.forked_at is not None and last <= owner.forked_at:
        owner = store.read.run_by_key(owner.forked_from)
    program = program_of(store, owner.program)
    state = passed.before(owner.key, last) if passed is not None else None
    snapshot = store.read.snapshot(owner.key, last) if state is None else None
    if snapshot is not None and (owner.forked_at is None or snapshot.seq > owner.forked_at):
        state = from_text(program, snapshot.state, partial(recorded_event, store, owner.key), origins)
    if state is None:
        if owner.forked_from is not None and owner.forked_at is not None:
            ancestor = store.read.run_by_key(owner.forked_from)
            state = rebase(load_state(store, ancestor, owner.forked_at, origins), program)
        else:
            state = State(program)
    for chunk in store.read.chunks(owner.key, state.seq, last):
        for event in chunk.events:
            apply(state, event)
            if origins is not None:
                origins.note(event)
            if passed is not None:
                passed.note(owner.key, state)
    state.digest = store.read.digest_at(owner.key, last)
    return state


@lru_cache(maxsize=16)
def recorded_event(store: Store, key: int, seq: int) -> Event:
    """One recorded event of a run. The last few are kept: snapshots of a run tend to point to the same ones."""
    for chunk in store.read.chunks(key, seq - 1, seq):
        for event in chunk.events:
            return event
    raise NotFound(f"the run has no event {seq}")


def rebase(state: State, program: Program) -> State:
    """The same state under another program. Raises KeyError for a task that is gone."""
    from reach_workbench.engine.step import retask

    if state.program is program:
        return state
    moved = state.copy()
    moved.program = program
    retask(moved)
    return moved


def base_of(run: RunRecord | RunOrigin) -> Path:
    return run.base if run.base is not None else Path.cwd()
