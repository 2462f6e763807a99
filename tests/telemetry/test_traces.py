"""A run is a span, and each of its tasks one inside it, with the times that were recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reach_workbench.node.local import LocalNode
from reach_workbench.node.reporting import Reporter
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load
from reach_workbench.telemetry.traces import Happened, Tracer, asked
from tests import unheld

BODY = """\
document: { dsl: '1.0.3', namespace: tests, name: traced, version: '1.0.0' }
do:
  - outer:
      do:
        - inner: { wait: { milliseconds: 20 } }
  - guard:
      try:
        - fail: { raise: { error: { type: 'https://example.com/e', status: 500, title: Broken } } }
      catch: { do: [ { mend: { set: { ok: true } } } ] }
"""


def traced(tmp_path: Path, body: str) -> tuple[dict, list]:
    target = InMemorySpanExporter()
    events = []

    async def go() -> None:
        node = await LocalNode.open(load(tmp_path / "home", unheld.VARIABLES))
        reporter = Reporter(node, Tracer(SimpleSpanProcessor(target)))
        try:
            run = await node.start(StartRun(body, Path("traced.yaml")))
            await node.wait(run.id)
            events.extend([event async for event in node.events(run.id)])
        finally:
            reporter.close()
            await node.close()

    asyncio.run(go())
    return {span.name: span for span in target.get_finished_spans()}, events


def test_spans_stand_in_each_other_as_tasks_do(tmp_path):
    spans, events = traced(tmp_path, BODY)
    root = spans["tests/traced:1.0.0"]
    assert set(spans) == {root.name, "outer", "inner", "guard", "fail", "mend"}
    assert root.parent is None
    around = {"outer": root, "inner": spans["outer"], "guard": root, "fail": spans["guard"], "mend": spans["guard"]}
    for name, parent in around.items():
        assert spans[name].parent.span_id == parent.context.span_id
        assert spans[name].context.trace_id == root.context.trace_id
    assert spans["inner"].attributes["reach.task"] == "/do/0/outer/do/0/inner"
    assert spans["inner"].attributes["reach.kind"] == "wait"
    assert spans["inner"].end_time - spans["inner"].start_time >= 20_000_000
    assert (root.start_time, root.end_time) == (events[0].at * 1_000_000, events[-1].at * 1_000_000)


def test_what_failed_says_so(tmp_path):
    spans, _ = traced(tmp_path, BODY)
    assert (spans["fail"].status.is_ok, spans["fail"].status.description) == (False, "Broken")
    assert spans["guard"].status.is_ok
    assert [event.name for event in spans["guard"].events] == ["task.caught"]


def test_a_run_that_is_met_in_the_middle_has_spans_from_there_on():
    target = InMemorySpanExporter()
    tracer = Tracer(SimpleSpanProcessor(target))
    tracer.follow("r", "w", [Happened(9, "timer.fired", 5, "/do/0/a", 4), Happened(10, "task.completed", 6, None, 4)])
    tracer.follow(
        "r", "w", [Happened(11, "workflow.completed", 7, None, 0), Happened(12, "workflow.completed", 8, None, 0)]
    )
    tracer.close()
    (span,) = target.get_finished_spans()
    assert (span.name, span.start_time, span.end_time) == ("w", 5_000_000, 7_000_000)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
    ],
)
def test_the_environment_asks_for_traces(variables, wanted):
    assert asked(variables) is wanted
