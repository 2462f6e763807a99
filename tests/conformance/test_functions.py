"""dsl-reference.md, Call and Use: functions of the document, by URL, by file and in Python."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service

# ---------------------------------------------------------------- use.functions


def test_a_function_of_the_document_runs_with_its_arguments_as_input(bench: Bench, service: Service) -> None:
    """The example call-custom-function-inline of the specification."""
    service.answers["/pet/69"] = Answer({"id": 69})
    document = f"""
        use:
          functions:
            getPetById:
              input: {{ schema: {{ document: {{ type: object, properties: {{ petId: {{ type: integer }} }}, required: [ petId ] }} }} }}
              call: http
              with: {{ method: get, endpoint: '{service.url}/pet/{{petId}}' }}
        do: [ {{ getPet: {{ call: getPetById, with: {{ petId: %s }} }} }} ]
    """
    assert bench.run(document % "69").output == {"id": 69}
    refused = bench.run(document % "sixty-nine")
    assert refused.error is not None
    assert (refused.error["type"], refused.error["instance"]) == (STANDARD + "validation", "/use/functions/getPetById")


def test_arguments_may_hold_expressions_and_see_the_callers_variables(bench: Bench) -> None:
    result = bench.run(
        """
        use: { functions: { double: { set: '${ .n * 2 }' } } }
        do: [ { l: { for: { in: '${ [1, 2, 3] }' }, do: [ { d: { call: double, with: { n: '${ $item + $context.add }' } } } ] } } ]
        """,
        input={"add": 10},
    )
    assert result.output == 26


def test_without_arguments_a_function_gets_the_tasks_input(bench: Bench) -> None:
    result = bench.run(
        "use: { functions: { own: { set: { got: '${ . }' } } } }\ndo: [ { a: { input: { from: .n }, call: own } } ]",
        input={"n": 1},
    )
    assert result.output == {"got": 1}


def test_a_function_sees_none_of_its_callers_variables(bench: Bench) -> None:
    found = bench.diagnostics(
        "use: { functions: { own: { set: '${ $item }' } } }\ndo: [ { l: { for: { in: '${ [1] }' }, do: [ { a: { call: own } } ] } } ]"
    )
    assert any("$item" in each for each in found)


def test_both_the_function_and_its_caller_transform_their_output(bench: Bench) -> None:
    result = bench.run(
        """
        use:
          functions:
            own: { set: { n: '${ .n + 1 }' }, output: { as: '${ .n * 10 }' }, export: { as: { by: function } } }
        do:
          - a: { call: own, with: { n: 1 }, output: { as: { result: '${ . }' } }, export: { as: '${ $context + { then: "caller" } }' } }
          - look: { set: { output: '${ . }', context: '${ $context }' } }
        """
    )
    assert result.output == {"output": {"result": 20}, "context": {"by": "function", "then": "caller"}}


@pytest.mark.parametrize(
    "body",
    [
        "do: [ { x: { set: '${ .n }' } }, { y: { set: '${ . + 1 }' } } ]",
        "for: { in: '${ [range(2)] }' }, do: [ { x: { set: '${ if type == \"object\" then .n else . end | . + 0.5 }' } } ]",
        "try: [ { x: { raise: { error: { type: https://example.com/x, status: 400 } } } } ], catch: { do: [ { y: { set: '${ .n + 1 }' } } ] }",
        "fork: { compete: true, branches: [ { x: { set: '${ .n + 1 }' } }, { y: { wait: PT1H } } ] }",
        "call: other, with: { m: '${ .n }' }",
        "call: 'inc:1.0.0@python', with: { n: '${ .n }' }",
        "run: { script: { language: python, code: 'print(2, end=\"\")' } }, output: { as: tonumber }",
    ],
)
def test_any_task_may_be_a_function(bench: Bench, body: str) -> None:
    result = bench.run(
        f"use: {{ functions: {{ own: {{ {body} }}, other: {{ set: '${{ .m + 1 }}' }} }} }}\ndo: [ {{ a: {{ call: own, with: {{ n: 1 }} }} }} ]",
        functions={"inc:1.0.0": lambda given: given["n"] + 1},
    )
    assert result.output == 2, result.error


def test_a_function_may_be_skipped_and_may_time_out(bench: Bench) -> None:
    document = """
        use: { functions: { slow: { if: .go, wait: PT1H, timeout: { after: PT1S } } } }
        do: [ { a: { call: slow, with: { go: %s } } } ]
    """
    assert bench.run(document % "false").output == {"go": False}
    late = bench.run(document % "true")
    assert late.error is not None
    assert (late.error["type"], late.error["instance"]) == (STANDARD + "timeout", "/use/functions/slow")


def test_an_error_in_a_function_is_the_callers_to_catch(bench: Bench) -> None:
    result = bench.run(
        """
        use: { functions: { bad: { raise: { error: { type: https://example.com/bad, status: 418 } } } } }
        do: [ { t: { try: [ { a: { call: bad } } ], catch: { do: [ { c: { set: '${ $error.instance }' } } ] } } } ]
        """
    )
    assert result.output == "/use/functions/bad"
    assert [event.task for event in result.of("task.faulted")] == ["/use/functions/bad", "/do/0/t/try/0/a"]


def test_a_function_that_calls_itself_is_refused(bench: Bench) -> None:
    found = bench.diagnostics("use: { functions: { a: { call: b }, b: { call: a } } }\ndo: [ { x: { call: a } } ]")
    assert any("calls itself" in each for each in found)


def test_an_unknown_function_is_refused(bench: Bench) -> None:
    assert any("unknown-function" in each for each in bench.diagnostics("do: [ { a: { call: nobody } } ]"))


# ---------------------------------------------------------------- by URL and by file


FUNCTION = """
input: { schema: { document: { type: object, required: [ name ] } } }
output: { schema: { document: { type: object } } }
do:
  - compose: { set: { greeting: '${ "Hello " + .name }' } }
"""


def test_a_function_by_url(bench: Bench, service: Service) -> None:
    service.answers["/functions/greet/function.yaml"] = Answer(FUNCTION, headers={"content-type": "text/yaml"})
    document = f"""
        do:
          - a: {{ call: '{service.url}/functions/greet/function.yaml', with: {{ name: '${{ .name }}' }} }}
          - b: {{ call: '{service.url}/functions/greet/function.yaml', with: {{ name: again }}, output: {{ as: .greeting }} }}
    """
    result = bench.run(document, input={"name": "Ann"})
    assert result.output == "Hello again"
    assert len(service.asked) == 1
    assert result.of("task.completed", "compose")[0].task == "/do/0/a/do/0/compose"


def test_a_function_in_a_file_beside_the_workflow(bench: Bench) -> None:
    result = bench.run("do: [ { a: { call: ./greet.yaml, with: { name: Ann } } } ]", files={"greet.yaml": FUNCTION})
    assert result.output == {"greeting": "Hello Ann"}


def test_a_function_whose_text_does_not_compile_is_a_configuration_error(bench: Bench) -> None:
    result = bench.run("do: [ { a: { call: ./greet.yaml } } ]", files={"greet.yaml": "do: [ { x: { set: '${ .[' } } ]"})
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "configuration", "/do/0/a")
    assert result.error["code"] == "function-invalid"


def test_a_function_that_can_not_be_had_is_an_error_that_can_be_caught(bench: Bench, service: Service) -> None:
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ a: {{ call: '{service.url}/nowhere.yaml' }} }} ], catch: {{ do: [ {{ c: {{ set: '${{ $error }}' }} }} ] }} }} }} ]"
    )
    assert (result.output["status"], result.output["instance"]) == (404, "/do/0/t/try/0/a")


def test_a_fetched_function_reads_only_secrets_the_run_was_given(bench: Bench) -> None:
    files = {"peek.yaml": "set: '${ $secrets.hidden }'"}
    result = bench.run("do: [ { a: { call: ./peek.yaml } } ]", files=files)
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "authorization", 403)


def test_a_function_from_a_url_called_in_two_branches_is_fetched_and_run_for_each(
    bench: Bench, service: Service
) -> None:
    service.answers["/f.yaml"] = Answer(
        "do: [ { w: { wait: PT1S } }, { s: { set: '${ .n * 2 }' } } ]", headers={"content-type": "text/yaml"}
    )
    branches = ", ".join(f"{{ b{n}: {{ call: '{service.url}/f.yaml', with: {{ n: {n} }} }} }}" for n in range(3))
    result = bench.run(f"do: [ {{ f: {{ fork: {{ branches: [ {branches} ] }} }} }} ]")
    assert result.output == [0, 2, 4]


# ---------------------------------------------------------------- Python


def test_a_python_function_is_called_with_the_arguments(bench: Bench) -> None:
    given: list[Any] = []

    def note(value: Any) -> Any:
        given.append(value)
        return {"ok": True}

    result = bench.run(
        "do: [ { a: { call: 'note:2.1.0@python', with: { n: '${ .n }' } } } ]",
        input={"n": 1},
        functions={"note:2.1.0": note},
    )
    assert (result.output, given) == ({"ok": True}, [{"n": 1}])


def test_a_python_function_may_be_async_and_take_the_command_id(bench: Bench) -> None:
    async def slowly(value: Any, *, command_id: str) -> Any:
        await asyncio.sleep(0.01)
        return command_id

    result = bench.run("do: [ { a: { call: 'slowly:1.0.0@python' } } ]", functions={"slowly:1.0.0": slowly})
    issued = result.of("command.issued")[0]
    assert result.output == f"{result.id}:{issued.seq}"


def test_a_python_function_that_raises_is_a_runtime_error(bench: Bench) -> None:
    def fail(value: Any) -> Any:
        raise ValueError("no good")

    result = bench.run("do: [ { a: { call: 'fail:1.0.0@python' } } ]", functions={"fail:1.0.0": fail})
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "runtime", "/do/0/a")
    assert "no good" in result.error["detail"]


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, b"bytes", {"a": {1, 2}}, object()])
def test_what_json_can_not_carry_is_a_runtime_error(bench: Bench, value: Any) -> None:
    result = bench.run("do: [ { a: { call: 'odd:1.0.0@python' } } ]", functions={"odd:1.0.0": lambda given: value})
    assert result.error is not None
    assert (result.error["type"], result.error["code"]) == (STANDARD + "runtime", "not-json")


def test_a_value_that_is_too_large_to_record_is_a_runtime_error(bench: Bench) -> None:
    result = bench.run(
        "do: [ { t: { try: [ { a: { call: 'large:1.0.0@python' } } ], catch: { do: [ { c: { set: '${ $error.code }' } } ] } } } ]",
        functions={"large:1.0.0": lambda given: "x" * 1_100_000},
    )
    assert result.output == "limit"
