"""What `reach doctor` looks at, and what it tells people to do."""

from __future__ import annotations

import platform
import shlex
import shutil
import sys
from collections.abc import Iterator
from typing import Final

from reach_workbench import __version__
from reach_workbench.clock import SystemClock
from reach_workbench.errors import PolicyInvalid, ReachError
from reach_workbench.protocol.node_views import Check
from reach_workbench.settings import Settings
from reach_workbench.storage import integrity
from reach_workbench.storage.store import Store

_NEEDED: Final = ("jq", "orjson", "rfc8785", "ruamel.yaml", "jsonschema-rs", "httpx", "sqlmodel", "alembic")
_TOOLS: Final = (
    ("node", "`run: script` in JavaScript", "install Node.js to run such tasks"),
    ("sh", "`run: shell`", "install a POSIX shell"),
    ("docker", "`run: container`", "install docker or podman to run such tasks"),
)
_LITTLE: Final = 200 * 1024 * 1024


def examine(settings: Settings, store: Store, unpinned: ReachError | None = None) -> tuple[Check, ...]:
    """Everything worth knowing about the installation and this home; reads the whole database.

    `unpinned` is what keeps the node from vouching for its audit log.
    """
    return (
        *_installation(),
        *_home(settings),
        *_store(settings),
        *_work(store),
        *_policies(settings, store),
        *_audit(store, unpinned),
        *_keys(settings),
    )


def _installation() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version  # 8 ms that only a check-up pays

    python = platform.python_version()
    recent = sys.version_info >= (3, 11)
    yield Check("python", recent, f"Python {python}, reach {__version__}", "" if recent else "use Python 3.11 or newer")
    missing = []
    for name in _NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    yield Check(
        "packages",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"{len(_NEEDED)} needed packages are installed",
        "run `make setup`" if missing else "",
    )
    for tool, what, hint in _TOOLS:
        found = shutil.which(tool) or (shutil.which("podman") if tool == "docker" else None)
        yield Check(
            tool, True, f"{found} for {what}" if found else f"not found; {what} will not run", "" if found else hint
        )


def _home(settings: Settings) -> Iterator[Check]:
    home = settings.home
    free = shutil.disk_usage(home).free
    yield Check(
        "home",
        free > _LITTLE,
        f"{home}, {free // 1024**2:,} MB free on its disk",
        "" if free > _LITTLE else "make room, or move the home with REACH_HOME",
    )


def _store(settings: Settings) -> Iterator[Check]:
    try:
        health = integrity.examine(settings)
    except ReachError as wrong:
        yield Check("store", False, wrong.message, wrong.hint or "")
        return
    if health is None:
        yield Check("store", True, "empty: nothing has been run in this home yet")
        return
    wrong_parts = [*health.problems, *health.orphans]
    message = (
        "; ".join(wrong_parts[:3])
        if wrong_parts
        else (f"sound: {health.counts.get('runs', 0)} runs, {health.file_bytes // 1024:,} KB, schema {health.revision}")
    )
    hint = "" if health.sound else "copy the folder away first; then export what can be read with `reach export`"
    yield Check("store", health.sound, message, hint)
    if health.holder is not None:
        yield Check("owner", True, f"process {health.holder} runs this home's node")


def _audit(store: Store, unpinned: ReachError | None) -> Iterator[Check]:
    """How far the audit log is vouched for; whether it holds takes `reach audit verify`."""
    try:
        head = store.read.audit_head()
    except ReachError as wrong:
        yield Check("audit", False, wrong.message, wrong.hint or "")
        return
    size, last = head.tree.size, store.read.audit_last()
    if size != last:
        message = f"the tree has {size:,} records, the last record is {last:,}"
        yield Check("audit", False, message, "`reach audit verify` tells what became of it")
        return
    records = "1 record" if size == 1 else f"{size:,} records"
    if unpinned is not None:
        message = f"{records}; no checkpoint can be made: {unpinned.message}"
        yield Check("audit", False, message, unpinned.hint or "")
    elif size and not head.pins:
        message = f"{records}, for which no checkpoint vouches"
        yield Check("audit", True, message, "a node that serves makes them: `reach serve`, or the workbench")
    else:
        vouched = f"; {head.pins:,} checkpoints vouch for the first {head.pinned:,}" if size else ""
        yield Check("audit", True, f"{records}{vouched}; `reach audit verify` checks them")


def _keys(settings: Settings) -> Iterator[Check]:
    """Who can read the files of keys, whether they are sound, and whether a move was cut off. Nothing is unlocked."""
    from reach_workbench.keys.ring import MOVING, NAMES, Ring
    from reach_workbench.keys.sealed import SEALED, SealedFile

    files = [file for name in (SEALED, MOVING, NAMES) if (file := settings.home / name).exists()]
    if not files:
        yield Check("keys", True, "none is kept yet")
        return
    moving = settings.home / MOVING
    if open_ones := [file for file in files if file.stat().st_mode & 0o077]:
        message = f"others may read {open_ones[0].name}, or change it"
        yield Check("keys", False, message, f"chmod 600 {shlex.quote(str(open_ones[0]))}")
    elif moving.exists():
        message = f"{moving.name}: a move between the keyring and the sealed file was cut off"
        yield Check("keys", False, message, "run `reach key move` again, to the place that it was to")
    else:
        clock = SystemClock()
        try:
            SealedFile(settings.home, clock, lambda: None).names()
            Ring(settings.home, clock, settings.keys.wait_seconds).names()
        except ReachError as wrong:
            yield Check("keys", False, f"{wrong.where}: {wrong.message}", wrong.hint or "")
            return
        yield Check("keys", True, f"kept in {'the keyring' if files[-1].name == NAMES else SEALED}")


def _policies(settings: Settings, store: Store) -> Iterator[Check]:
    from reach_workbench.runner.shelf import PolicyShelf

    shelf = PolicyShelf(settings, store, SystemClock())
    file = str(shelf.own_file) if shelf.own_file.exists() else "the built-in policy"
    try:
        count = len(shelf.in_force(settings.home).policies)
    except PolicyInvalid as wrong:
        message = f"{wrong.where}: {wrong.message}; there are no policies before it, so every action is denied"
        yield Check("policy", False, message, wrong.hint or "")
        return
    if shelf.problems:
        problem = shelf.problems[0]
        message = f"{problem.where}: {problem.message}; the policies before it stay in force"
        yield Check("policy", False, message, problem.hint or "`reach policy check` lists all problems")
    else:
        yield Check("policy", True, f"{count} policies in force, of {file}")


def _work(store: Store) -> Iterator[Check]:
    dead = [job.run or job.id for job in store.read.jobs(status="dead_letter")]
    yield Check(
        "jobs",
        not dead,
        f"{len(dead)} runs can't go on: {', '.join(dead[:5])}" if dead else "no dead letters",
        "`reach resume RUN` tries one again" if dead else "",
    )
    doubtful = [run for run in store.read.unfinished() if (run.waiting or {}).get("in_doubt")]
    yield Check(
        "effects",
        not doubtful,
        f"in doubt in {', '.join(run.id for run in doubtful[:5])}" if doubtful else "none in doubt",
        "`reach show RUN` tells how to decide them" if doubtful else "",
    )
