"""dsl.md, Secret, and `$secrets`: what a workflow may use and must never tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .harness import STANDARD, Bench, Result
from .service import Answer, Service

VALUE = "s3cr3t-value"


def everything(result: Result) -> str:
    return json.dumps([event.as_dict() for event in result.events], ensure_ascii=False)


def test_a_secret_reaches_the_service_and_nothing_else(bench: Bench, service: Service) -> None:
    service.answers["/x"] = lambda asked: Answer({"echo": asked.headers["x-key"], "body": asked.json()})
    result = bench.run(
        f"""
        use: {{ secrets: [ key ] }}
        do:
          - a:
              call: http
              with:
                method: post
                endpoint: '{service.url}/x'
                headers: {{ X-Key: '${{ "prefix " + $secrets.key }}' }}
                body: {{ key: '${{ $secrets.key }}' }}
        """,
        secrets={"key": VALUE},
    )
    assert (service.asked[0].headers["x-key"], service.asked[0].json()) == (f"prefix {VALUE}", {"key": VALUE})
    assert result.status == "completed"
    assert VALUE not in everything(result)
    assert VALUE not in json.dumps(result.output)


def test_a_secret_may_be_an_object(bench: Bench) -> None:
    result = bench.run(
        "use: { secrets: [ db ] }\ndo: [ { a: { run: { shell: { command: 'echo \"$U:$P\"', environment: { U: '${ $secrets.db.user }', P: '${ $secrets.db.password }' } } } } } ]",
        secrets={"db": {"user": "ann-the-user", "password": VALUE}},
    )
    assert VALUE not in json.dumps(result.output)
    assert VALUE not in everything(result)
    assert result.output.count(":") >= 1


def test_a_python_function_gets_the_value(bench: Bench) -> None:
    got: list[Any] = []
    bench.run(
        "use: { secrets: [ key ] }\ndo: [ { a: { call: 'take:1.0.0@python', with: { key: '${ $secrets.key }' } } } ]",
        secrets={"key": VALUE},
        functions={"take:1.0.0": got.append},
    )
    assert got == [{"key": VALUE}]


@pytest.mark.parametrize(
    "task",
    [
        "set: { a: '${ $secrets.key }' }",
        "if: $secrets.key != null, wait: PT0S",
        "input: { from: '${ $secrets.key }' }, wait: PT0S",
        "wait: PT0S, output: { as: '${ $secrets.key }' }",
        "wait: PT0S, export: { as: '${ $secrets.key }' }",
        "run: { shell: { command: 'echo ${ $secrets.key }' } }",
    ],
)
def test_a_secret_the_run_was_not_given_is_an_authorization_error(bench: Bench, task: str) -> None:
    result = bench.run(f"use: {{ secrets: [ key ] }}\ndo: [ {{ a: {{ {task} }} }} ]")
    assert result.error is not None
    assert (result.error["type"], result.error["status"], result.error["instance"]) == (
        STANDARD + "authorization",
        403,
        "/do/0/a",
    )


def test_a_missing_secret_that_is_not_used_is_no_error(bench: Bench) -> None:
    assert bench.run("use: { secrets: [ key ] }\ndo: [ { a: { set: { n: 1 } } } ]").status == "completed"


def test_a_secret_that_is_not_declared_is_refused(bench: Bench) -> None:
    assert any("unknown-secret" in each for each in bench.diagnostics("do: [ { a: { set: '${ $secrets.key }' } } ]"))


def test_a_secret_in_what_a_workflow_makes_stays_a_placeholder(bench: Bench) -> None:
    result = bench.run(
        "use: { secrets: [ key ] }\ndo: [ { a: { set: { k: 'key=${ $secrets.key }' }, export: { as: . } } }, { e: { emit: { event: { with: { type: com.example.x, data: '${ . }' } } } } } ]",
        secrets={"key": VALUE},
    )
    assert result.output["data"] == {"k": "key=⟦secret:key⟧"}
    assert VALUE not in everything(result)


def test_a_secret_in_an_error_is_hidden(bench: Bench) -> None:
    result = bench.run(
        "use: { secrets: [ key ] }\ndo: [ { a: { run: { shell: { command: 'echo $K >&2; exit 1', environment: { K: '${ $secrets.key }' } } } } } ]",
        secrets={"key": VALUE},
    )
    assert result.status == "faulted"
    assert VALUE not in everything(result)
