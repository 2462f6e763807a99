"""dsl.md, Task Flow, and dsl-reference.md, Flow Directive and Do: which task comes next."""

from __future__ import annotations

import json

import pytest

from .harness import Bench

COLOURS = "set: { colors: '${ .colors + [ \"%s\" ] }' }"
RED, GREEN, BLUE = (COLOURS % name for name in ("red", "green", "blue"))


# ---------------------------------------------------------------- scenarios of flow.feature and do.feature


def test_tasks_run_in_the_order_of_their_declaration(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ setRed: {{ {RED} }} }}, {{ setGreen: {{ {GREEN} }} }}, {{ setBlue: {{ {BLUE} }} }} ]")
    assert result.output == {"colors": ["red", "green", "blue"]}
    assert result.order == ["setRed", "setGreen", "setBlue"]


def test_then_names_the_task_that_comes_next(bench: Bench) -> None:
    result = bench.run(
        f"""
        do:
          - setRed: {{ {RED}, then: setGreen }}
          - setBlue: {{ {BLUE}, then: end }}
          - setGreen: {{ {GREEN}, then: setBlue }}
        """
    )
    assert result.output == {"colors": ["red", "green", "blue"]}
    assert result.order == ["setRed", "setGreen", "setBlue"]


def test_a_composite_task_runs_its_tasks_in_sequence(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ all: {{ do: [ {{ r: {{ {RED} }} }}, {{ g: {{ {GREEN} }} }}, {{ b: {{ {BLUE} }} }} ] }} }} ]"
    )
    assert result.output == {"colors": ["red", "green", "blue"]}


# ---------------------------------------------------------------- directives


def test_continue_goes_on_with_the_next_task(bench: Bench) -> None:
    assert bench.run("do: [ { a: { set: { n: 1 }, then: continue } }, { b: { set: { n: 2 } } } ]").order == ["a", "b"]


def test_continue_after_the_last_task_ends_the_block(bench: Bench) -> None:
    result = bench.run(
        "do: [ { outer: { do: [ { last: { set: { n: 1 }, then: continue } } ] } }, { after: { set: '${ . }' } } ]"
    )
    assert (result.order, result.output) == (["outer", "last", "after"], {"n": 1})


def test_exit_in_the_main_block_ends_the_workflow(bench: Bench) -> None:
    result = bench.run("do: [ { a: { set: { n: 1 }, then: exit } }, { b: { set: { n: 2 } } } ]")
    assert (result.status, result.output, result.order) == ("completed", {"n": 1}, ["a"])


def test_exit_leaves_only_the_block_it_stands_in(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              do:
                - middle: { do: [ { a: { set: { n: 1 }, then: exit } }, { never: { set: { n: 2 } } } ] }
                - beside: { set: { n: '${ .n + 10 }' } }
          - after: { set: { n: '${ .n + 100 }' } }
        """
    )
    assert (result.output, result.order) == ({"n": 111}, ["outer", "middle", "a", "beside", "after"])


def test_exit_in_a_loop_ends_that_iteration(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - each:
              for: { in: '${ [1, 2, 3] }' }
              do:
                - odd: { switch: [ { odd: { when: $item % 2 == 1, then: exit } } ] }
                - add: { set: '${ . + [$item] }' }
        """,
        input=[],
    )
    assert result.output == [2]


def test_end_completes_the_workflow_with_that_tasks_output(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              do:
                - a: { set: { n: 1 }, output: { as: '${ { as: .n } }' }, then: end }
                - never: { set: { n: 2 } }
              output: { as: '${ "the outer task does not complete" }' }
              export: { as: '${ "nor does it export" }' }
          - neither: { set: { n: 3 } }
        output: { as: { out: '${ . }', context: '${ $context }' } }
        """,
        input={},
    )
    assert result.output == {"out": {"as": 1}, "context": {}}
    assert [event.task for event in result.of("task.cancelled")] == ["/do/0/outer"]
    assert result.status == "completed"


@pytest.mark.parametrize(
    "around",
    [
        "for: { in: '${ [1, 2] }' }, do: [ %s ]",
        "fork: { branches: [ %s, { slow: { wait: PT1H } } ] }",
        "try: [ %s ], catch: {}",
        "try: [ { bad: { raise: { error: { type: https://example.com/x, status: 400 } } } } ], catch: { do: [ %s ] }",
        "do: [ %s, { never: { set: { n: 2 } } } ]",
        "listen: { to: { any: [], until: '${ false }' } }, foreach: { do: [ %s ] }",
    ],
)
def test_end_ends_the_workflow_from_inside_any_task(bench: Bench, around: str) -> None:
    inside = around % "{ stop: { set: { n: 1 }, then: end } }"
    document = f"do: [ {{ outer: {{ {inside} }} }}, {{ never: {{ set: {{ n: 3 }} }} }} ]"
    result = bench.run(document, events=[{"type": "com.example.any"}] if "listen" in around else [])
    assert (result.status, result.output) == ("completed", {"n": 1})
    assert "never" not in result.order


def test_a_loop_of_directives_goes_round_until_a_case_leaves_it(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - count: { set: { n: '${ .n + 1 }' } }
          - more: { switch: [ { again: { when: .n < 5, then: count } }, { enough: { then: done } } ] }
          - skipped: { set: { n: -1 } }
          - done: { set: { total: '${ .n }' } }
        """,
        input={"n": 0},
    )
    assert result.output == {"total": 5}
    assert "skipped" not in result.order


def test_the_then_of_a_skipped_task_is_ignored(bench: Bench) -> None:
    result = bench.run("do: [ { a: { if: '${ false }', set: { n: 1 }, then: end } }, { b: { set: { n: 2 } } } ]")
    assert (result.output, result.order) == ({"n": 2}, ["b"])


def test_a_directive_may_not_leave_its_own_block(bench: Bench) -> None:
    found = bench.diagnostics("do: [ { a: { do: [ { b: { set: { n: 1 }, then: c } } ] } }, { c: { set: { n: 2 } } } ]")
    assert any("no task 'c' in this block" in each for each in found)


def test_an_endless_loop_of_pure_tasks_reaches_a_limit(bench: Bench) -> None:
    result = bench.run("do: [ { a: { set: { n: 1 }, then: a } } ]")
    assert result.status == "faulted"
    assert result.error is not None
    assert (result.error["code"], "limits.pure_tasks" in result.error["detail"]) == ("limit", True)


# ---------------------------------------------------------------- names and depth


@pytest.mark.parametrize(
    "name", ["a/b", "til~de", "~1", "ünï – 空", "with space", "0", "do", "é" * 40, "a.b[0]", '"q"', "${x}"]
)
def test_any_name_can_be_gone_to_and_referred_to(bench: Bench, name: str) -> None:
    document = {
        "document": {"dsl": "1.0.3", "namespace": "tests", "name": "names", "version": "1.0.0"},
        "do": [
            {"first": {"set": {"n": 1}, "then": name}},
            {"between": {"set": {"n": 2}}},
            {name: {"do": [{name: {"set": {"name": "${ $task.name }", "at": "${ $task.reference }"}}}]}},
        ],
    }
    result = bench.run(json.dumps(document))
    step = name.replace("~", "~0").replace("/", "~1")
    assert result.output == {"name": name, "at": f"/do/2/{step}/do/0/{step}"}
    assert result.order == ["first", name, name]


def test_the_same_name_may_be_used_in_different_blocks(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - a: { do: [ { a: { do: [ { a: { set: { n: '${ .n + 1 }' } } } ] } } ] }
          - b: { do: [ { a: { set: { n: '${ .n + 1 }' } } } ] }
        """,
        input={"n": 0},
    )
    assert result.output == {"n": 2}


def test_an_empty_composite_task_passes_its_input_on(bench: Bench) -> None:
    result = bench.run("do: [ { a: { do: [] } }, { b: { do: [ { c: { do: [] } } ] } } ]", input={"n": 1})
    assert (result.status, result.output) == ("completed", {"n": 1})


def test_tasks_nest_as_deep_as_a_document_may(bench: Bench) -> None:
    depth = 60
    inner = "set: { n: '${ .n + 1 }' }"
    for level in range(depth):
        inner = f"do: [ {{ level{level}: {{ {inner} }} }} ]"
    result = bench.run(inner, input={"n": 1})
    assert result.output == {"n": 2}
    assert len(result.of("task.completed")) == depth


def test_tasks_nest_two_hundred_deep_through_functions(bench: Bench) -> None:
    depth = 200
    files = {
        f"f{n}.yaml": f"do: [ {{ next: {{ call: ./f{n + 1}.yaml, with: {{ n: '${{ .n + 1 }}' }} }} }} ]"
        for n in range(depth)
    }
    files[f"f{depth}.yaml"] = "set: '${ . }'"
    result = bench.run("do: [ { a: { call: ./f0.yaml, with: { n: 0 } } } ]", files=files)
    assert result.output == {"n": depth}


def test_a_function_that_calls_itself_without_end_costs_its_run_an_error(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { call: ./again.yaml } } ]", files={"again.yaml": "do: [ { again: { call: ./again.yaml } } ]"}
    )
    assert result.status == "faulted"
    assert result.error is not None
    assert result.error["code"] == "limit"
