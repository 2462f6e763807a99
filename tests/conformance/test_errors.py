"""dsl-reference.md, Error and Standard Error Types: which error comes of what, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service

CAUSES = {
    "configuration": "run: { script: { language: cobol, code: x } }",
    "validation": "input: { schema: { document: { type: string } } }, set: { n: 1 }",
    "expression": "set: { n: '${ error }' }",
    "authentication": "call: http, with: { method: get, endpoint: { uri: '%s/x', authentication: { oauth2: { authority: '%s', grant: client_credentials, client: { id: a, secret: b } } } } }",
    "authorization": "set: { n: '${ $secrets.key }' }",
    "timeout": "wait: PT1H, timeout: { after: PT1S }",
    "communication": "call: http, with: { method: get, endpoint: '%s/missing' }",
    "runtime": "run: { shell: { command: exit 1 } }",
}
STATUS = {
    "configuration": 400,
    "validation": 400,
    "expression": 400,
    "authentication": 401,
    "authorization": 403,
    "timeout": 408,
    "communication": 404,
    "runtime": 500,
}


@pytest.mark.parametrize("kind", CAUSES)
def test_each_standard_error_has_its_type_status_and_instance(bench: Bench, service: Service, kind: str) -> None:
    service.answers["/oauth2/token"] = Answer({"error": "invalid_client"}, 400)
    cause = CAUSES[kind].replace("%s", service.url)
    document = f"use: {{ secrets: [ key ] }}\ndo: [ {{ outer: {{ do: [ {{ it: {{ {cause} }} }} ] }} }} ]"
    result = bench.run(document, input={})
    error = result.error
    assert error is not None
    assert (error["type"], error["status"], error["instance"]) == (STANDARD + kind, STATUS[kind], "/do/0/outer/do/0/it")
    assert isinstance(error["title"], str)
    assert isinstance(error["detail"], str)
    assert error["detail"]


@pytest.mark.parametrize("kind", CAUSES)
def test_each_standard_error_can_be_caught_by_its_type(bench: Bench, service: Service, kind: str) -> None:
    service.answers["/oauth2/token"] = Answer({"error": "invalid_client"}, 400)
    cause = CAUSES[kind].replace("%s", service.url)
    document = f"""
use: {{ secrets: [ key ] }}
do:
  - t:
      try: [ {{ it: {{ {cause} }} }} ]
      catch: {{ errors: {{ with: {{ type: '{STANDARD}{kind}' }} }}, do: [ {{ c: {{ set: '${{ $error.status }}' }} }} ] }}
"""
    assert bench.run(document, input={}).output == STATUS[kind]


def test_the_same_error_stands_in_the_task_in_all_around_it_and_in_the_run(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { do: [ { b: { for: { in: '${ [1] }' }, do: [ { c: { raise: { error: { type: https://example.com/x, status: 400 } } } } ] } } ] } } ]"
    )
    errors = [event.data["error"] for event in result.of("task.faulted") if event.data]
    assert errors == [result.error] * 3


UNSUPPORTED = {
    "grpc": "{ proto: { endpoint: ./x.proto }, service: { name: S, host: localhost, port: 1 }, method: M }",
    "asyncapi": "{ document: { endpoint: ./x.json }, operation: greet, message: { payload: { a: 1 } } }",
    "a2a": "{ method: message/send, server: 'https://example.com', parameters: { message: { parts: [] } } }",
    "mcp": "{ protocolVersion: '2025-06-18', method: tools/list, transport: { http: { endpoint: 'https://example.com' } } }",
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_call_that_can_not_be_run_yet_says_so_with_a_stable_code(bench: Bench, name: str) -> None:
    result = bench.run(f"do: [ {{ a: {{ call: {name}, with: {UNSUPPORTED[name]} }} }} ]")
    assert result.error is not None
    assert (result.error["type"], result.error["code"]) == (STANDARD + "configuration", "unsupported")
    assert (result.error["instance"], f"call: {name}" in result.error["detail"]) == ("/do/0/a", True)


@pytest.mark.parametrize("given", [None, 5, "text", [], {}, [[[]]], {"a": {"b": {}}}])
def test_no_input_is_too_odd_to_fail_cleanly(bench: Bench, given: Any) -> None:
    document = "do: [ { t: { try: [ { a: { set: '${ .a.b.c + 1 }' } } ], catch: { do: [ { c: { set: { status: '${ $error.status }' } } } ] } } } ]"
    result = bench.run(document, input=given)
    assert result.output in ({"status": 400}, 1)


def test_a_value_nested_too_deeply_to_record_is_an_error_of_its_task(bench: Bench) -> None:
    result = bench.run(
        "do: [ { t: { try: [ { a: { set: '${ reduce range(600) as $n (0; [.]) }' } } ], catch: { do: [ { c: { set: '${ $error.instance }' } } ] } } } ]"
    )
    assert result.output == "/do/0/t/try/0/a"


def test_a_value_too_large_to_record_is_an_error_of_its_task(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - t:
              try: [ { a: { set: { text: '${ [range(200000)] | map("xxxxxxxx") | add }' } } } ]
              catch: { do: [ { c: { set: '${ [$error.instance, $error.detail] }' } } ] }
        """
    )
    assert result.output[0] == "/do/0/t/try/0/a"
    assert "limits." in result.output[1]


def test_an_output_that_grows_with_each_task_ends_at_the_limit(bench: Bench) -> None:
    result = bench.run("do: [ { grow: { set: { x: '${ .x + .x }' }, then: grow } } ]", input={"x": "x" * 1000})
    assert result.status == "faulted"
    assert (result.error or {})["code"] == "limit"
