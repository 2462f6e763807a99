"""dsl.md, Timeouts, and dsl-reference.md, Timeout."""

from __future__ import annotations

import pytest

from .harness import STANDARD, Bench
from .service import Service


def test_a_task_that_takes_too_long_faults_with_a_timeout_error(bench: Bench) -> None:
    result = bench.run("do: [ { w: { wait: PT1M, timeout: { after: PT30S } } } ]")
    assert result.error is not None
    assert (result.error["type"], result.error["status"], result.error["instance"]) == (
        STANDARD + "timeout",
        408,
        "/do/0/w",
    )
    assert result.of("task.faulted", "w")[0].at - result.of("task.started", "w")[0].at >= 30_000


def test_a_workflow_that_takes_too_long_faults_with_a_timeout_error(bench: Bench) -> None:
    """The example of dsl-reference.md, Timeout."""
    result = bench.run("do: [ { waitAMinute: { wait: { seconds: 60 } } } ]\ntimeout: { after: { seconds: 30 } }")
    assert result.status == "faulted"
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "timeout", 408)
    assert result.of("task.cancelled", "waitAMinute")


def test_what_ends_in_time_is_left_alone(bench: Bench) -> None:
    result = bench.run(
        "do: [ { w: { wait: PT1S, timeout: { after: PT2S } } }, { x: { wait: PT10S } } ]\ntimeout: { after: PT1H }",
        input=1,
    )
    assert (result.status, result.output, len(result.of("timer.fired"))) == ("completed", 1, 2)


def test_a_timeout_can_be_caught(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - t:
              try: [ { w: { wait: PT1H, timeout: { after: PT1S } } } ]
              catch: { errors: { with: { type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout' } }, do: [ { c: { set: { late: true } } } ] }
        """
    )
    assert result.output == {"late": True}


def test_the_workflows_own_timeout_can_not_be_caught(bench: Bench) -> None:
    result = bench.run(
        "do: [ { t: { try: [ { w: { wait: PT1H } } ], catch: { do: [ { c: { wait: PT1H } } ] } } } ]\ntimeout: { after: PT1S }"
    )
    assert (result.status, "c" in result.order) == ("faulted", False)


def test_a_timeout_can_be_named_and_reused(bench: Bench) -> None:
    document = """
        use: { timeouts: { short: { after: { seconds: 2 } } } }
        timeout: %s
        do: [ { a: { wait: PT1S, timeout: short } }, { b: { wait: PT3S, timeout: %s } } ]
    """
    slow = bench.run(document % ("{ after: PT1H }", "short"))
    assert slow.error is not None
    assert slow.error["instance"] == "/do/1/b"
    whole = bench.run(document % ("short", "{ after: PT1H }"))
    assert whole.error is not None
    assert whole.error["type"] == STANDARD + "timeout"
    assert bench.diagnostics("do: [ { a: { wait: PT1S, timeout: nobody } } ]")


def test_a_timeout_may_be_computed(bench: Bench) -> None:
    document = (
        "do: [ { w: { wait: PT10S, timeout: { after: '${ .limit }' } } } ]\ntimeout: { after: '${ $context.limit }' }"
    )
    assert bench.run(document, input={"limit": "PT11S"}).status == "completed"
    assert bench.run(document, input={"limit": "PT9S"}).status == "faulted"


@pytest.mark.parametrize(
    "body",
    [
        "do: [ { i: { wait: PT1H } } ]",
        "for: { in: '${ [1, 2] }' }, do: [ { i: { wait: PT1H } } ]",
        "fork: { branches: [ { i: { wait: PT1H } }, { j: { wait: PT2H } } ] }",
        "try: [ { i: { wait: PT1H } } ], catch: {}",
        "try: [ { i: { raise: { error: { type: https://example.com/x, status: 1 } } } } ], catch: { retry: { delay: PT1H } }",
        "try: [ { i: { raise: { error: { type: https://example.com/x, status: 1 } } } } ], catch: { do: [ { c: { wait: PT1H } } ] }",
        "listen: { to: { any: [] } }",
        "wait: PT1H",
        "call: own",
    ],
)
def test_a_timeout_interrupts_any_task_that_waits(bench: Bench, body: str) -> None:
    result = bench.run(
        f"use: {{ functions: {{ own: {{ wait: PT1H }} }} }}\ndo: [ {{ a: {{ {body}, timeout: {{ after: PT5S }} }} }} ]"
    )
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "timeout", "/do/0/a")
    assert len(result.of("task.faulted")) == (2 if "raise" in body else 1)


def test_a_timeout_interrupts_an_effect(bench: Bench, service: Service) -> None:
    service.answers["/slow"] = service.hang
    result = bench.run(
        f"""
        do:
          - t:
              try: [ {{ ask: {{ call: http, with: {{ method: get, endpoint: '{service.url}/slow' }}, timeout: {{ after: PT0.2S }} }} }} ]
              catch: {{ do: [ {{ c: {{ set: '${{ $error.status }}' }} }} ] }}
        """
    )
    assert result.output == 408
    assert "command.completed" not in result.types


def test_a_timeout_interrupts_a_process(bench: Bench) -> None:
    result = bench.run("do: [ { p: { run: { shell: { command: sleep 60 } }, timeout: { after: PT0.2S } } } ]")
    assert result.error is not None
    assert result.error["type"] == STANDARD + "timeout"


def test_the_inner_of_two_timeouts_comes_first(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              do:
                - t: { try: [ { w: { wait: PT1H, timeout: { after: PT1S } } } ], catch: { do: [ { x: { wait: PT1H } } ] } }
              timeout: { after: PT10S }
        """
    )
    assert result.error is not None
    assert result.error["instance"] == "/do/0/outer"
    assert result.of("task.caught", "t")


def test_a_timeout_and_what_it_waits_for_at_the_same_moment_give_one_outcome(bench: Bench) -> None:
    for _ in range(3):
        result = bench.run("do: [ { w: { wait: PT10S, timeout: { after: PT10S } } } ]")
        assert result.status == "faulted"
        assert len(result.of("task.completed")) + len(result.of("task.faulted")) == 1


def test_timeouts_of_nested_tasks_at_the_same_moment_are_one_error(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - a:
              do: [ { b: { do: [ { c: { wait: PT1H, timeout: { after: PT1S } } } ], timeout: { after: PT1S } } } ]
              timeout: { after: PT1S }
        timeout: { after: PT1S }
        """
    )
    assert (result.status, result.types.count("workflow.faulted")) == ("faulted", 1)


def test_the_timeout_covers_the_extensions_of_the_task(bench: Bench) -> None:
    result = bench.run(
        """
        use: { extensions: [ { slow: { extend: set, before: [ { w: { wait: PT1H } } ] } } ]}
        do: [ { a: { set: { n: 1 }, timeout: { after: PT1S } } } ]
        """
    )
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "timeout", "/do/0/a")


def test_a_timeout_passes_while_the_run_is_suspended(bench: Bench) -> None:
    live = bench.start("do: [ { w: { wait: PT1H, timeout: { after: PT10M } } } ]").settle()
    live.suspend().pass_time(20 * 60_000)
    assert live.status == "suspended"
    result = live.resume().finish()
    assert result.error is not None
    assert result.error["type"] == STANDARD + "timeout"
