"""What a node says about itself: who it is, how it fares, what its queue holds (`protocol.system`)."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from reach_workbench import __version__
from reach_workbench.clock import Clock
from reach_workbench.engine.state import ENDED
from reach_workbench.errors import NotFound
from reach_workbench.protocol.authoring import WorkflowView
from reach_workbench.protocol.node_views import RunView
from reach_workbench.protocol.system import OLDEST, PROTOCOL, JobState, JobView, NodeInfo, Vitals
from reach_workbench.runner.leases import JOB, NEVER
from reach_workbench.runner.runner import Runner
from reach_workbench.settings import Settings
from reach_workbench.storage.records import JobRecord
from reach_workbench.storage.store import Store
from reach_workbench.telemetry.metrics import render

_GAP: Final = 0.3
"""Seconds between two views of a run that keeps changing."""

_LOOK: Final = 0.3
"""Seconds between two looks at what another process has written."""

_NEWEST: Final = 200
"""Runs compared at each look."""


def info(settings: Settings, store: Store, started_at: int) -> NodeInfo:
    """Who answers. The id names the home on its machine: it stays when the process changes."""
    home = str(settings.home.resolve())
    machine = platform.node() or "localhost"
    tenants = store.read.tenants()
    return NodeInfo(
        id=sha256(f"{machine}\0{home}".encode()).hexdigest()[:16],
        name=machine,
        version=__version__,
        protocol=PROTOCOL,
        oldest=OLDEST,
        tenant=tenants[0].name if tenants else "local",
        home=home,
        pid=os.getpid(),
        started_at=started_at,
    )


def vitals(store: Store, clock: Clock) -> Vitals:
    runs, jobs, figures = store.read.run_counts(), store.read.job_counts(), store.figures
    return Vitals(
        at=clock.now(),
        active=runs.get("pending", 0) + runs.get("running", 0),
        held=runs.get("held", 0),
        waiting=runs.get("waiting", 0),
        queued=jobs.get("queued", 0),
        leased=jobs.get("leased", 0),
        dead=jobs.get("dead_letter", 0),
        steps=figures.steps,
        commits=figures.commits.count,
        errors=figures.errors,
        leases_lost=figures.leases_lost,
        commit_ms=figures.commits.mean * 1000,
        request_ms=figures.request_mean.mean * 1000,
        memory_mb=_resident() / 1024 / 1024,
    )


def metrics(store: Store) -> str:
    """The figures of a node for Prometheus."""
    gauges = {
        "runs": {status: float(count) for status, count in store.read.run_counts().items()},
        "jobs": {status: float(count) for status, count in store.read.job_counts().items()},
        "process": {"resident_bytes": float(_resident())},
    }
    return render(store.figures, gauges)


def _resident() -> int:
    """The memory of this process in bytes; its peak where the system tells no more."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if platform.system() == "Darwin" else peak * 1024


async def activity(runner: Runner, view: Callable[[str], RunView]) -> AsyncIterator[RunView]:
    """Views of the runs that this process drives, as they change."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    pending: dict[str, None] = {}
    told: dict[str, float] = {}

    def note(run: str) -> None:
        pending[run] = None
        changed.set()

    forget = runner.subscribe(note)
    try:
        while True:
            now = loop.time()
            told = {run: at for run, at in told.items() if at > now - _GAP}
            for run in [run for run in pending if run not in told]:
                del pending[run]
                told[run] = now
                try:
                    shown = view(run)
                except NotFound:
                    continue  # announced before its first commit
                yield shown
            changed.clear()
            soonest = min((told[run] + _GAP for run in pending if run in told), default=None)
            if any(run not in told for run in pending):
                continue
            try:
                async with asyncio.timeout_at(soonest):  # wait_for loses a cancellation up to Python 3.11
                    await changed.wait()
            except TimeoutError:
                continue
    finally:
        forget()


async def activity_elsewhere(store: Store, view: Callable[[str], RunView]) -> AsyncIterator[RunView]:
    """Views of the newest runs as another process changes them."""
    known = {record.id: (record.seq, record.status) for record in store.read.runs(limit=_NEWEST)}
    version = store.read.data_version()
    while True:
        await asyncio.sleep(_LOOK)
        if (seen := store.read.data_version()) == version:
            continue
        version = seen
        for record in reversed(store.read.runs(limit=_NEWEST)):
            if known.get(record.id) != (record.seq, record.status):
                known[record.id] = (record.seq, record.status)
                yield view(record.id)


def jobs(store: Store, status: JobState | None, limit: int, before: str | None) -> list[JobView]:
    return [_job(record) for record in store.read.newest_jobs(status=status, before=before, limit=limit)]


def _job(record: JobRecord) -> JobView:
    due = record.next_run_at if record.status in ("queued", "leased") and record.next_run_at < NEVER else None
    return JobView(
        id=record.id,
        run=record.run,
        kind=record.kind,
        status=record.status,
        priority=record.priority,
        attempts=record.attempts,
        max_attempts=record.max_attempts,
        next_run_at=due,
        created_at=record.created_at,
        completed_at=record.completed_at,
        error=record.error,
    )


async def requeue(runner: Runner, job: str) -> None:
    """Give a dead letter its attempts again; a run whose job it is goes on at once.

    Raises NotFound when it is none, RunStateError when the run needs secrets that nobody has given.
    """
    record = runner.store.read.job(job)
    if record.status != "dead_letter":
        raise NotFound(f"job {job} is {record.status}, no dead letter", hint="only dead letters can be tried again")
    run = None
    if record.kind == JOB and record.run is not None:
        run = runner.store.read.run(record.run)
    if run is None or run.status in ENDED:
        await runner.leases.queue.requeue(job)
        return
    driver = await runner.go_on(run)
    await runner.until_committed(driver)


def workflows(store: Store) -> list[WorkflowView]:
    return [
        WorkflowView(each.namespace, each.name, each.version, each.program, each.file, each.created_at)
        for each in store.read.workflows()
    ]
