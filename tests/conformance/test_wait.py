"""dsl-reference.md, Wait and Duration."""

from __future__ import annotations

import pytest

from .harness import STANDARD, Bench, Result


def waited(result: Result) -> int:
    """Milliseconds that the first timer of the run was set for."""
    timer = result.of("timer.started")[0]
    assert timer.data
    return int(timer.data["due"] - timer.at)


@pytest.mark.parametrize(
    ("duration", "milliseconds"),
    [
        ("PT1S", 1000),
        ("PT0.5S", 500),
        ("PT1M30S", 90_000),
        ("PT2H", 7_200_000),
        ("P1D", 86_400_000),
        ("P1DT12H", 129_600_000),
        ("P1W", 604_800_000),
        ("{ seconds: 10 }", 10_000),
        ("{ milliseconds: 250 }", 250),
        ("{ minutes: 2, seconds: 30 }", 150_000),
        ("{ days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5 }", 93_784_005),
        ("'${ .text }'", 5000),
        ("'${ \"PT\\(.n)S\" }'", 3000),
    ],
)
def test_a_wait_lasts_as_long_as_it_says_and_passes_its_input_on(
    bench: Bench, duration: str, milliseconds: int
) -> None:
    given = {"text": "PT5S", "n": 3}
    result = bench.run(f"do: [ {{ w: {{ wait: {duration} }} }} ]", input=given)
    assert (result.status, result.output, waited(result)) == ("completed", given, milliseconds)
    fired = result.of("timer.fired")[0]
    assert fired.at >= result.of("timer.started")[0].at + milliseconds


def test_a_wait_of_no_time_goes_on_at_once(bench: Bench) -> None:
    assert bench.run("do: [ { w: { wait: PT0S } }, { a: { set: { n: 1 } } } ]").output == {"n": 1}


@pytest.mark.parametrize("value", ["soon", "", "PT", "-PT1S", {"years": "two"}, 5, None, []])
def test_a_computed_duration_that_is_none_is_an_error_of_the_task(bench: Bench, value: object) -> None:
    result = bench.run("do: [ { w: { wait: '${ .d }' } } ]", input={"d": value})
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "validation", "/do/0/w")


@pytest.mark.parametrize("written", ["soon", "PT", "{ fortnights: 1 }", "{}", "[]"])
def test_a_written_duration_that_is_none_is_refused(bench: Bench, written: str) -> None:
    assert bench.diagnostics(f"do: [ {{ w: {{ wait: {written} }} }} ]")


def test_a_waiting_run_is_waiting(bench: Bench) -> None:
    live = bench.start("do: [ { w: { wait: PT1H } } ]").settle()
    assert live.status == "waiting"
    assert live.finish().status == "completed"


def test_waits_at_the_same_moment_all_end(bench: Bench) -> None:
    branches = ", ".join(f"{{ b{n}: {{ wait: PT10S }} }}" for n in range(20))
    result = bench.run(f"do: [ {{ f: {{ fork: {{ branches: [ {branches} ] }} }} }} ]", input=1)
    assert (result.output, len(result.of("timer.fired"))) == ([1] * 20, 20)


def test_a_wait_may_be_very_long(bench: Bench) -> None:
    assert waited(bench.run("do: [ { w: { wait: { days: 36500 } } } ]")) == 36500 * 86_400_000
