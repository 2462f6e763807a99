"""Sub-workflows: `run: workflow` finds its document, gets a run of its own, and hands back its output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED
from reach_workbench.engine.values import Json
from reach_workbench.runner.child import child_id
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.loading import compiled
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

_SUFFIXES: Final = (".yaml", ".yml", ".json")


class Parent(Protocol):
    """What is needed of the runner."""

    store: Store
    settings: Settings
    families: dict[str, int]

    async def start_child(
        self, parent: Driver, command: int, program: Program, run: str, input: Json, file: Path | None, awaited: bool
    ) -> None: ...

    async def take_up_child(self, parent: Driver, record: RunRecord) -> None: ...

    def task(self, run: str) -> asyncio.Task[None] | None: ...

    def subscribe(self, listener: Callable[[str], None], run: str | None = None) -> Callable[[], None]: ...


async def run_workflow(runner: Parent, parent: Driver, command: Command) -> Json:
    """Perform `workflow.run`: exactly one child for each command, whatever happened before.

    Waits for the child's end however long it takes: it may be held or suspended meanwhile.
    """
    process, awaited = command.arguments["process"], command.arguments["await"]
    run = child_id(command.id)
    try:
        if runner.store.read.has_run(run):
            await runner.take_up_child(parent, runner.store.read.run(run))
        else:
            _bound_family(runner, parent.run)
            program, file = find_program(runner.store, parent.base, process)
            await runner.start_child(parent, command.number, program, run, process.get("input", {}), file, awaited)
        if not awaited:
            return None
        child = await _ended(runner, run)
    except Exception:
        parent.children.pop(command.number, None)
        raise
    parent.children.pop(command.number, None)
    output = outcome_of(child)
    return None if command.arguments["return"] == "none" else output


def _bound_family(runner: Parent, run: str) -> None:
    """Workflows that run each other without end cost an error, not the machine."""
    limits = runner.settings.limits
    root, depth = run, 0
    while (parent := runner.store.read.run(root).parent) is not None:
        root = parent
        depth += 1
    if depth >= limits.workflow_depth:
        raise _limit("workflow_depth", f"more than {limits.workflow_depth} workflows run inside each other")
    if root not in runner.families:
        runner.families[root] = runner.store.read.descendants(root)
    runner.families[root] += 1
    if runner.families[root] > limits.sub_workflows:
        raise _limit("sub_workflows", f"run {root} has started {limits.sub_workflows:,} others")


def _limit(setting: str, what: str) -> Fault:
    return Fault("runtime", f"{what}; the limit is the setting limits.{setting}", code="limit", title="Limit reached")


async def _ended(runner: Parent, run: str) -> RunRecord:
    """The run once it has ended."""
    changed = asyncio.Event()
    forget = runner.subscribe(lambda _: changed.set(), run)
    try:
        while True:
            task = runner.task(run)
            if task is not None:
                await asyncio.wait([task])
            record = runner.store.read.run(run)
            if record.status in ENDED:
                return record
            if runner.task(run) is None:
                await changed.wait()
            changed.clear()
    finally:
        forget()


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
