"""Sub-workflows: `run: workflow` finds its document, gets a run of its own, and hands back its output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from reach_workbench.clock import Clock
from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED
from reach_workbench.engine.values import Json
from reach_workbench.errors import RunStateError
from reach_workbench.runner.child import child_id
from reach_workbench.runner.creating import NewRun
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.given_secrets import GivenSecrets
from reach_workbench.runner.host import Caller
from reach_workbench.runner.loading import compiled
from reach_workbench.runner.row import GOING_ON
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

_SUFFIXES: Final = (".yaml", ".yml", ".json")


WITH_ITS_CALLER: Final = "its caller was suspended"
"""The reason of a sub-workflow that was suspended with its caller, and goes on with it."""


class Runs(Protocol):
    """What is needed of the runner."""

    store: Store
    settings: Settings
    clock: Clock

    @property
    def closing(self) -> bool: ...

    async def start(self, new: NewRun, *, at_once: bool = False) -> Driver: ...

    async def go_on(
        self,
        record: RunRecord,
        *,
        secrets: Mapping[str, Json] | None = None,
        fact: Fact | None = None,
        at_once: bool = False,
    ) -> Driver: ...

    async def cancel(self, record: RunRecord, fact: Fact) -> None: ...

    async def until_committed(self, driver: Driver) -> None: ...

    def open_driver(self, run: str) -> Driver | None: ...

    def task(self, run: str) -> asyncio.Task[None] | None: ...

    def subscribe(self, listener: Callable[[str], None], run: str | None = None) -> Callable[[], None]: ...


class SubWorkflows:
    """The runs that others have started: exactly one for each `workflow.run`, whatever happened before."""

    def __init__(self, runs: Runs, secrets: GivenSecrets) -> None:
        self._runs = runs
        self._secrets = secrets
        self._families: dict[str, int] = {}
        self._errands: set[asyncio.Task[None]] = set()

    async def perform(self, parent: Caller, command: Command) -> Json:
        """Perform `workflow.run`. Waits for the child's end however long it takes: it may be held or suspended."""
        try:
            child = await self._run(parent, command)
        except RunStateError:
            if not self._runs.closing:
                raise
            # No outcome of the command: the driver is about to be stopped, and gives this up.
            return await asyncio.get_running_loop().create_future()
        if child is None:
            return None
        output = outcome_of(child)
        return None if command.arguments["return"] == "none" else output

    async def _run(self, parent: Caller, command: Command) -> RunRecord | None:
        """The ended child; None when nobody waits for its end."""
        process, awaited = command.arguments["process"], command.arguments["await"]
        run = child_id(command.id)
        read = self._runs.store.read
        try:
            if read.has_run(run):
                record = read.run(run)
                if (record.parent, record.parent_command) != (parent.run, command.number):
                    raise Fault("configuration", f"run {run} was not started by this task", code="sub-workflow-foreign")
                await self._take_up(parent, record)
            else:
                self._bound_family(parent.run)
                program, file = find_program(self._runs.store, parent.base, process)
                await self._start(parent, command.number, program, run, process.get("input", {}), file, awaited)
            child = await self._ended(run) if awaited else None
        except Exception:
            parent.children.pop(command.number, None)
            raise
        parent.children.pop(command.number, None)
        return child

    async def _start(
        self, parent: Caller, command: int, program: Program, run: str, input: Json, file: Path | None, awaited: bool
    ) -> None:
        """Start the child; returns once it is durable."""
        new = NewRun(
            run=run,
            program=program,
            input=input,
            file=file,
            base=file.parent if file is not None else parent.base,
            secrets=self._secrets.of(parent.run),
            parent=(parent.run, command),
            requester=parent.state.created.get("requester"),
            may=parent.state.created.get("may"),
        )
        await self._runs.until_committed(await self._runs.start(new, at_once=awaited))

    async def _take_up(self, parent: Caller, record: RunRecord) -> None:
        """Go on with a child that exists, unless a person has stopped it or it has ended."""
        secrets = self._secrets.of(parent.run)
        waits_for_us = (record.waiting or {}).get("suspended") == WITH_ITS_CALLER
        lacked_secrets = bool(record.secrets) and record.id not in self._secrets
        driver = self._runs.open_driver(record.id)
        if driver is not None:
            driver.exempt()
        elif record.status in GOING_ON:
            await self._runs.go_on(record, secrets=secrets, at_once=True)
        elif record.status == "suspended" and (waits_for_us or lacked_secrets):
            fact = Fact("workflow.resumed", self._runs.clock.now(), {})
            await self._runs.go_on(record, secrets=secrets, fact=fact, at_once=True)

    def _bound_family(self, run: str) -> None:
        """Workflows that run each other without end cost an error, not the machine."""
        limits, read = self._runs.settings.limits, self._runs.store.read
        root, depth = run, 0
        while (parent := read.run(root).parent) is not None:
            root = parent
            depth += 1
        if depth >= limits.workflow_depth:
            raise _limit("workflow_depth", f"more than {limits.workflow_depth} workflows run inside each other")
        if root not in self._families:
            self._families[root] = read.descendants(root)
        self._families[root] += 1
        if self._families[root] > limits.sub_workflows:
            raise _limit("sub_workflows", f"run {root} has started {limits.sub_workflows:,} others")

    async def _ended(self, run: str) -> RunRecord:
        """The run once it has ended."""
        changed = asyncio.Event()
        forget = self._runs.subscribe(lambda _: changed.set(), run)
        try:
            while True:
                task = self._runs.task(run)
                if task is not None:
                    await asyncio.wait([task])
                record = self._runs.store.read.run(run)
                if record.status in ENDED:
                    return record
                if self._runs.task(run) is None:
                    await changed.wait()
                changed.clear()
        finally:
            forget()

    def stop(self, run: str, *, for_good: bool) -> None:
        """The caller no longer waits for this run: cancel it, or suspend it until the caller goes on."""
        now = self._runs.clock.now()
        if for_good:
            fact = Fact("workflow.cancel-requested", now, {"reason": "its caller no longer waits for it"})
        else:
            fact = Fact("workflow.suspended", now, {"reason": WITH_ITS_CALLER})
        driver = self._runs.open_driver(run)
        if driver is not None:
            driver.tell(fact)
        elif for_good and self._runs.store.read.has_run(run):
            self._errand(self._end(self._runs.store.read.run(run), fact))

    async def _end(self, record: RunRecord, fact: Fact) -> None:
        if record.status not in ENDED and not self._runs.closing:
            await self._runs.cancel(record, fact)

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else, but before the node stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def finish(self) -> None:
        """Until what was to be ended has been told so."""
        if self._errands:
            await asyncio.wait(self._errands)


def _limit(setting: str, what: str) -> Fault:
    return Fault("runtime", f"{what}; the limit is the setting limits.{setting}", code="limit", title="Limit reached")


def find_program(store: Store, base: Path, process: dict[str, Json]) -> tuple[Program, Path | None]:
    """The program named by namespace, name and version: among the files beside the caller, then those added.

    `latest` takes the highest version. Raises Fault("configuration") when there is none.
    """
    namespace, name, version = process["namespace"], process["name"], process["version"]
    beside = _beside(base, namespace, name, version)
    if beside is not None:
        text = beside.read_text("utf-8")
        return _program(text, beside), beside
    record = store.read.find_workflow(namespace, name, version)
    if record is not None:
        return _program(record.source, Path(record.file or f"{name}.yaml")), None
    raise Fault(
        "configuration",
        f"no workflow {namespace}/{name}:{version} beside the calling document, and none was added: "
        "put its file there, or run `reach add FILE`",
        code="workflow-unknown",
    )


def _program(text: str, file: Path) -> Program:
    from reach_workbench.errors import CompileError

    try:
        return compiled(text, str(file))
    except CompileError as wrong:
        first = wrong.diagnostics[0] if wrong.diagnostics else wrong.message
        raise Fault("configuration", f"the sub-workflow does not compile: {first}", code="compile-failed") from None


def _beside(base: Path, namespace: str, name: str, version: str) -> Path | None:
    """The file in `base` that documents this workflow; files that do not mention the name are not parsed."""
    from reach_workbench.engine.document import load_plain

    best: tuple[tuple[int, ...], Path] | None = None
    for file in sorted(base.iterdir()) if base.is_dir() else ():
        if file.suffix not in _SUFFIXES or not file.is_file():
            continue
        try:
            text = file.read_text("utf-8", errors="replace")
            if name not in text or "namespace" not in text:
                continue
            document = load_plain(text)["document"]
            if document["namespace"] != namespace or document["name"] != name:
                continue
            found = str(document["version"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if found == version:
            return file
        if version == "latest" and (best is None or order(found) > best[0]):
            best = (order(found), file)
    return best[1] if best is not None else None


def order(version: str) -> tuple[int, ...]:
    """A key that sorts semantic versions; a pre-release comes before its release."""
    core, _, pre = version.partition("+")[0].partition("-")
    numbers = tuple(int(part) if part.isdigit() else 0 for part in core.split("."))
    return (*numbers, 0 if pre else 1)


def outcome_of(child: RunRecord) -> Json:
    """What the calling task gets of its ended child."""
    if child.status == "completed":
        return child.output
    if child.status == "faulted":
        error = dict(child.error or {})
        raise Fault(
            error.get("type", "runtime"),
            error.get("detail") or f"the sub-workflow {child.id} faulted",
            status=error.get("status"),
            title=error.get("title"),
            code=error.get("code"),
        )
    raise Fault("runtime", f"the sub-workflow {child.id} ended as {child.status}", code="sub-workflow-" + child.status)
