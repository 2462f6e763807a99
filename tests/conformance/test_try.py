"""dsl-reference.md, Try, Catch and Retry; dsl.md, Fault Tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service

BAD = (
    "{ bad: { raise: { error: { type: https://example.com/bad, status: 418, title: Teapot, detail: '${ .why }' } } } }"
)


def failing(times: int) -> tuple[dict[str, Callable[[Any], Any]], list[Any]]:
    """A function that fails so many times before it succeeds, and what it was called with."""
    calls: list[Any] = []

    def attempt(given: Any) -> Any:
        calls.append(given)
        if len(calls) <= times:
            raise RuntimeError(f"attempt {len(calls)}")
        return {"attempts": len(calls)}

    return {"attempt:1.0.0": attempt}, calls


CALL = "{ call: 'attempt:1.0.0@python', with: { n: '${ .n }' } }"


# ---------------------------------------------------------------- scenarios of try.feature

PET = """
do:
  - tryGetPet:
      try: [ { getPet: { call: http, with: { method: get, endpoint: { uri: '%s/pet/getPetByName/{petName}' } } } } ]
      catch:
        errors: { with: { type: https://open-workflow-specification.org/dsl/errors/types/communication, status: %d } }
        as: err
        do: [ { setError: { set: { error: '${ $err }' } } } ]
"""


def test_a_caught_error_is_handled_and_names_where_it_came_from(bench: Bench, service: Service) -> None:
    result = bench.run(PET % (service.url, 404), input={"petName": "Milou"})
    error = result.output["error"]
    assert (error["type"], error["status"]) == (STANDARD + "communication", 404)
    assert error["title"]
    assert error["instance"] == "/do/0/tryGetPet/try/0/getPet"


def test_an_error_that_is_not_caught_faults_the_workflow(bench: Bench, service: Service) -> None:
    result = bench.run(PET % (service.url, 503), input={"petName": "Milou"})
    assert (result.status, [event.type for event in result.events][-1]) == ("faulted", "workflow.faulted")
    assert result.error is not None
    assert result.error["status"] == 404


# ---------------------------------------------------------------- what is caught


@pytest.mark.parametrize(
    ("wanted", "caught"),
    [
        ("type: https://example.com/bad", True),
        ("type: https://example.com/other", False),
        ("status: 418", True),
        ("status: 500", False),
        ("title: Teapot", True),
        ("title: teapot", False),
        ("detail: because", True),
        ("instance: /do/0/t/try/0/bad", True),
        ("instance: /do/0/t", False),
        ("type: https://example.com/bad, status: 500", False),
        ("type: https://example.com/bad, status: 418, title: Teapot", True),
    ],
)
def test_errors_with_catches_only_errors_whose_properties_match(bench: Bench, wanted: str, caught: bool) -> None:
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {BAD} ], catch: {{ errors: {{ with: {{ {wanted} }} }} }} }} }} ]",
        input={"why": "because"},
    )
    assert (result.status == "completed") is caught


@pytest.mark.parametrize(
    "name",
    [
        "configuration",
        "validation",
        "expression",
        "authentication",
        "authorization",
        "timeout",
        "communication",
        "runtime",
    ],
)
@pytest.mark.parametrize(
    "spelling",
    [
        "https://open-workflow-specification.org/spec/1.0.0/errors/%s",
        "https://open-workflow-specification.org/dsl/errors/types/%s",
        "https://serverlessworkflow.io/spec/1.0.0/errors/%s",
        "https://serverlessworkflow.io/dsl/errors/types/%s",
    ],
)
def test_older_spellings_of_the_standard_errors_match(bench: Bench, name: str, spelling: str) -> None:
    result = bench.run(
        f"""
        do:
          - t:
              try: [ {{ bad: {{ raise: {{ error: {{ type: {STANDARD}{name}, status: 400 }} }} }} }} ]
              catch: {{ errors: {{ with: {{ type: '{spelling % name}' }} }} }}
        """
    )
    assert result.status == "completed"


@pytest.mark.parametrize(
    ("clause", "caught"),
    [
        ("when: $error.status == 418", True),
        ("when: '${ $error.status == 500 }'", False),
        ("exceptWhen: $error.status == 500", True),
        ("exceptWhen: $error.status == 418", False),
        ("when: .why == 'because'", True),
        ("when: $error.status == 418, exceptWhen: .why == 'because'", False),
        ("as: mine, when: $mine.title == 'Teapot'", True),
        ("when: $context.why == 'because' and $input.why == 'because' and $task.name == 't'", True),
    ],
)
def test_when_and_except_when_decide_on_the_error_and_the_tasks_input(bench: Bench, clause: str, caught: bool) -> None:
    clause = clause.replace("'because'", '"because"').replace("'Teapot'", '"Teapot"').replace("'t'", '"t"')
    clause = clause.replace("when: $mine", "when: $mine")
    result = bench.run(
        f"do:\n- t:\n    try: [ {BAD} ]\n    catch:\n      " + clause.replace(", ", "\n      "),
        input={"why": "because"},
    )
    assert (result.status == "completed") is caught, result.error


def test_a_caught_error_without_handler_passes_the_input_on(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {{ set: {{ x: 1 }} }} }}, {BAD} ], catch: {{}} }} }} ]", input={"why": "y"}
    )
    assert (result.status, result.output) == ("completed", {"why": "y"})
    assert result.of("task.caught", "t")


def test_the_error_variable_is_called_error_and_lives_in_the_handler_only(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {BAD} ], catch: {{ do: [ {{ c: {{ do: [ {{ d: {{ set: '${{ $error }}' }} }} ] }} }} ] }} }} }} ]",
        input={"why": "because"},
    )
    assert result.output == {
        "type": "https://example.com/bad",
        "status": 418,
        "title": "Teapot",
        "detail": "because",
        "instance": "/do/0/t/try/0/bad",
    }
    found = bench.diagnostics(f"do: [ {{ t: {{ try: [ {BAD} ], catch: {{}}, output: {{ as: '${{ $error }}' }} }} }} ]")
    assert any("$error" in each for each in found)


def test_the_handler_starts_with_the_tasks_input(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {{ set: {{ why: lost }} }} }}, {BAD} ], catch: {{ do: [ {{ c: {{ set: {{ got: '${{ . }}' }} }} }} ] }} }} }} ]",
        input={"why": "mine"},
    )
    assert result.output == {"got": {"why": "mine"}}


def test_an_error_in_the_handler_is_not_caught_by_its_own_catch(bench: Bench) -> None:
    result = bench.run(
        f"""
        do:
          - outer:
              try:
                - inner:
                    try: [ {BAD} ]
                    catch:
                      do: [ {{ again: {{ raise: {{ error: {{ type: https://example.com/worse, status: 500, detail: '${{ $error.detail }}' }} }} }} }} ]
              catch: {{ as: worse, do: [ {{ c: {{ set: '${{ $worse }}' }} }} ] }}
        """,
        input={"why": "because"},
    )
    assert (result.output["type"], result.output["detail"]) == ("https://example.com/worse", "because")
    assert result.output["instance"] == "/do/0/outer/try/0/inner/catch/do/0/again"


def test_errors_pass_through_all_that_do_not_catch_them(bench: Bench) -> None:
    result = bench.run(
        f"""
        do:
          - outer:
              try:
                - middle:
                    try: [ {{ deep: {{ do: [ {{ deeper: {{ for: {{ in: '${{ [1] }}' }}, do: [ {BAD} ] }} }} ] }} }} ]
                    catch: {{ errors: {{ with: {{ status: 500 }} }} }}
              catch: {{ do: [ {{ c: {{ set: '${{ $error.instance }}' }} }} ] }}
        """,
        input={"why": "y"},
    )
    assert result.output == "/do/0/outer/try/0/middle/try/0/deep/do/0/deeper/do/0/bad"
    assert [event.task.rpartition("/")[2] for event in result.of("task.faulted") if event.task] == [
        "bad",
        "deeper",
        "deep",
        "middle",
    ]


def test_an_error_in_the_condition_of_a_catch_takes_the_place_of_the_caught_one(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ t: {{ try: [ {BAD} ], catch: {{ when: .why.x.y }} }} }} ]", input={"why": "y"})
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "expression", "/do/0/t")


def test_a_try_without_errors_gives_what_its_tasks_give(bench: Bench) -> None:
    result = bench.run(
        "do: [ { t: { try: [ { a: { set: { n: 1 } } }, { b: { set: { n: '${ .n + 1 }' } } } ], catch: { do: [ { c: { set: { n: 9 } } } ] } } } ]"
    )
    assert (result.output, result.order) == ({"n": 2}, ["t", "a", "b"])


def test_an_empty_try_passes_its_input_on(bench: Bench) -> None:
    assert bench.run("do: [ { t: { try: [], catch: {} } } ]", input={"n": 1}).output == {"n": 1}


def test_an_empty_handler_passes_the_input_on(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ t: {{ try: [ {BAD} ], catch: {{ do: [] }} }} }} ]", input={"why": "y"})
    assert (result.status, result.output) == ("completed", {"why": "y"})


def test_the_tries_own_output_schema_is_not_guarded_by_its_catch(bench: Bench) -> None:
    result = bench.run(
        "do: [ { t: { try: [ { a: { set: { n: 1 } } } ], catch: {}, output: { schema: { document: { type: string } } } } } ]"
    )
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "validation", "/do/0/t")


# ---------------------------------------------------------------- then


def test_catch_then_leads_the_error_path_elsewhere(bench: Bench) -> None:
    document = """
        do:
          - t:
              try: [ { a: { if: .fail, raise: { error: { type: https://example.com/bad, status: 503 } } } } ]
              catch: { errors: { with: { status: 503 } }, then: recordFailure }
          - goOn: { set: { status: ok }, then: end }
          - recordFailure: { set: { status: failed } }
    """
    assert bench.run(document, input={"fail": False}).output == {"status": "ok"}
    assert bench.run(document, input={"fail": True}).output == {"status": "failed"}


def test_catch_then_comes_after_the_handler_and_overrides_the_tasks_own(bench: Bench) -> None:
    result = bench.run(
        f"""
        do:
          - t:
              try: [ {BAD} ]
              catch: {{ do: [ {{ c: {{ set: {{ handled: true }} }} }} ], then: end }}
              then: never
          - never: {{ set: {{ n: 1 }} }}
        """,
        input={"why": "y"},
    )
    assert (result.output, result.order) == ({"handled": True}, ["t", "bad", "c"])


# ---------------------------------------------------------------- retry


def test_a_failed_block_is_tried_again_after_the_delay(bench: Bench) -> None:
    functions, calls = failing(2)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: {{ seconds: 3 }}, limit: {{ attempt: {{ count: 5 }} }} }} }} }} }} ]",
        input={"n": 1},
        functions=functions,
    )
    assert result.output == {"attempts": 3}
    assert calls == [{"n": 1}] * 3
    assert result.delays("t") == [3000, 3000]
    assert [event.data["attempt"] for event in result.of("task.retried", "t") if event.data] == [1, 2]


def test_every_attempt_begins_with_the_tasks_input(bench: Bench) -> None:
    functions, calls = failing(2)
    bench.run(
        f"do: [ {{ t: {{ try: [ {{ grow: {{ set: {{ n: '${{ .n + 1 }}' }} }} }}, {{ a: {CALL} }} ], catch: {{ retry: {{}} }} }} }} ]",
        input={"n": 1},
        functions=functions,
    )
    assert calls == [{"n": 2}] * 3


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        ("", [2000, 2000, 2000, 2000]),
        ("backoff: { constant: {} }, ", [2000, 2000, 2000, 2000]),
        ("backoff: { linear: {} }, ", [2000, 4000, 6000, 8000]),
        ("backoff: { exponential: {} }, ", [2000, 4000, 8000, 16000]),
    ],
)
def test_the_backoff_says_how_the_delay_grows(bench: Bench, backoff: str, delays: list[int]) -> None:
    functions, _ = failing(4)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: PT2S, {backoff} limit: {{ attempt: {{ count: 9 }} }} }} }} }} }} ]",
        functions=functions,
        input={},
    )
    assert (result.output, result.delays("t")) == ({"attempts": 5}, delays)


def test_jitter_adds_a_recorded_chance_to_the_delay(bench: Bench) -> None:
    functions, _ = failing(6)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: PT1S, jitter: {{ from: PT1S, to: PT3S }} }} }} }} }} ]",
        functions=functions,
        input={},
    )
    delays = result.delays("t")
    assert len(delays) == 6
    assert all(2000 <= delay <= 4000 for delay in delays)
    assert len(set(delays)) > 1


def test_retries_end_at_the_attempt_count_and_the_error_goes_on(bench: Bench) -> None:
    functions, calls = failing(99)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: PT1S, limit: {{ attempt: {{ count: 5 }} }} }} }} }} }} ]",
        functions=functions,
        input={},
    )
    assert (result.status, len(calls)) == ("faulted", 6)
    assert result.error is not None
    assert "attempt 6" in result.error["detail"]
    assert result.error["instance"] == "/do/0/t/try/0/a"


def test_retries_exhausted_lead_to_the_handler_if_there_is_one(bench: Bench) -> None:
    functions, calls = failing(99)
    result = bench.run(
        f"""
        do:
          - t:
              try: [ {{ a: {CALL} }} ]
              catch:
                retry: {{ delay: PT1S, limit: {{ attempt: {{ count: 2 }} }} }}
                do: [ {{ c: {{ set: {{ gaveUp: '${{ $error.detail }}' }} }} }} ]
        """,
        functions=functions,
        input={},
    )
    assert len(calls) == 3
    assert "attempt 3" in result.output["gaveUp"]


def test_retries_end_when_their_duration_is_over(bench: Bench) -> None:
    functions, calls = failing(99)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: PT10S, limit: {{ duration: PT35S }} }} }} }} }} ]",
        functions=functions,
        input={},
    )
    assert (result.status, len(calls)) == ("faulted", 4)


@pytest.mark.parametrize(
    ("clause", "attempts"),
    [
        ("when: $error.status == 500", 3),
        ("when: $error.status == 501", 1),
        ("exceptWhen: $error.status == 500", 1),
        ("exceptWhen: $error.status == 501", 3),
        ("when: .n == 7", 3),
    ],
)
def test_when_and_except_when_of_a_retry_decide_whether_to_try_again(bench: Bench, clause: str, attempts: int) -> None:
    functions, calls = failing(2)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ {clause}, delay: PT1S }} }} }} }} ]",
        functions=functions,
        input={"n": 7},
    )
    assert (len(calls), result.status) == (attempts, "completed" if attempts == 3 else "faulted")


def test_only_what_is_caught_is_retried(bench: Bench) -> None:
    functions, calls = failing(2)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ errors: {{ with: {{ status: 404 }} }}, retry: {{ delay: PT1S }} }} }} }} ]",
        functions=functions,
        input={},
    )
    assert (result.status, len(calls)) == ("faulted", 1)


def test_a_policy_can_be_named_and_reused(bench: Bench) -> None:
    functions, calls = failing(3)
    result = bench.run(
        f"""
        use: {{ retries: {{ patient: {{ delay: PT1S, backoff: {{ linear: {{}} }}, limit: {{ attempt: {{ count: 2 }} }} }} }} }}
        do:
          - t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: patient, then: u }} }}
          - u: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: patient }} }}
        """,
        functions=functions,
        input={},
    )
    assert (result.output, len(calls)) == ({"attempts": 4}, 4)
    assert result.delays("t") == [1000, 2000]
    assert bench.diagnostics(f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: nobody }} }} }} ]")


def test_a_delay_can_be_computed_from_the_error(bench: Bench) -> None:
    functions, _ = failing(2)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: '${{ \"PT\\($error.status)S\" }}' }} }} }} }} ]",
        functions=functions,
        input={},
    )
    assert result.delays("t") == [500_000, 500_000]


def test_an_attempt_that_takes_too_long_is_a_timeout_and_tried_again(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - t:
              try:
                - slow: { wait: '${ if $context.tries == 2 then "PT1S" else "PT1H" end }' }
              catch:
                as: late
                retry: { when: $late.status == 408, delay: PT1S, limit: { attempt: { duration: PT10S, count: 5 } } }
                do: [ { c: { set: '${ $late }' } } ]
        """,
        input={},
    )
    assert (result.output["type"], result.output["status"]) == (STANDARD + "timeout", 408)
    assert len(result.of("task.retried", "t")) == 5
    assert len(result.of("task.cancelled", "slow")) == 6
    assert (
        len([event for event in result.of("timer.started", "t") if event.data and event.data["purpose"] == "attempt"])
        == 6
    )


def test_the_time_limit_of_an_attempt_ends_with_the_attempt(bench: Bench) -> None:
    result = bench.run(
        """
        use:
          extensions: [ { slowly: { extend: try, after: [ { w: { wait: PT1H } } ] } } ]
        do:
          - t:
              try: [ { a: { wait: PT1S } } ]
              catch: { retry: { limit: { attempt: { duration: PT10S } } } }
          - b: { set: { done: true } }
        """
    )
    assert (result.status, result.output) == ("completed", {"done": True})


def test_a_retry_waits_for_no_time_limit_of_the_attempt_before(bench: Bench) -> None:
    functions, calls = failing(1)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: PT1M, limit: {{ attempt: {{ duration: PT10S, count: 3 }} }} }} }} }} }} ]",
        functions=functions,
        input={},
    )
    assert (result.output, len(calls)) == ({"attempts": 2}, 2)
    assert len(result.of("timer.fired")) == 1


def test_a_timeout_of_the_try_includes_all_attempts(bench: Bench) -> None:
    functions, calls = failing(99)
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {CALL} }} ], catch: {{ retry: {{ delay: PT10S }} }}, timeout: {{ after: PT25S }} }} }} ]",
        functions=functions,
        input={},
    )
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "timeout", "/do/0/t")
    assert len(calls) == 3


def test_an_answer_of_a_service_is_retried_until_it_is_good(bench: Bench, service: Service) -> None:
    """The example of dsl.md, Retries."""
    service.answers["/healthz"] = lambda asked: Answer({"ok": True}, 503 if len(service.asked) < 4 else 200)
    result = bench.run(
        f"""
        do:
          - t:
              try: [ {{ ask: {{ call: http, with: {{ method: get, endpoint: {{ uri: '{service.url}/healthz' }} }} }} }} ]
              catch:
                errors: {{ with: {{ status: 503 }} }}
                retry: {{ delay: {{ seconds: 3 }}, backoff: {{ linear: {{}} }}, limit: {{ attempt: {{ count: 5 }} }} }}
        """
    )
    assert (result.output, len(service.asked)) == ({"ok": True}, 4)
    assert result.delays("t") == [3000, 6000, 9000]


def test_retries_in_a_loop_count_anew_in_each_iteration(bench: Bench) -> None:
    calls: list[int] = []

    def sometimes(given: Any) -> Any:
        calls.append(given["n"])
        if calls.count(given["n"]) < 3:
            raise RuntimeError("again")
        return given["n"]

    result = bench.run(
        """
        do:
          - l:
              for: { in: '${ [1, 2] }' }
              do:
                - t:
                    try: [ { a: { call: 'sometimes:1.0.0@python', with: { n: '${ $item }' } } } ]
                    catch: { retry: { delay: PT1S, limit: { attempt: { count: 2 } } } }
        """,
        functions={"sometimes:1.0.0": sometimes},
    )
    assert (result.output, calls) == (2, [1, 1, 1, 2, 2, 2])
