"""dsl.md, Runtime Expressions: where they stand, what they see, and what becomes of those that fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reach_workbench import __version__

from .harness import STANDARD, Bench

ARGUMENTS = ("context", "input", "output", "secrets", "task", "workflow", "runtime", "authorization")

PLACES: dict[str, tuple[str, str]] = {
    "workflow input.from": (
        "input: { from: { seen: '${ %s }' } }\ndo: [ { a: { set: '${ .seen }' } } ]",
        "secrets workflow runtime",
    ),
    "if": (
        "do: [ { a: { if: '${ %s | (tojson | length) > 0 }', set: { ran: true } } } ]",
        "context secrets task workflow runtime",
    ),
    "input.from": (
        "do: [ { a: { input: { from: { seen: '${ %s }' } }, set: '${ .seen }' } } ]",
        "context secrets task workflow runtime",
    ),
    "task definition": (
        "do: [ { a: { set: '${ %s }' } } ]",
        "context input secrets task workflow runtime authorization",
    ),
    "output.as": (
        "do: [ { a: { set: { x: 1 }, output: { as: '${ %s }' } } } ]",
        "context input secrets task workflow runtime authorization",
    ),
    "export.as": (
        "do: [ { a: { set: { x: 1 }, export: { as: { seen: '${ %s }' } } } }, { b: { set: '${ $context.seen }' } } ]",
        "context input output secrets task workflow runtime authorization",
    ),
    "workflow output.as": (
        "do: [ { a: { set: { x: 1 } } } ]\noutput: { as: '${ %s }' }",
        "context secrets workflow runtime",
    ),
}
"""Each row of the specification's table: a workflow that shows a variable there, and those it may show."""

USE = "use: { secrets: [ key ] }\n"


@pytest.mark.parametrize(
    ("place", "argument"), [(place, name) for place, (_, names) in PLACES.items() for name in names.split()]
)
def test_argument_is_available(bench: Bench, place: str, argument: str) -> None:
    document = USE + PLACES[place][0] % f"${argument}"
    result = bench.run(document, input={"in": 1}, secrets={"key": {"user": "u"}})
    assert result.status == "completed", result.error
    seen = result.output
    if place == "if":
        assert seen == {"ran": True}
    elif argument in ("context", "input"):
        assert seen == {"in": 1}
    elif argument == "output":
        assert seen == {"x": 1}
    elif argument == "secrets":
        assert seen == {"key": {"user": "⟦secret:key/user⟧"}}
    elif argument == "task":
        assert (seen["name"], seen["reference"], seen["input"]) == ("a", "/do/0/a", {"in": 1})
        assert ("output" in seen) == (place in ("output.as", "export.as"))
    elif argument == "workflow":
        assert set(seen) == {"id", "definition", "input", "startedAt"}
        assert seen["input"] == {"in": 1}
    elif argument == "runtime":
        assert (seen["name"], seen["version"], seen["metadata"]) == ("reach", __version__, {})
    else:
        assert seen is None


@pytest.mark.parametrize(
    ("place", "argument"),
    [(place, name) for place, (_, names) in PLACES.items() for name in ARGUMENTS if name not in names.split()],
)
def test_argument_is_refused_where_the_specification_gives_none(bench: Bench, place: str, argument: str) -> None:
    found = bench.diagnostics(USE + PLACES[place][0] % f"${argument}")
    assert any(f"${argument}" in each for each in found), found


# ---------------------------------------------------------------- what the arguments hold


def test_workflow_describes_this_execution(bench: Bench) -> None:
    result = bench.run(
        """
        input: { from: .inner }
        do: [ { a: { set: '${ { $workflow, input: $input } }' } } ]
        """,
        input={"inner": 5},
    )
    workflow = result.output["workflow"]
    assert workflow["id"] == result.id
    assert workflow["definition"]["document"]["name"] == "case"
    assert list(workflow["definition"]["do"][0]) == ["a"]
    assert (workflow["input"], result.output["input"]) == ({"inner": 5}, 5)
    started = next(event.at for event in result.events if event.type == "workflow.started")
    assert workflow["startedAt"]["epoch"] == {"seconds": started // 1000, "milliseconds": started}
    assert workflow["startedAt"]["iso8601"].endswith(f".{started % 1000:03d}Z")


def test_task_describes_the_current_task(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - first: { set: { n: 1 } }
          - second:
              input: { from: .n }
              metadata: { colour: blue }
              do:
                - inner: { set: '${ $task }' }
              output: { as: { inner: '${ . }', own: '${ $task }' } }
        """
    )
    inner, own = result.output["inner"], result.output["own"]
    assert (inner["name"], inner["reference"]) == ("inner", "/do/1/second/do/0/inner")
    assert inner["definition"] == {"set": "${ $task }"}
    assert inner["input"] == 1
    assert (own["name"], own["reference"], own["input"]) == ("second", "/do/1/second", {"n": 1})
    assert own["definition"]["metadata"] == {"colour": "blue"}
    assert own["output"] == inner
    started = result.of("task.started", "second")[0].at
    assert own["startedAt"]["epoch"]["milliseconds"] == started


def test_input_is_the_transformed_input_of_the_task_itself(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - outer:
              input: { from: .a }
              do:
                - one: { set: { outer: '${ $input }' } }
                - two: { input: { from: '${ 2 }' }, set: { before: '${ $task.input }', now: '${ $input }', dot: '${ . }' } }
        """,
        input={"a": 1},
    )
    assert result.output == {"before": {"outer": 1}, "now": 2, "dot": 2}


@pytest.mark.parametrize("place", ["each", "at", "as", "item"])
def test_no_variable_may_hide_an_argument(bench: Bench, place: str) -> None:
    documents = {
        "each": "do: [ { a: { for: { each: context, in: '${ [] }' }, do: [ { b: { set: {} } } ] } } ]",
        "at": "do: [ { a: { for: { at: input, in: '${ [] }' }, do: [ { b: { set: {} } } ] } } ]",
        "as": "do: [ { a: { try: [ { b: { set: {} } } ], catch: { as: task } } } ]",
        "item": "do: [ { a: { listen: { to: { any: [] } }, foreach: { item: workflow, do: [ { b: { set: {} } } ] } } } ]",
    }
    assert any("meaning of its own" in each for each in bench.diagnostics(documents[place]))


# ---------------------------------------------------------------- forms


def test_text_holds_expressions_among_other_text(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { set: { text: 'n=${ .n }, s=${ .s }, o=${ .o }, nothing=${ .missing }' } } } ]",
        input={"n": 1, "s": "two", "o": {"b": [1]}},
    )
    assert result.output == {"text": 'n=1, s=two, o={"b":[1]}, nothing=null'}


def test_expressions_stand_at_any_depth(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { set: { list: [ '${ .n }', { deep: [ [ '${ .n + 1 }' ] ] } ], plain: [ 1, .n ] } } } ]",
        input={"n": 1},
    )
    assert result.output == {"list": [1, {"deep": [[2]]}], "plain": [1, ".n"]}


@pytest.mark.parametrize("place", ["if", "when", "while", "from", "as"])
def test_where_only_an_expression_can_stand_the_braces_may_be_left_out(bench: Bench, place: str) -> None:
    documents = {
        "if": "do: [ { a: { if: .n == 1, set: { ok: true } } } ]",
        "when": "do: [ { a: { switch: [ { x: { when: .n == 1, then: b } } ] } }, { b: { set: { ok: true } } } ]",
        "while": "do: [ { a: { for: { in: .list }, while: .n == 1, do: [ { b: { set: { ok: true } } } ] } } ]",
        "from": "do: [ { a: { input: { from: '{ ok: (.n == 1) }' }, set: '${ . }' } } ]",
        "as": "do: [ { a: { set: '${ . }', output: { as: '{ ok: (.n == 1) }' } } } ]",
    }
    assert bench.run(documents[place], input={"n": 1, "list": [1]}).output == {"ok": True}


def test_strict_mode_takes_text_without_braces_as_text(bench: Bench) -> None:
    assert bench.run("do: [ { a: { set: { text: .n, sum: 1 + 1 } } } ]", input={"n": 1}).output == {
        "text": ".n",
        "sum": "1 + 1",
    }


def test_loose_mode_tries_every_text_as_an_expression(bench: Bench) -> None:
    result = bench.run(
        "evaluate: { mode: loose }\ndo: [ { a: { set: { n: .n, sum: 1 + 1, braces: '${ .n }', text: Hello there!, name: bob } } } ]",
        input={"n": 1},
    )
    assert result.output == {"n": 1, "sum": 2, "braces": 1, "text": "Hello there!", "name": "bob"}


def test_in_loose_mode_an_expression_that_fails_is_text(bench: Bench) -> None:
    result = bench.run("evaluate: { mode: loose }\ndo: [ { a: { set: { x: .n.deeper } } } ]", input={"n": 1})
    assert result.output == {"x": ".n.deeper"}


def test_the_language_is_jq_and_no_other(bench: Bench) -> None:
    assert bench.run("evaluate: { language: jq, mode: strict }\ndo: [ { a: { set: '${ 1 }' } } ]").output == 1
    assert bench.diagnostics("evaluate: { language: javascript }\ndo: [ { a: { set: '${ 1 }' } } ]")


# ---------------------------------------------------------------- failing


@pytest.mark.parametrize(
    "expression",
    ['"text" + 1', ".n.x.y", "error", 'error("mine")', "[] | error(.)", "1 / 0", "{} | .[0]", "tonumber"],
)
def test_an_expression_that_fails_is_an_expression_error(bench: Bench, expression: str) -> None:
    result = bench.run(f"do: [ {{ a: {{ set: {{ x: {json.dumps('${ ' + expression + ' }')} }} }} }} ]", input={"n": 1})
    assert result.status == "faulted", result.output
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "expression", 400)
    assert result.error["instance"] == "/do/0/a"


def test_several_results_are_an_error_and_none_is_null(bench: Bench) -> None:
    several = bench.run("do: [ { a: { set: { x: '${ .[] }' } } } ]", input=[1, 2])
    assert several.error is not None
    assert several.error["type"] == STANDARD + "expression"
    assert bench.run("do: [ { a: { set: { x: '${ empty }' } } } ]").output == {"x": None}


@pytest.mark.parametrize(
    ("place", "instance"),
    [
        ("if: '${ error }', set: { x: 1 }", "/do/0/a"),
        ("input: { from: '${ error }' }, set: { x: 1 }", "/do/0/a"),
        ("set: '${ error }'", "/do/0/a"),
        ("set: { x: 1 }, output: { as: '${ error }' }", "/do/0/a"),
        ("set: { x: 1 }, export: { as: '${ error }' }", "/do/0/a"),
        ("set: { x: 1 }, timeout: { after: '${ error }' }", "/do/0/a"),
        ("wait: '${ error }'", "/do/0/a"),
        ("for: { in: '${ error }' }, do: []", "/do/0/a"),
        ("for: { in: '${ [1] }' }, while: '${ error }', do: []", "/do/0/a"),
        ("switch: [ { x: { when: '${ error }', then: end } } ]", "/do/0/a"),
        ("emit: { event: { with: { type: '${ error }' } } }", "/do/0/a"),
        ("raise: { error: { type: https://example.com/x, status: 400, detail: '${ error }' } }", "/do/0/a"),
        ("run: { shell: { command: 'echo ${ error }' } }", "/do/0/a"),
    ],
)
def test_wherever_it_fails_the_error_is_the_tasks_and_can_be_caught(bench: Bench, place: str, instance: str) -> None:
    task = f"{{ a: {{ {place} }} }}"
    plain = bench.run(f"do: [ {task} ]", input="broken")
    assert plain.error is not None, plain.output
    assert (plain.error["type"], plain.error["instance"]) == (STANDARD + "expression", instance)
    assert plain.of("task.faulted", "a")
    caught = bench.run(
        f"do: [ {{ t: {{ try: [ {task} ], catch: {{ do: [ {{ c: {{ set: '${{ $error.status }}' }} }} ] }} }} }} ]"
    )
    assert caught.output == 400


def test_an_error_in_the_workflow_output_faults_the_workflow(bench: Bench) -> None:
    result = bench.run("do: [ { a: { set: { x: 1 } } } ]\noutput: { as: '${ error }' }")
    assert (result.status, result.types[-1]) == ("faulted", "workflow.faulted")


@pytest.mark.parametrize(
    "word", ["now", "env", "$ENV", "input", "debug", "localtime", "halt", "input_filename", "$__loc__"]
)
def test_what_reads_the_machine_is_refused(bench: Bench, word: str) -> None:
    assert bench.diagnostics(f"do: [ {{ a: {{ set: '${{ {word} }}' }} }} ]")


def test_an_endless_expression_costs_its_own_run_an_error(bench: Bench) -> None:
    result: Any = bench.run(
        """
        do:
          - t:
              try: [ { a: { set: '${ [limit(1e9; repeat(1))] | length }' } } ]
              catch: { do: [ { c: { set: '${ $error }' } } ] }
        """
    )
    assert (result.output["type"], result.output["status"]) == (STANDARD + "expression", 400)
    assert "limits.expression" in result.output["detail"]
    assert "expression.overran" in result.types
