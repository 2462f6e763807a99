"""dsl-reference.md, Switch."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import STANDARD, Bench

CASES = """
do:
  - switchColor:
      switch:
        - red: { when: .color == "red", then: setRed }
        - green: { when: '${ .color == "green" }', then: setGreen }
        %s
      then: %s
  - setRed: { set: { colors: '${ .colors + [ "red" ] }' }, then: end }
  - setGreen: { set: { colors: '${ .colors + [ "green" ] }' }, then: end }
  - setOther: { set: { colors: '${ .colors + [ $input.color ] }' } }
"""


@pytest.mark.parametrize(("color", "name"), [("red", "setRed"), ("green", "setGreen")])
def test_the_first_case_that_matches_says_what_comes_next(bench: Bench, color: str, name: str) -> None:
    result = bench.run(CASES % ("", "end"), input={"color": color})
    assert (result.output, result.order) == ({"colors": [color]}, ["switchColor", name])


def test_without_a_match_the_flow_goes_on_as_the_task_says(bench: Bench) -> None:
    result = bench.run(CASES % ("", "end"), input={"color": "yellow"})
    assert (result.output, result.order) == ({"color": "yellow"}, ["switchColor"])


def test_a_case_without_condition_matches_when_no_other_does(bench: Bench) -> None:
    document = CASES % ("- anyOther: { then: setOther }", "end")
    assert bench.run(document, input={"color": "yellow"}).output == {"colors": ["yellow"]}
    assert bench.run(document, input={"color": "red"}).output == {"colors": ["red"]}


def test_the_default_may_stand_first_and_still_comes_last(bench: Bench) -> None:
    document = """
        do:
          - s: { switch: [ { default: { then: b } }, { one: { when: .n == 1, then: a } } ] }
          - a: { set: { took: a }, then: exit }
          - b: { set: { took: b } }
    """
    assert bench.run(document, input={"n": 1}).output == {"took": "a"}
    assert bench.run(document, input={"n": 2}).output == {"took": "b"}


def test_only_the_first_of_several_matches_counts(bench: Bench) -> None:
    result = bench.run(
        "do: [ { s: { switch: [ { a: { when: .n > 0, then: x } }, { b: { when: .n > 1, then: y } } ] } }, { y: { set: { took: y }, then: end } }, { x: { set: { took: x } } } ]",
        input={"n": 5},
    )
    assert result.output == {"took": "x"}
    assert result.of("task.completed", "s")[0].data == {"case": "a", "then": "x"}


def test_a_case_may_end_or_leave_or_go_on(bench: Bench) -> None:
    document = """
        do:
          - outer:
              do:
                - s:
                    switch:
                      - e: { when: . == "end", then: end }
                      - x: { when: . == "exit", then: exit }
                      - c: { when: . == "continue", then: continue }
                - inside: { set: '${ . + " inside" }' }
          - outside: { set: '${ . + " outside" }' }
    """
    assert bench.run(document, input="end").output == "end"
    assert bench.run(document, input="exit").output == "exit outside"
    assert bench.run(document, input="continue").output == "continue inside outside"


def test_conditions_follow_jqs_truth(bench: Bench) -> None:
    document = "do: [ { s: { switch: [ { a: { when: .v, then: yes } } ], then: end } }, { yes: { set: '${ true }' } } ]"
    truths: list[Any] = [0, "", [], {}, "false", True]
    for value in truths:
        assert bench.run(document, input={"v": value}).output is True
    for nothing in (None, False):
        assert bench.run(document, input={"v": nothing}).output == {"v": nothing}


def test_a_switch_passes_its_transformed_input_on(bench: Bench) -> None:
    result = bench.run(
        "do: [ { s: { input: { from: .a }, switch: [ { x: { when: .b == 1, then: t } } ], output: { as: '${ { got: . } }' } } }, { t: { set: '${ . }' } } ]",
        input={"a": {"b": 1}},
    )
    assert result.output == {"got": {"b": 1}}


def test_a_condition_sees_context_and_loop_variables(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - l:
              for: { in: '${ [1, 2, 3] }' }
              do:
                - s: { switch: [ { big: { when: $item >= $context.limit, then: keep } } ], then: exit }
                - keep: { set: '${ . + [$item] }' }
        """,
        input={"limit": 2},
    )
    assert result.status == "faulted"  # an object and an array do not add up: the input is an object
    result = bench.run(
        """
        input: { from: '${ { limit: 2 } }' }
        do:
          - s0: { set: '${ [] }' }
          - l:
              for: { in: '${ [1, 2, 3] }' }
              do:
                - s: { switch: [ { big: { when: $item >= $context.limit, then: keep } } ], then: exit }
                - keep: { set: '${ . + [$item] }' }
        """
    )
    assert result.output == [2, 3]


def test_a_failing_condition_faults_the_task(bench: Bench) -> None:
    result = bench.run("do: [ { s: { switch: [ { a: { when: .x.y, then: end } } ] } } ]", input={"x": 1})
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "expression", "/do/0/s")


def test_two_defaults_are_refused(bench: Bench) -> None:
    found = bench.diagnostics("do: [ { s: { switch: [ { a: { then: end } }, { b: { then: end } } ] } } ]")
    assert any("second default" in each for each in found)


def test_a_case_leads_to_no_task_of_another_block(bench: Bench) -> None:
    found = bench.diagnostics(
        "do: [ { o: { do: [ { s: { switch: [ { a: { then: t } } ] } } ] } }, { t: { set: { n: 1 } } } ]"
    )
    assert any("no task 't' in this block" in each for each in found)
