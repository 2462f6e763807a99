"""dsl.md, Data Flow: what goes into tasks, what comes out of them, and what the context holds."""

from __future__ import annotations

import json

import pytest

from .harness import STANDARD, Bench

POINTER = "instance"


# ---------------------------------------------------------------- scenarios of data-flow.feature


def test_input_from_keeps_only_what_the_task_needs(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - setPlayerId:
              input: { from: .user.claims.subject }
              set: { playerId: '${ . }' }
        """,
        input={"user": {"claims": {"subject": "6AsnRgGEB0q2O7ux9JXFAw"}}},
    )
    assert result.output == {"playerId": "6AsnRgGEB0q2O7ux9JXFAw"}


def test_output_as_keeps_only_what_is_wanted_of_the_raw_output(bench: Bench) -> None:
    result = bench.run("do: [ { a: { set: { id: 1, name: Rex }, output: { as: .id } } } ]")
    assert result.output == 1


def test_an_output_need_not_be_an_object(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - first: { set: { id: 1 }, output: { as: .id } }
          - second: { set: { id: 2 }, output: { as: '{ ids: [ $input, .id ] }' } }
        """
    )
    assert result.output == {"ids": [1, 2]}


# ---------------------------------------------------------------- the workflow's own input and output


def test_the_first_task_gets_the_transformed_workflow_input(bench: Bench) -> None:
    result = bench.run("input: { from: '${ .order }' }\ndo: [ { a: { set: '${ . }' } } ]", input={"order": {"id": 7}})
    assert result.output == {"id": 7}


def test_the_workflow_input_can_be_made_by_an_object_with_expressions(bench: Bench) -> None:
    result = bench.run(
        "input: { from: { id: '${ .order.id }', fixed: true } }\ndo: [ { a: { set: '${ . }' } } ]",
        input={"order": {"id": 7}},
    )
    assert result.output == {"id": 7, "fixed": True}


def test_the_workflow_input_is_validated_before_it_is_transformed(bench: Bench) -> None:
    document = """
        input:
          schema: { format: json, document: { type: object, required: [ id ] } }
          from: { wrapped: '${ . }' }
        do: [ { a: { set: '${ . }' } } ]
    """
    assert bench.run(document, input={"id": 1}).output == {"wrapped": {"id": 1}}
    refused = bench.run(document, input={"wrapped": {"id": 1}})
    assert refused.status == "faulted"
    assert refused.error is not None
    assert (refused.error["type"], refused.error["status"]) == (STANDARD + "validation", 400)
    assert "task.started" not in refused.types


def test_the_workflow_output_is_transformed_then_validated(bench: Bench) -> None:
    document = """
        do: [ { a: { set: { n: '${ .n }' } } } ]
        output:
          as: .n
          schema: { format: json, document: { type: integer } }
    """
    assert bench.run(document, input={"n": 3}).output == 3
    refused = bench.run(document, input={"n": "three"})
    assert refused.status == "faulted"
    assert refused.error is not None
    assert refused.error["type"] == STANDARD + "validation"


def test_without_transformations_the_last_output_is_the_workflow_output(bench: Bench) -> None:
    result = bench.run("do: [ { a: { set: { a: 1 } } }, { b: { set: { b: '${ .a }' } } } ]")
    assert result.output == {"b": 1}


@pytest.mark.parametrize("data", [None, True, 0, "text", [1, [2]], {"a": {"b": None}}, 1.5, ""])
def test_any_json_value_passes_through_unchanged(bench: Bench, data: object) -> None:
    result = bench.run("do: [ { a: { set: '${ . }' } }, { b: { do: [ { c: { set: '${ . }' } } ] } } ]", input=data)
    assert (result.output, type(result.output)) == (data, type(data))


@pytest.mark.parametrize("number", [2**53, 2**53 + 1, -(2**63), 2**64 - 1, 10**30, 123456789012345678901234567890])
def test_integers_beyond_a_double_keep_all_their_digits(bench: Bench, number: int) -> None:
    result = bench.run(
        """
        do:
          - keep: { set: { n: '${ .n }', whole: '${ . }' }, export: { as: '${ . }' } }
          - again: { set: { kept: '${ $context.n }', list: '${ [.whole.n] }' } }
        """,
        input={"n": number},
    )
    assert result.output == {"kept": number, "list": [number]}


# ---------------------------------------------------------------- each task


KINDS = {
    "set": "set: { made: '${ . }' }",
    "do": "do: [ { inner: { set: { made: '${ . }' } } } ]",
    "for": "for: { in: '${ [1] }' }\n    do: [ { inner: { set: { made: '${ . }' } } } ]",
    "fork": "fork: { branches: [ { inner: { set: { made: '${ . }' } } } ] }",
    "switch": "switch: [ { any: { then: continue } } ]",
    "try": "try: [ { inner: { set: { made: '${ . }' } } } ]\n    catch: {}",
    "wait": "wait: PT0.001S",
    "emit": "emit: { event: { with: { type: com.example.made, data: '${ . }' } } }",
    "listen": "listen: { to: { any: [] } }",
    "call": "call: echo:1.0.0@python\n    with: { made: '${ . }' }",
    "function": "call: own\n    with: { given: '${ . }' }",
    "run": "run: { script: { language: python, code: 'print(1)' }, return: all }",
}
"""A task of every kind, and how its raw output shows in what it gives."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_takes_input_gives_output_and_exports(bench: Bench, kind: str) -> None:
    result = bench.run(
        f"""
use: {{ functions: {{ own: {{ set: {{ made: '${{ .given }}' }} }} }} }}
do:
- task:
    if: '${{ .go }}'
    input:
      schema: {{ document: {{ type: object, required: [ raw ] }} }}
      from: '${{ .raw }}'
    {KINDS[kind]}
    output:
      as: {{ raw: '${{ $task.output }}', input: '${{ $input }}', same: '${{ . == $task.output }}', name: '${{ $task.name }}' }}
      schema: {{ document: {{ required: [ raw, input, same, name ] }} }}
    export:
      as: {{ seen: '${{ $output }}', before: '${{ $context }}', input: '${{ $task.input }}' }}
      schema: {{ document: {{ required: [ seen, before ] }} }}
- show: {{ set: {{ output: '${{ . }}', context: '${{ $context }}' }} }}
""",
        input={"go": True, "raw": {"x": 1}},
        functions={"echo:1.0.0": lambda given: given},
        events=[{"type": "com.example.any", "data": {"heard": 1}}],
    )
    assert result.status == "completed", result.error
    output, context = result.output["output"], result.output["context"]
    assert (output["input"], output["same"], output["name"]) == ({"x": 1}, True, "task")
    assert context["seen"] == output
    assert context["before"] == {"go": True, "raw": {"x": 1}}
    assert context["input"] == {"go": True, "raw": {"x": 1}}
    raw = output["raw"]
    expected = {
        "fork": [{"made": {"x": 1}}],
        "switch": {"x": 1},
        "wait": {"x": 1},
        "listen": [{"heard": 1}],
        "run": {"code": 0, "stdout": "1\n", "stderr": ""},
    }
    if kind == "emit":
        assert raw["data"] == {"x": 1}
    else:
        assert raw == expected.get(kind, {"made": {"x": 1}})


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_task_runs_when_its_condition_does_not_hold(bench: Bench, kind: str) -> None:
    result = bench.run(
        f"""
use: {{ functions: {{ own: {{ set: {{ made: 1 }} }} }} }}
do:
- task:
    if: .go
    {KINDS[kind]}
    output: {{ as: '${{ "never" }}' }}
    export: {{ as: '${{ "never" }}' }}
    then: end
- after: {{ set: {{ data: '${{ . }}', context: '${{ $context }}' }} }}
""",
        input={"go": False},
    )
    assert result.output == {"data": {"go": False}, "context": {"go": False}}
    assert result.order == ["after"]
    assert "task.skipped" in result.types


def test_if_sees_the_raw_input_before_schema_and_from(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - a:
              if: '${ .raw == 1 and ($task.input.raw == 1) }'
              input: { from: '${ .raw + 1 }', schema: { document: { required: [ raw ] } } }
              set: { got: '${ . }' }
        """,
        input={"raw": 1},
    )
    assert result.output == {"got": 2}


def test_the_task_input_is_validated_before_it_is_transformed(bench: Bench) -> None:
    document = """
        do:
          - a:
              input: { schema: { document: { required: [ x ] } }, from: '${ {} }' }
              set: '${ . }'
    """
    assert bench.run(document, input={"x": 1}).output == {}
    refused = bench.run(document, input={})
    assert refused.error is not None
    assert (refused.error["type"], refused.error[POINTER]) == (STANDARD + "validation", "/do/0/a")
    assert refused.of("task.faulted", "a")


def test_the_task_output_is_validated_after_it_is_transformed(bench: Bench) -> None:
    document = """
        do:
          - a:
              set: { x: '${ .x }' }
              output: { as: .x, schema: { document: { type: string } } }
    """
    assert bench.run(document, input={"x": "s"}).output == "s"
    refused = bench.run(document, input={"x": 1})
    assert refused.error is not None
    assert (refused.error["type"], refused.error[POINTER]) == (STANDARD + "validation", "/do/0/a")


def test_the_exported_context_is_validated(bench: Bench) -> None:
    document = """
        do:
          - a: { set: { x: '${ .x }' }, export: { as: .x, schema: { document: { type: string } } } }
    """
    assert bench.run(document, input={"x": "s"}).status == "completed"
    refused = bench.run(document, input={"x": 1})
    assert refused.error is not None
    assert (refused.error["type"], refused.error[POINTER]) == (STANDARD + "validation", "/do/0/a")


def test_an_export_schema_alone_validates_the_context_as_it_is(bench: Bench) -> None:
    refused = bench.run(
        "do: [ { a: { set: { x: 1 }, export: { schema: { document: { type: string } } } } } ]", input={}
    )
    assert refused.error is not None
    assert refused.error["type"] == STANDARD + "validation"


# ---------------------------------------------------------------- the context


def test_the_context_starts_as_the_transformed_workflow_input(bench: Bench) -> None:
    result = bench.run(
        "input: { from: .a }\ndo: [ { look: { set: { context: '${ $context }' } } } ]", input={"a": {"b": 1}}
    )
    assert result.output == {"context": {"b": 1}}


def test_export_replaces_the_context_and_stays_for_all_later_tasks(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - one: { set: { a: 1 }, export: { as: . } }
          - two: { set: { b: 2 }, export: { as: '$context + .' } }
          - three: { set: { c: 3 } }
          - look: { set: '${ $context }' }
        """
    )
    assert result.output == {"a": 1, "b": 2}


def test_a_task_without_export_leaves_the_context_alone(bench: Bench) -> None:
    result = bench.run(
        "do: [ { one: { set: { a: 1 }, output: { as: '${ {b: 2} }' } } }, { look: { set: '${ {c: $context} }' } } ]",
        input={"kept": True},
    )
    assert result.output == {"c": {"kept": True}}


def test_export_of_a_nested_task_reaches_the_tasks_around_it(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              do:
                - inner: { set: { a: 1 }, export: { as: { from: inner, a: '${ .a }' } } }
                - beside: { set: '${ $context.from }' }
              export: { as: '${ $context + { outer: . } }' }
          - look: { set: '${ $context }' }
        """
    )
    assert result.output == {"from": "inner", "a": 1, "outer": "inner"}


def test_the_last_branch_to_complete_decides_the_context(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - both:
              fork:
                branches:
                  - slow: { do: [ { w: { wait: PT2S } }, { s: { set: '${ "slow" }', export: { as: { by: '${ . }' } } } } ] }
                  - fast: { do: [ { w: { wait: PT1S } }, { f: { set: '${ "fast" }', export: { as: { by: '${ . }' } } } } ] }
          - look: { set: { outputs: '${ . }', context: '${ $context }' } }
        """
    )
    assert result.output == {"outputs": ["slow", "fast"], "context": {"by": "slow"}}


def test_a_loop_gathers_in_the_context(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - each:
              for: { in: '${ [1, 2, 3] }' }
              while: '${ ($context.sum // 0) < 3 }'
              do:
                - add: { set: '${ $item }', export: { as: { sum: '${ ($context.sum // 0) + . }' } } }
          - look: { set: '${ $context }' }
        """,
        input={},
    )
    assert result.output == {"sum": 3}


def test_what_a_caught_block_exported_before_it_failed_stays(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - attempt:
              try:
                - note: { set: { n: 1 }, export: { as: { noted: '${ .n }' } } }
                - fail: { raise: { error: { type: https://example.com/bad, status: 400 } } }
              catch: { do: [ { look: { set: '${ $context }' } } ] }
        """
    )
    assert result.output == {"noted": 1}


# ---------------------------------------------------------------- values are data, never expressions


def test_an_expression_in_the_data_stays_text(bench: Bench) -> None:
    hostile = {"a": "${ .secret }", "b": ".secret", "secret": 1}
    result = bench.run(
        """
        do:
          - a: { set: { a: '${ .a }', text: 'say ${ .a }', b: '${ .b }' } }
          - b: { set: '${ . }' }
        """,
        input=hostile,
    )
    assert result.output == {"a": "${ .secret }", "text": "say ${ .secret }", "b": ".secret"}


def test_a_value_that_is_passed_on_is_recorded_once(bench: Bench) -> None:
    large = {"text": "x" * 5000}
    result = bench.run(
        """
        do:
          - a: { set: '${ . }' }
          - b: { do: [ { c: { set: '${ .text }' } } ], output: { as: '${ $input }' }, export: { as: . } }
          - d: { input: { from: .text }, wait: PT0S }
        """,
        input=large,
    )
    assert result.output == large["text"]
    # Once in the input; a text may be repeated where it is a part, never the whole object.
    assert sum('"text"' in json.dumps(event.data) for event in result.events) == 1
