"""dsl-reference.md, Schema and External Resource: inline and external schemas, wherever one can stand."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service

PLACES = {
    "workflow input": "input: { schema: %s }\ndo: [ { a: { set: '${ . }' } } ]",
    "workflow output": "do: [ { a: { set: '${ . }' } } ]\noutput: { schema: %s }",
    "task input": "do: [ { a: { input: { schema: %s }, set: '${ . }' } } ]",
    "task output": "do: [ { a: { set: '${ . }', output: { schema: %s } } } ]",
    "output of a composite task": "do: [ { a: { do: [ { b: { set: '${ . }' } } ], output: { schema: %s } } } ]",
    "export": "do: [ { a: { set: '${ . }', export: { as: ., schema: %s } } } ]",
    "function input": "use: { functions: { f: { input: { schema: %s }, set: '${ . }' } } }\ndo: [ { a: { call: f } } ]",
    "branch input": "do: [ { f: { fork: { compete: true, branches: [ { a: { input: { schema: %s }, set: '${ . }' } } ] } } } ]",
    "tried task": "do: [ { t: { try: [ { a: { input: { schema: %s }, set: '${ . }' } } ], catch: { errors: { with: { status: 1 } } } } } ]",
    "switch output": "do: [ { a: { switch: [ { x: { then: end } } ], output: { schema: %s } } } ]",
}
NEEDS_N = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
INLINE = "{ format: json, document: { type: object, required: [ n ], properties: { n: { type: integer } } } }"


@pytest.mark.parametrize("place", PLACES)
def test_an_inline_schema(bench: Bench, place: str) -> None:
    assert bench.run(PLACES[place] % INLINE, input={"n": 1}).output == {"n": 1}
    refused = bench.run(PLACES[place] % INLINE, input={"n": "one"})
    assert refused.error is not None
    assert (refused.error["type"], refused.error["status"]) == (STANDARD + "validation", 400)
    assert "/n" in refused.error["detail"]


@pytest.mark.parametrize("place", PLACES)
def test_an_external_schema(bench: Bench, service: Service, place: str) -> None:
    service.answers["/schema.json"] = Answer(NEEDS_N)
    schema = f"{{ format: json, resource: {{ name: it, endpoint: '{service.url}/schema.json' }} }}"
    good = bench.run(PLACES[place] % schema, input={"n": 1})
    assert good.output == {"n": 1}, good.error
    assert len(service.asked) == 1
    refused = bench.run(PLACES[place] % schema, input={"n": "one"})
    assert refused.error is not None
    assert refused.error["type"] == STANDARD + "validation"


@pytest.mark.parametrize("place", PLACES)
def test_an_external_schema_that_can_not_be_had_is_an_error(bench: Bench, service: Service, place: str) -> None:
    schema = f"{{ resource: {{ endpoint: '{service.url}/missing.json' }} }}"
    result = bench.run(PLACES[place] % schema, input={"n": 1})
    assert (result.status, (result.error or {}).get("status")) == ("faulted", 404)
    assert result.types.count("command.issued") == 1


def test_a_schema_in_yaml_in_a_file(bench: Bench) -> None:
    result = bench.run(
        "input: { schema: { resource: { endpoint: ./schema.yaml } } }\ndo: [ { a: { set: '${ . }' } } ]",
        input={"n": 1},
        files={"schema.yaml": "type: object\nrequired: [ n ]\n"},
    )
    assert result.output == {"n": 1}


def test_the_endpoint_of_a_schema_may_depend_on_the_data(bench: Bench, service: Service) -> None:
    service.answers["/schemas/order"] = Answer(NEEDS_N)
    service.answers["/schemas/pet"] = Answer({"required": ["name"]})
    document = f"""
        do:
          - a:
              input: {{ schema: {{ resource: {{ endpoint: '{service.url}/schemas/{{kind}}' }} }}, from: .data }}
              set: '${{ . }}'
              output: {{ schema: {{ resource: {{ endpoint: '${{ "{service.url}/schemas/" + $task.input.kind }}' }} }} }}
    """
    assert bench.run(document, input={"kind": "order", "n": 1, "data": {"n": 2}}).output == {"n": 2}
    assert bench.run(document, input={"kind": "pet", "name": 1, "data": {"n": 2}}).status == "faulted"


def test_a_schema_is_fetched_once_in_a_run(bench: Bench, service: Service) -> None:
    service.answers["/schema.json"] = Answer({"type": "integer"})
    result = bench.run(
        f"do: [ {{ l: {{ for: {{ in: '${{ [1, 2, 3] }}' }}, do: [ {{ a: {{ set: '${{ $item }}', output: {{ schema: {{ resource: {{ endpoint: '{service.url}/schema.json' }} }} }} }} }} ] }} }} ]"
    )
    assert (result.output, len(service.asked)) == (3, 1)


def test_an_external_schema_that_is_none_is_a_configuration_error(bench: Bench, service: Service) -> None:
    service.answers["/schema.json"] = Answer({"type": "no such type"})
    result = bench.run(
        f"do: [ {{ a: {{ input: {{ schema: {{ resource: {{ endpoint: '{service.url}/schema.json' }} }} }}, set: '${{ . }}' }} }} ]",
        input=1,
    )
    assert result.error is not None
    assert result.error["type"] == STANDARD + "configuration"


def test_events_that_arrive_while_a_schema_is_fetched_are_not_lost(bench: Bench, service: Service) -> None:
    service.answers["/schema.json"] = Answer({"type": "integer"})
    document = f"""
        do:
          - hear:
              listen: {{ to: {{ any: [], until: length == 3 }} }}
              foreach: {{ output: {{ schema: {{ resource: {{ endpoint: '{service.url}/schema.json' }} }} }} }}
    """
    live = bench.start(document)
    live.burst(*({"type": "com.example.n", "data": n} for n in range(3)))
    result = live.finish()
    assert (sorted(result.output), len(service.asked)) == ([0, 1, 2], 1)


def test_a_fork_waits_for_the_schema_of_a_branch_while_others_run(bench: Bench, service: Service) -> None:
    service.answers["/schema.json"] = Answer(NEEDS_N)
    result = bench.run(
        f"""
        do:
          - f:
              fork:
                branches:
                  - a: {{ do: [ {{ w: {{ wait: PT1S }} }}, {{ s: {{ set: '${{ 1 }}' }} }} ] }}
                  - b: {{ input: {{ schema: {{ resource: {{ endpoint: '{service.url}/schema.json' }} }} }}, set: '${{ 2 }}' }}
                  - c: {{ set: '${{ 3 }}' }}
        """,
        input={"n": 1},
    )
    assert result.output == [1, 2, 3]


@pytest.mark.parametrize("schema", [{"type": 5}, {"$ref": "https://example.com/other.json"}, {"properties": []}])
def test_an_inline_schema_that_is_none_is_refused(bench: Bench, schema: Any) -> None:
    import json

    assert any(
        "bad-schema" in each
        for each in bench.diagnostics(PLACES["workflow input"] % f"{{ document: {json.dumps(schema)} }}")
    )


def test_the_format_is_json_schema_and_no_other(bench: Bench) -> None:
    assert bench.diagnostics(PLACES["workflow input"] % "{ format: avro, document: {} }")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"enum": ["a", 1, None]}, None, "b"),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, [1], [1, 2]),
        ({"$defs": {"n": {"minimum": 3}}, "$ref": "#/$defs/n"}, 3, 2),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, True, 1),
        ({"type": "string", "pattern": "^a+$"}, "aa", "b"),
        ({"not": {"type": "null"}}, 0, None),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}, [1, "x"], ["x"]),
    ],
)
def test_the_words_of_json_schema(bench: Bench, schema: Any, good: Any, bad: Any) -> None:
    import json

    document = PLACES["task input"] % f"{{ document: {json.dumps(schema)} }}"
    assert bench.run(document, input=good).status == "completed"
    assert bench.run(document, input=bad).status == "faulted"
