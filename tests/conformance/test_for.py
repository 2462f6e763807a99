"""dsl-reference.md, For."""

from __future__ import annotations

import pytest

from .harness import STANDARD, Bench


def test_a_loop_runs_its_tasks_for_each_item_and_passes_the_output_on(bench: Bench) -> None:
    """The scenario of for.feature: a named item, the default index, an output that grows."""
    result = bench.run(
        """
        do:
          - loopColors:
              for: { each: color, in: .colors }
              do:
                - mark: { set: { done: '${ { colors: (.done.colors + [ $color ]), indexes: (.done.indexes + [ $index ]) } }' } }
        """,
        input={"colors": ["red", "green", "blue"]},
    )
    assert result.output == {"done": {"colors": ["red", "green", "blue"], "indexes": [0, 1, 2]}}


def test_the_variables_are_item_and_index_by_default(bench: Bench) -> None:
    result = bench.run("do: [ { l: { for: { in: '${ [7] }' }, do: [ { a: { set: '${ [$item, $index] }' } } ] } } ]")
    assert result.output == [7, 0]


def test_each_and_at_name_the_variables(bench: Bench) -> None:
    result = bench.run(
        "do: [ { l: { for: { each: pet, at: place, in: '${ [7] }' }, do: [ { a: { set: '${ [$pet, $place] }' } } ] } } ]"
    )
    assert result.output == [7, 0]


def test_in_takes_an_inline_array(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - l:
              for: { each: color, in: [ { name: red, hex: '#FF0000' }, { name: '${ .own }' } ] }
              do: [ { a: { set: { seen: '${ .seen + [$color] }', own: '${ .own }' } } } ]
        """,
        input={"own": "mine"},
    )
    assert result.output["seen"] == [{"name": "red", "hex": "#FF0000"}, {"name": "mine"}]


def test_while_ends_the_loop_when_it_no_longer_holds(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - l:
              for: { each: n, at: place, in: '${ [1, 2, 3, 4] }' }
              while: .sum < 3 and $n < 4 and $place < 9
              do: [ { add: { set: { sum: '${ .sum + $n }' } } } ]
        """,
        input={"sum": 0},
    )
    assert result.output == {"sum": 3}
    assert len(result.of("loop.iterated")) == 2


def test_while_that_never_holds_passes_the_input_on(bench: Bench) -> None:
    result = bench.run(
        "do: [ { l: { for: { in: '${ [1] }' }, while: '${ false }', do: [ { a: { set: { n: 1 } } } ] } } ]",
        input={"k": 1},
    )
    assert (result.output, result.order) == ({"k": 1}, ["l"])


def test_no_items_pass_the_input_on(bench: Bench) -> None:
    result = bench.run("do: [ { l: { for: { in: '${ [] }' }, do: [ { a: { set: { n: 1 } } } ] } } ]", input={"k": 1})
    assert (result.output, result.order) == ({"k": 1}, ["l"])


def test_an_empty_body_goes_through_the_items(bench: Bench) -> None:
    result = bench.run("do: [ { l: { for: { in: '${ [1, 2] }' }, do: [] } } ]", input={"k": 1})
    assert (result.output, len(result.of("loop.iterated"))) == ({"k": 1}, 2)


@pytest.mark.parametrize("given", [None, 5, "text", {"a": 1}, True])
def test_what_is_no_array_is_an_expression_error(bench: Bench, given: object) -> None:
    result = bench.run("do: [ { l: { for: { in: . }, do: [ { a: { set: { n: 1 } } } ] } } ]", input=given)
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "expression", "/do/0/l")
    assert "array" in result.error["detail"]


def test_inner_loops_see_the_variables_of_outer_ones(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              for: { each: x, at: i, in: '${ [1, 2] }' }
              do:
                - inner:
                    for: { each: y, at: j, in: '${ [$x * 10, $x * 20] }' }
                    while: $y < 40
                    do: [ { add: { set: '${ . + [[$x, $y, $i, $j]] }' } } ]
        """,
        input=[],
    )
    assert result.output == [[1, 10, 0, 0], [1, 20, 0, 1], [2, 20, 1, 0]]


def test_an_inner_loop_may_use_the_same_names(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              for: { in: '${ [1, 2] }' }
              do:
                - inner: { for: { in: '${ [$item * 10] }' }, do: [ { a: { set: '${ . + [$item] }' } } ] }
                - b: { set: '${ . + [$item] }' }
        """,
        input=[],
    )
    assert result.output == [10, 1, 20, 2]


def test_the_variables_end_with_the_loop(bench: Bench) -> None:
    found = bench.diagnostics(
        "do: [ { l: { for: { in: '${ [1] }' }, do: [ { a: { set: { n: 1 } } } ], output: { as: '${ $item }' } } } ]"
    )
    assert any("$item" in each for each in found)


def test_the_collection_is_fixed_when_the_loop_starts(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - l:
              for: { in: .list }
              do: [ { grow: { set: { list: '${ .list + [9] }', n: '${ .n + 1 }' } } } ]
        """,
        input={"list": [1, 2], "n": 0},
    )
    assert result.output == {"list": [1, 2, 9, 9], "n": 2}


def test_items_may_be_any_values(bench: Bench) -> None:
    items = [None, False, 0, "", [], {}, [1], {"a": 1}]
    result = bench.run(
        "do: [ { l: { for: { in: .items }, do: [ { a: { set: { items: '${ .items }', out: '${ .out + [$item] }' } } } ] } } ]",
        input={"items": items},
    )
    assert result.output["out"] == items


def test_an_error_in_an_iteration_ends_the_loop(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - t:
              try:
                - l:
                    for: { in: '${ [1, 2, 3] }' }
                    do:
                      - a:
                          if: $item == 2
                          raise: { error: { type: https://example.com/two, status: 418 } }
              catch: { do: [ { c: { set: '${ $error.instance }' } } ] }
        """
    )
    assert result.output == "/do/0/t/try/0/l/do/0/a"
    assert len(result.of("loop.iterated")) == 2


def test_thousands_of_iterations_with_constant_outputs(bench: Bench) -> None:
    """The output is the same object each time: what is recorded must not depend on that."""
    result = bench.run("do: [ { l: { for: { in: '${ [range(3000)] }' }, do: [ { a: { set: { same: [ 1 ] } } } ] } } ]")
    assert result.output == {"same": [1]}
    assert all(event.data == {"output": {"same": [1]}} for event in result.of("task.completed", "a"))


def test_effects_in_a_loop_run_one_after_the_other(bench: Bench) -> None:
    seen: list[int] = []

    def note(given: dict[str, int]) -> int:
        seen.append(given["n"])
        return given["n"]

    bench.run(
        "do: [ { l: { for: { in: '${ [range(20)] }' }, do: [ { a: { call: 'note:1.0.0@python', with: { n: '${ $item }' } } } ] } } ]",
        functions={"note:1.0.0": note},
    )
    assert seen == list(range(20))
