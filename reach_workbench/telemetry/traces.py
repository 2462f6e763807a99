"""Traces of runs for OpenTelemetry: a span for each run, and inside it one for each task.

Spans are derived from committed events and carry their times, so that tracing costs a run nothing and
a span says what was recorded. Only with the extra `otel`, and when an `OTEL_*` variable asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

ASKS: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)
"""A variable of these that is set, and does not say `none`, asks for traces."""

_ENDED: Final = frozenset({"task.completed", "task.faulted", "task.cancelled"})
_OVER: Final = frozenset({"workflow.completed", "workflow.faulted", "workflow.cancelled"})


def asked(variables: Mapping[str, str] | None = None) -> bool:
    """Whether the environment asks for traces."""
    found = os.environ if variables is None else variables
    return any(found.get(name, "none").lower() not in ("", "none") for name in ASKS)


def exporter() -> Any:
    """Where spans go: over OTLP, or to standard output with `OTEL_TRACES_EXPORTER=console`; None without the extra."""
    try:
        if os.environ.get("OTEL_TRACES_EXPORTER", "").lower() == "console":
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter

            return ConsoleSpanExporter()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
            OTLPSpanExporter,
        )

        return OTLPSpanExporter()
    except ImportError:
        return None


class Happened(NamedTuple):
    """What a trace takes of an event. `at` in milliseconds since 1970; `error` when it says what went wrong."""

    seq: int
    type: str
    at: int
    task: str | None
    frame: int
    kind: str | None = None
    error: Mapping[str, Any] | None = None


class Tracer:
    """Turns the events of runs into spans. `processor` is one of the SDK's span processors."""

    def __init__(self, processor: Any, *, version: str = "") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self._provider = TracerProvider(resource=Resource.create({"service.name": "reach", "service.version": version}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("reach_workbench")
        self._runs: dict[str, dict[int, Any]] = {}

    def follow(self, run: str, workflow: str, events: list[Happened]) -> None:
        """A run has committed these events."""
        for event in events:
            self._event(run, workflow, event)

    def close(self) -> None:
        """Hand out what is left. Spans that have not ended are not told: their runs go on with another node."""
        self._provider.shutdown()

    def _event(self, run: str, workflow: str, event: Happened) -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context

        at = event.at * 1_000_000
        spans = self._runs.get(run)
        if spans is None:
            if event.type in _OVER:
                return
            ids = {"reach.run": run, "reach.workflow": workflow}
            root = self._tracer.start_span(workflow, start_time=at, attributes=ids, context=Context())
            spans = self._runs[run] = {0: root}
        if event.type == "task.started":
            around = trace.set_span_in_context(spans.get(event.frame, spans[0]), Context())
            told: dict[str, str | int] = {"reach.run": run, "reach.task": event.task or "", "reach.seq": event.seq}
            if event.kind is not None:
                told["reach.kind"] = event.kind
            name = (event.task or "").rsplit("/", 1)[-1] or "task"
            spans[event.seq] = self._tracer.start_span(name, context=around, start_time=at, attributes=told)
        elif event.type in _ENDED and event.frame in spans and event.frame:
            self._end(spans.pop(event.frame), event)
        elif event.type in _OVER:
            for number in sorted(spans, reverse=True):
                self._end(spans[number], event if number == 0 else event._replace(error=None))
            del self._runs[run]
        elif event.frame in spans and event.type in ("task.retried", "task.caught", "command.in-doubt"):
            spans[event.frame].add_event(event.type, timestamp=at)

    def _end(self, span: Any, event: Happened) -> None:
        from opentelemetry.trace import Status, StatusCode

        if event.error is not None:
            span.set_status(Status(StatusCode.ERROR, str(event.error.get("title") or event.error.get("type") or "")))
        span.set_attribute("reach.outcome", event.type.rpartition(".")[2])
        span.end(end_time=event.at * 1_000_000)
