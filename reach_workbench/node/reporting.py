"""What a serving node tells those who look after it: its log, and traces when they are asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from reach_workbench import __version__
from reach_workbench.engine.events import Event
from reach_workbench.engine.state import State
from reach_workbench.errors import BadInput, ReachError
from reach_workbench.node.local import LocalNode
from reach_workbench.telemetry.logs import LEVELS, Bridge, Level, Log, bound
from reach_workbench.telemetry.redaction import Redactor
from reach_workbench.telemetry.traces import Happened, Tracer, asked, exporter

LOG: Final = "node.log"

_TOLD: Final[dict[str, Level]] = {
    "workflow.created": "info",
    "workflow.forked": "info",
    "workflow.suspended": "info",
    "workflow.resumed": "info",
    "workflow.cancelled": "info",
    "workflow.completed": "info",
    "workflow.faulted": "warning",
    "task.faulted": "warning",
    "task.retried": "warning",
    "command.in-doubt": "warning",
    "expression.overran": "warning",
    "limit.reached": "warning",
}
"""Events that are told at more than `debug`."""

_SHOWN: Final = ("type", "status", "title", "detail")
"""What is told of an error. Values of runs never are."""


@contextmanager
def reported(node: LocalNode) -> Iterator[Reporter]:
    """Log what the node does, and trace its runs, as the settings and the environment ask."""
    reporter = Reporter(node)
    try:
        yield reporter
    finally:
        reporter.close()


class Reporter:
    """Follows a node. `request` is what the HTTP API calls after each answer."""

    def __init__(self, node: LocalNode, tracer: Tracer | None = None) -> None:
        settings = node.settings.telemetry
        level = settings.log_level or "info"
        if level not in LEVELS:
            raise BadInput(f"no level of logs: {level!r}", where="telemetry.log_level", hint="use " + ", ".join(LEVELS))
        file = None if settings.log_file == "-" else Path(settings.log_file or node.settings.home / LOG)
        redactor = Redactor()
        try:
            self.log = Log(file, level, node.clock.now, redactor)
        except OSError as wrong:
            message = f"can't write the log: {wrong.strerror}"
            raise BadInput(message, where=str(file), hint="set telemetry.log_file to another file") from None
        self._tracer = tracer or _tracer()
        self._figures = node.store.figures
        self._bridge = Bridge(self.log)
        self._failed: dict[str, ReachError] = {}
        self._runner = node.runner
        self._stop: list[Callable[[], None]] = [
            node.runner.observe(self._events),
            node.runner.teach(redactor.learn),
            node.runner.subscribe(self._changed),
        ]
        logging.getLogger().addHandler(self._bridge)
        self.log.write("info", "node.started", home=str(node.settings.home), version=__version__)

    def close(self) -> None:
        for stop in self._stop:
            stop()
        self.log.write("info", "node.stopped")
        logging.getLogger().removeHandler(self._bridge)
        if self._tracer is not None:
            self._tracer.close()
        self.log.close()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """The API has answered."""
        self._runner.turns.asked()
        self._figures.request(method, route, status, seconds)
        level: Level = "error" if status >= 500 else "debug"
        self.log.write(level, "request", method=method, route=route, status=status, ms=round(seconds * 1000, 3))

    def _events(self, state: State, events: list[Event]) -> None:
        program = state.program
        workflow = f"{program.namespace}/{program.name}:{program.version}"
        if self._tracer is not None:
            try:
                self._tracer.follow(state.run, workflow, [_happened(state, event) for event in events])
            except Exception as wrong:  # a library of others must not stop a run
                self._tracer = None
                self.log.write("error", "traces.stopped", cause=repr(wrong))
        if self.log.level > LEVELS["warning"]:
            return
        for event in events:
            level = _TOLD.get(event.type, "debug")
            if LEVELS[level] < self.log.level:
                continue
            with bound(run=state.run, job=state.run, task=event.task):
                self.log.write(level, event.type, seq=event.seq, workflow=workflow, **_details(event))

    def _changed(self, run: str) -> None:
        """Tell what keeps a run from going on, once."""
        failure = self._runner.failures.get(run)
        if failure is None:
            self._failed.pop(run, None)
        elif self._failed.get(run) is not failure:
            self._failed[run] = failure
            cause = repr(failure.__cause__) if failure.__cause__ is not None else None
            with bound(run=run, job=run):
                self.log.write("error", "run.hindered", code=failure.code, message=failure.message, cause=cause)


def _details(event: Event) -> dict[str, Any]:
    data = event.data or {}
    told: dict[str, Any] = {name: data[name] for name in ("attempt", "limit", "setting", "kind") if name in data}
    error = data.get("error")
    if isinstance(error, dict):
        told["error"] = {name: error[name] for name in _SHOWN if name in error}
    return told


def _happened(state: State, event: Event) -> Happened:
    error = (event.data or {}).get("error")
    task = state.program.tasks.get(event.task) if event.task is not None else None
    failed = isinstance(error, dict) and event.type.endswith(".faulted")
    kind = task.kind if task is not None else None
    return Happened(event.seq, event.type, event.at, event.task, event.frame, kind, error if failed else None)


def _tracer() -> Tracer | None:
    target = exporter() if asked() else None
    if target is None:
        return None
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return Tracer(BatchSpanProcessor(target), version=__version__)
