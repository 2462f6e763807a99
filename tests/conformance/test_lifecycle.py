"""dsl.md, Status Phases and Lifecycle Events: what phase a run is in, and who is told of its changes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from .harness import Bench, Live
from .service import Answer, Asked, Service

PREFIX = "io.serverlessworkflow."


# ---------------------------------------------------------------- status phases


def test_a_run_that_waits_is_waiting_and_one_that_ended_says_how(bench: Bench) -> None:
    assert bench.start("do: [ { w: { wait: PT1H } } ]").settle().status == "waiting"
    assert bench.start("do: [ { l: { listen: { to: { any: [] } } } } ]").settle().status == "waiting"
    assert bench.run("do: [ { a: { set: { n: 1 } } } ]").status == "completed"
    assert (
        bench.run("do: [ { a: { raise: { error: { type: https://example.com/x, status: 400 } } } } ]").status
        == "faulted"
    )


def test_a_cancelled_run_cancels_all_its_tasks_and_goes_no_further(bench: Bench) -> None:
    live = bench.start(
        "do: [ { f: { fork: { branches: [ { a: { wait: PT1H } }, { b: { do: [ { c: { listen: { to: { any: [] } } } } ] } } ] } } }, { never: { set: { n: 1 } } } ]"
    ).settle()
    result = live.cancel().finish()
    assert (result.status, result.output, result.error) == ("cancelled", None, None)
    assert [event.task.rpartition("/")[2] for event in result.of("task.cancelled") if event.task] == [
        "c",
        "b",
        "a",
        "f",
    ]
    assert result.types[-2:] == ["task.cancelled", "workflow.cancelled"]


def test_a_try_does_not_catch_a_cancellation(bench: Bench) -> None:
    live = bench.start(
        "do: [ { t: { try: [ { w: { wait: PT1H } } ], catch: { do: [ { c: { set: { n: 1 } } } ] } } } ]"
    ).settle()
    assert live.cancel().finish().status == "cancelled"


def test_a_suspended_run_halts_until_it_is_resumed(bench: Bench) -> None:
    live = bench.start("do: [ { w: { wait: PT1M } }, { a: { set: { n: 1 } } } ]").settle().suspend()
    live.pass_time(120_000)
    assert live.status == "suspended"
    result = live.resume().finish()
    assert result.output == {"n": 1}
    order = [
        each
        for each in result.types
        if each in ("workflow.suspended", "workflow.resumed", "timer.fired", "workflow.completed")
    ]
    assert order == ["workflow.suspended", "workflow.resumed", "timer.fired", "workflow.completed"]


def test_a_suspended_run_can_be_cancelled(bench: Bench) -> None:
    live = bench.start("do: [ { w: { wait: PT1M } } ]").settle().suspend()
    bench.do(bench.node.cancel(live.id))
    assert bench.do(bench.node.run(live.id)).status == "cancelled"


def test_a_run_is_suspended_and_resumed_many_times(bench: Bench) -> None:
    live = bench.start("do: [ { l: { listen: { to: { any: [], until: length == 3 } } } } ]").settle()
    for n in range(3):
        live.suspend().resume().publish({"type": "com.example.n", "data": n})
    assert live.finish().output == [0, 1, 2]


def test_an_effect_that_ends_while_its_run_is_suspended_is_not_lost(bench: Bench) -> None:
    release = threading.Event()
    calls: list[int] = []

    def slowly(given: Any) -> Any:
        calls.append(1)
        release.wait(10)
        return "done"

    live = bench.start(
        "do: [ { a: { call: 'slowly:1.0.0@python' } }, { b: { set: { got: '${ . }' } } } ]",
        functions={"slowly:1.0.0": slowly},
        blocking=True,
    )
    while not calls:
        bench.pause(0.005)
    suspending = bench.begin(bench.node.suspend(live.id))
    bench.pause(0.05)
    release.set()
    suspending.result(10)
    result = live.resume().finish()
    assert (result.output, calls) == ({"got": "done"}, [1])


@pytest.mark.parametrize(
    "body",
    [
        "fork: { branches: [ { a: { wait: PT1M } }, { b: { wait: PT2M } } ] }",
        "for: { in: '${ [1, 2] }' }, do: [ { w: { wait: PT1M } } ]",
    ],
)
def test_what_happened_before_a_suspension_is_kept(bench: Bench, body: str) -> None:
    live = bench.start(f"do: [ {{ x: {{ {body} }} }} ]", input=5).settle()
    live.pass_time(60_000).suspend().resume()
    assert live.finish().status == "completed"


# ---------------------------------------------------------------- lifecycle events


def listener(bench: Bench, filters: str, until: str = "length == 1") -> Live:
    return bench.start(
        f"do: [ {{ hear: {{ listen: {{ to: {{ any: [ {filters} ], until: '{until}' }}, read: envelope }} }} }} ]"
    ).settle()


def kind(name: str) -> str:
    return f"{{ with: {{ type: {PREFIX}{name}.v1 }} }}"


def test_a_run_hears_that_another_one_started_and_completed(bench: Bench) -> None:
    live = listener(bench, f"{kind('workflow.started')}, {kind('workflow.completed')}", "length == 2")
    run = bench.run(
        "document: { dsl: '1.0.3', namespace: samples, name: order, version: 1.2.3 }\ndo: [ { a: { set: { n: 1 } } } ]"
    )
    started, completed = live.finish().output
    name = f"order-{run.id}.samples"
    assert started["data"]["name"] == completed["data"]["name"] == name
    assert started["data"]["definition"] == {"name": "order", "namespace": "samples", "version": "1.2.3"}
    assert set(started["data"]) == {"name", "definition", "startedAt"}
    assert {"name", "completedAt"} <= set(completed["data"]) <= {"name", "completedAt", "outputUri"}
    assert started["specversion"] == "1.0"
    assert started["id"] != completed["id"]


@pytest.mark.parametrize(
    ("name", "document", "members"),
    [
        (
            "workflow.faulted",
            "do: [ { a: { raise: { error: { type: https://example.com/x, status: 418 } } } } ]",
            {"name", "faultedAt", "error"},
        ),
        ("workflow.completed", "do: [ { a: { set: { n: 1 } } } ]", {"name", "completedAt"}),
        ("workflow.status-changed", "do: [ { a: { set: { n: 1 } } } ]", {"name", "updatedAt", "status"}),
        ("task.created", "do: [ { a: { set: { n: 1 } } } ]", {"workflow", "task", "createdAt"}),
        ("task.started", "do: [ { a: { set: { n: 1 } } } ]", {"workflow", "task", "startedAt"}),
        ("task.completed", "do: [ { a: { set: { n: 1 } } } ]", {"workflow", "task", "completedAt"}),
        ("task.status-changed", "do: [ { a: { set: { n: 1 } } } ]", {"workflow", "task", "updatedAt", "status"}),
        (
            "task.faulted",
            "do: [ { a: { raise: { error: { type: https://example.com/x, status: 418 } } } } ]",
            {"workflow", "task", "faultedAt", "error"},
        ),
        (
            "task.cancelled",
            "do: [ { f: { fork: { compete: true, branches: [ { a: { wait: PT1H } }, { b: { set: { n: 1 } } } ] } } } ]",
            {"workflow", "task", "cancelledAt"},
        ),
        (
            "task.retried",
            "do: [ { a: { try: [ { b: { raise: { error: { type: https://example.com/x, status: 418 } } } } ], catch: { retry: { limit: { attempt: { count: 1 } } } } } } ]",
            {"workflow", "task", "retriedAt"},
        ),
    ],
)
def test_each_lifecycle_event_reaches_who_listens_for_it(
    bench: Bench, name: str, document: str, members: set[str]
) -> None:
    live = listener(bench, kind(name))
    bench.run(document)
    (event,) = live.finish().output
    assert set(event["data"]) == members
    if name.startswith("task."):
        assert event["data"]["task"].startswith("/do/0/")


@pytest.mark.parametrize(
    "name", ["workflow.suspended", "workflow.resumed", "workflow.cancelled", "task.suspended", "task.resumed"]
)
def test_events_of_a_run_that_is_stopped_reach_who_listens_for_them(bench: Bench, name: str) -> None:
    live = listener(bench, kind(name))
    other = bench.start("do: [ { w: { wait: PT1M } } ]").settle().suspend().resume()
    other.cancel()
    (event,) = live.finish().output
    assert f"{name.rpartition('.')[2]}At" in event["data"]


def test_correlation_is_told_of_with_its_keys(bench: Bench) -> None:
    live = listener(
        bench, f"{kind('workflow.correlation-started')}, {kind('workflow.correlation-completed')}", "length == 2"
    )
    bench.run(
        "do: [ { l: { listen: { to: { one: { with: { type: com.example.a }, correlate: { petId: { from: .data.pet } } } } } } } ]",
        events=[{"type": "com.example.a", "data": {"pet": "p7"}}],
    )
    started, completed = live.finish().output
    assert set(started["data"]) == {"name", "startedAt"}
    assert completed["data"]["correlationKeys"] == {"petId": "p7"}


@pytest.mark.parametrize("body", ["wait: PT1M", "listen: { to: { any: [ { with: { type: com.example.a } } ] } }"])
def test_a_task_that_waits_is_said_to_be_waiting(bench: Bench, body: str) -> None:
    live = listener(bench, kind("task.status-changed"), "length == 3")
    bench.run(f"do: [ {{ a: {{ {body} }} }} ]", events=[{"type": "com.example.a"}] if "listen" in body else [])
    assert [each["data"]["status"] for each in live.finish().output] == ["running", "waiting", "completed"]


def test_events_come_in_the_order_of_what_happened(bench: Bench) -> None:
    live = listener(bench, "{ with: { type: 'io.serverlessworkflow.task.(started|completed).v1' } }", "length == 6")
    bench.run("do: [ { a: { do: [ { b: { set: { n: 1 } } }, { c: { set: { n: 2 } } } ] } } ]")
    heard = [(each["type"].split(".")[3], each["data"]["task"].rpartition("/")[2]) for each in live.finish().output]
    assert heard == [
        ("started", "a"),
        ("started", "b"),
        ("completed", "b"),
        ("started", "c"),
        ("completed", "c"),
        ("completed", "a"),
    ]


def test_a_listener_without_a_type_hears_the_lifecycle_of_others_but_not_its_own(bench: Bench) -> None:
    live = bench.start("do: [ { hear: { listen: { to: { any: [], until: length == 2 }, read: envelope } } } ]").settle()
    assert live.driver.state.frames[3].consumed == []
    other = bench.run("do: [ { a: { set: { n: 1 } } } ]")
    heard = live.finish().output
    assert all(each["subject"] == other.id for each in heard)


def test_two_runs_that_listen_to_everything_do_not_talk_about_each_other_for_ever(bench: Bench) -> None:
    forever = "do: [ { hear: { listen: { to: { any: [], until: '${ false }' } }, foreach: { do: [ { a: { set: { n: 1 } } } ] } } } ]"
    one = bench.start(forever).settle()
    two = bench.start(forever).settle()
    bench.run("do: [ { a: { set: { n: 1 } } } ]")
    bench.pause(0.3)
    first = [one.settle().driver.recorded, two.settle().driver.recorded]
    bench.pause(0.3)
    assert [one.driver.recorded, two.driver.recorded] == first


def test_a_filter_for_other_events_hears_nothing_of_lifecycles(bench: Bench) -> None:
    live = listener(bench, "{ with: { type: com.example.a } }, { with: { source: '/mine' } }")
    before = live.driver.recorded
    bench.run("do: [ { a: { set: { n: 1 } } } ]")
    bench.pause(0.05)
    assert live.settle().driver.recorded == before


def test_a_listener_for_the_end_of_one_workflow(bench: Bench) -> None:
    live = bench.start(
        """
        do:
          - hear:
              listen:
                to:
                  one:
                    with:
                      type: io.serverlessworkflow.workflow.completed.v1
                      data: ${ .name | startswith("wanted-") }
          - next: { set: { name: '${ .[0].name }' } }
        """
    ).settle()
    head = "document: { dsl: '1.0.3', namespace: tests, name: %s, version: 1.0.0 }\ndo: [ { a: { set: { n: 1 } } } ]"
    bench.run(head % "other")
    wanted = bench.run(head % "wanted")
    assert live.finish().output == {"name": f"wanted-{wanted.id}.tests"}


# ---------------------------------------------------------------- publication over HTTP


ONE_TASK = "do: [ { a: { set: { n: 1 } } } ]"


def test_lifecycle_events_are_posted_to_the_sink_of_the_settings(service: Service, tmp_path: Path) -> None:
    """In structured mode of the HTTP binding of CloudEvents."""
    service.answers["/sink"] = Answer(None, 202)
    own = Bench(tmp_path / "home", sink=f"{service.url}/sink")
    own.folder = tmp_path
    try:
        run = own.run(ONE_TASK)
    finally:
        own.close()
    assert {asked.headers["content-type"] for asked in service.asked} == {"application/cloudevents+json; charset=UTF-8"}
    posted = [asked.json() for asked in service.asked]
    assert [each["type"].removeprefix(PREFIX) for each in posted] == [
        "workflow.started.v1",
        "workflow.status-changed.v1",
        "task.created.v1",
        "task.started.v1",
        "task.status-changed.v1",
        "task.completed.v1",
        "task.status-changed.v1",
        "workflow.completed.v1",
        "workflow.status-changed.v1",
    ]
    assert {each["subject"] for each in posted} == {run.id}
    assert all({"specversion", "id", "source", "type", "time", "data"} <= set(each) for each in posted)


def test_a_sink_that_fails_at_times_still_gets_every_event(service: Service, tmp_path: Path) -> None:
    taken: list[Any] = []

    def sometimes(asked: Asked) -> Answer:
        if len(service.asked) == 1:
            return Answer(None, 503)
        taken.append(asked.json()["type"])
        return Answer(None, 202)

    service.answers["/sink"] = sometimes
    own = Bench(tmp_path / "home", sink=f"{service.url}/sink")
    own.folder = tmp_path
    try:
        own.run(ONE_TASK)
        for _ in range(500):
            if len(taken) == 9:
                break
            own.pause(0.01)
    finally:
        own.close()
    assert len(taken) == 9


@pytest.mark.parametrize("sink", ["http://127.0.0.1:9/nobody", "no url at all"])
def test_a_sink_that_is_not_there_harms_no_run(tmp_path: Path, sink: str) -> None:
    own = Bench(tmp_path / "home", sink=sink)
    own.folder = tmp_path
    try:
        assert own.run(ONE_TASK).status == "completed"
        own.pause(0.1)
    finally:
        own.close()
