"""dsl-reference.md, Fork."""

from __future__ import annotations

import threading

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service


def test_branches_give_an_array_in_the_order_of_their_declaration(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - both:
              fork:
                branches:
                  - slow: { do: [ { w: { wait: PT2S } }, { s: { set: { by: slow } } } ] }
                  - fast: { do: [ { w: { wait: PT1S } }, { f: { set: { by: fast } } } ] }
                  - now: { set: { by: now } }
        """
    )
    assert result.output == [{"by": "slow"}, {"by": "fast"}, {"by": "now"}]
    assert [event.task.rpartition("/")[2] for event in result.of("task.completed") if event.task] == [
        "now", "w", "f", "fast", "w", "s", "slow", "both",
    ]  # fmt: skip


def test_branches_run_at_the_same_time(bench: Bench) -> None:
    meeting = threading.Barrier(3, timeout=5)
    result = bench.run(
        """
        do:
          - all:
              fork:
                branches:
                  - a: { call: 'meet:1.0.0@python' }
                  - b: { call: 'meet:1.0.0@python' }
                  - c: { call: 'meet:1.0.0@python' }
        """,
        functions={"meet:1.0.0": lambda given: meeting.wait() >= 0},
        blocking=True,
    )
    assert result.output == [True, True, True]


def test_every_branch_gets_the_forks_input(bench: Bench) -> None:
    result = bench.run(
        "do: [ { f: { input: { from: .n }, fork: { branches: [ { a: { set: '${ . + 1 }' } }, { b: { set: '${ . + 2 }' } } ] } } } ]",
        input={"n": 10},
    )
    assert result.output == [11, 12]


# ---------------------------------------------------------------- races


def test_of_competing_branches_the_first_gives_the_output(bench: Bench) -> None:
    """The scenario of branch.feature."""
    result = bench.run(
        """
        do:
          - race:
              fork:
                compete: true
                branches:
                  - setRed: { set: { colors: '${ .colors + ["red"] }' } }
                  - setGreen: { set: { colors: '${ .colors + ["green"] }' } }
                  - setBlue: { set: { colors: '${ .colors + ["blue"] }' } }
        """
    )
    assert len(result.output["colors"]) == 1


def test_the_losers_are_cancelled(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - race:
              fork:
                compete: true
                branches:
                  - slow: { do: [ { w: { wait: PT2S } }, { never: { set: { by: slow } } } ] }
                  - fast: { do: [ { w: { wait: PT1S } }, { f: { set: { by: fast } } } ] }
          - after: { set: { won: '${ . }' } }
        """
    )
    assert result.output == {"won": {"by": "fast"}}
    assert "never" not in result.order
    assert [event.task for event in result.of("task.cancelled")] == [
        "/do/0/race/fork/branches/0/slow/do/0/w",
        "/do/0/race/fork/branches/0/slow",
    ]


def test_an_effect_of_a_loser_is_cut_short(bench: Bench, service: Service) -> None:
    service.answers["/slow"] = service.hang
    service.answers["/fast"] = Answer({"by": "fast"})
    result = bench.run(
        f"""
        do:
          - race:
              fork:
                compete: true
                branches:
                  - slow: {{ call: http, with: {{ method: get, endpoint: {service.url}/slow }} }}
                  - fast: {{ call: http, with: {{ method: get, endpoint: {service.url}/fast }} }}
        """
    )
    assert result.output == {"by": "fast"}
    assert result.of("task.cancelled", "slow")


def test_a_skipped_branch_takes_no_part_in_a_race(bench: Bench) -> None:
    document = """
        do:
          - race:
              fork:
                compete: true
                branches:
                  - never: { if: .first, set: { by: never } }
                  - other: { if: .second, do: [ { w: { wait: PT1S } }, { s: { set: { by: other } } } ] }
    """
    assert bench.run(document, input={"first": False, "second": True}).output == {"by": "other"}
    assert bench.run(document, input={"first": True, "second": True}).output == {"by": "never"}
    nobody = {"first": False, "second": False}
    assert bench.run(document, input=nobody).output == nobody


def test_a_skipped_branch_gives_its_input_where_nobody_competes(bench: Bench) -> None:
    result = bench.run(
        "do: [ { f: { fork: { branches: [ { a: { if: '${ false }', set: { n: 1 } } }, { b: { set: { n: 2 } } } ] } } } ]",
        input={"k": 1},
    )
    assert result.output == [{"k": 1}, {"n": 2}]


# ---------------------------------------------------------------- errors and ends


@pytest.mark.parametrize("compete", ["false", "true"])
def test_an_error_in_a_branch_ends_the_fork_and_cancels_the_others(bench: Bench, compete: str) -> None:
    result = bench.run(
        f"""
        do:
          - t:
              try:
                - both:
                    fork:
                      compete: {compete}
                      branches:
                        - waits: {{ wait: PT1H }}
                        - fails: {{ raise: {{ error: {{ type: https://example.com/bad, status: 418 }} }} }}
              catch: {{ do: [ {{ c: {{ set: '${{ $error }}' }} }} ] }}
        """
    )
    assert (result.output["status"], result.output["instance"]) == (418, "/do/0/t/try/0/both/fork/branches/1/fails")
    assert result.of("task.cancelled", "waits")
    assert result.of("task.faulted", "both")


def test_a_branch_that_catches_its_own_error_leaves_the_others_alone(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - both:
              fork:
                branches:
                  - tries:
                      try: [ { bad: { raise: { error: { type: https://example.com/bad, status: 418 } } } } ]
                      catch: { do: [ { c: { set: caught, output: { as: '${ "caught" }' } } } ] }
                  - waits: { do: [ { w: { wait: PT1S } }, { s: { set: '${ "waited" }' } } ] }
        """.replace("set: caught, ", "set: { n: 1 }, ")
    )
    assert result.output == ["caught", "waited"]


def test_forks_nest(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              fork:
                branches:
                  - left:
                      fork:
                        branches:
                          - a: { do: [ { w: { wait: PT3S } }, { s: { set: '${ "a" }' } } ] }
                          - b: { set: '${ "b" }' }
                  - right:
                      fork:
                        compete: true
                        branches:
                          - c: { do: [ { w: { wait: PT2S } }, { s: { set: '${ "c" }' } } ] }
                          - d: { do: [ { w: { wait: PT1S } }, { s: { set: '${ "d" }' } } ] }
        """
    )
    assert result.output == [["a", "b"], "d"]


def test_an_error_deep_in_nested_forks_cancels_all_of_them_innermost_first(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              fork:
                branches:
                  - left: { fork: { branches: [ { a: { wait: PT1H } }, { b: { do: [ { c: { wait: PT1H } } ] } } ] } }
                  - right:
                      fork:
                        branches:
                          - d: { wait: PT1H }
                          - e: { do: [ { w: { wait: PT1S } }, { bad: { raise: { error: { type: https://example.com/x, status: 500 } } } } ] }
        """
    )
    assert result.status == "faulted"
    cancelled = [event.task.rpartition("/")[2] for event in result.of("task.cancelled") if event.task]
    assert cancelled[0] == "d"
    assert set(cancelled) == {"a", "b", "c", "d", "left"}
    assert cancelled.index("c") < cancelled.index("b") < cancelled.index("left")
    assert cancelled.index("a") < cancelled.index("left")


def test_a_timeout_on_a_fork_cancels_its_branches(bench: Bench) -> None:
    result = bench.run(
        "do: [ { f: { fork: { branches: [ { a: { wait: PT1H } }, { b: { wait: PT2H } } ] }, timeout: { after: PT1S } } } ]"
    )
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "timeout", "/do/0/f")
    assert {event.task for event in result.of("task.cancelled")} == {
        "/do/0/f/fork/branches/0/a",
        "/do/0/f/fork/branches/1/b",
    }


def test_one_function_called_from_several_branches_keeps_them_apart(bench: Bench) -> None:
    result = bench.run(
        """
        use:
          functions:
            later:
              do:
                - first: { wait: { seconds: '${ .n }' } }
                - second: { set: { n: '${ .n * 10 }', in: '${ $input }' } }
        do:
          - both:
              fork:
                branches:
                  - a: { call: later, with: { n: 3 } }
                  - b: { call: later, with: { n: 2 } }
                  - c: { call: later, with: { n: 1 } }
        """.replace("{ seconds: '${ .n }' }", "'${ \"PT\\(.n)S\" }'")
    )
    assert [each["n"] for each in result.output] == [30, 20, 10]
    assert [each["in"]["n"] for each in result.output] == [3, 2, 1]


def test_branches_that_are_ready_at_the_same_moment_take_turns_in_the_same_order_every_time(bench: Bench) -> None:
    document = """
        do:
          - f:
              fork:
                branches:
                  - a: { do: [ { w: { wait: PT1S } }, { x: { set: '${ 1 }', export: { as: '${ $context + ["a"] }' } } } ] }
                  - b: { do: [ { w: { wait: PT1S } }, { x: { set: '${ 2 }', export: { as: '${ $context + ["b"] }' } } } ] }
                  - c: { do: [ { w: { wait: PT1S } }, { x: { set: '${ 3 }', export: { as: '${ $context + ["c"] }' } } } ] }
          - look: { set: '${ $context }' }
    """
    assert {tuple(bench.run(document, input=[]).output) for _ in range(3)} == {("a", "b", "c")}


def test_a_hundred_branches(bench: Bench) -> None:
    branches = ", ".join(
        f"{{ b{n}: {{ do: [ {{ w: {{ wait: PT{n % 7}S }} }}, {{ s: {{ set: '${{ {n} }}' }} }} ] }} }}"
        for n in range(100)
    )
    assert bench.run(f"do: [ {{ f: {{ fork: {{ branches: [ {branches} ] }} }} }} ]").output == list(range(100))


def test_a_fork_without_branches_is_refused(bench: Bench) -> None:
    assert bench.diagnostics("do: [ { f: { fork: { branches: [] } } } ]")


def test_two_branches_of_one_name_are_refused(bench: Bench) -> None:
    found = bench.diagnostics("do: [ { f: { fork: { branches: [ { a: { wait: PT0S } }, { a: { wait: PT0S } } ] } } } ]")
    assert any("defined twice" in each for each in found)
