"""dsl-reference.md, Extension."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import STANDARD, Bench

KINDS = {
    "set": "set: { n: 1 }",
    "composite": "do: [ { i: { wait: PT0S } } ]",
    "for": "for: { in: '${ [1, 2] }' }, do: [ { i: { wait: PT0S } } ]",
    "fork": "fork: { branches: [ { i: { wait: PT0S } } ] }",
    "switch": "switch: [ { x: { then: continue } } ]",
    "try": "try: [ { i: { wait: PT0S } } ], catch: {}",
    "wait": "wait: PT1S",
    "emit": "emit: { event: { with: { type: com.example.x } } }",
    "listen": "listen: { to: { any: [] } }",
    "call": "call: 'note:1.0.0@python', with: { what: task }",
    "run": "run: { shell: { command: 'true' } }",
    "raise": "raise: { error: { type: https://example.com/x, status: 400 } }",
}
"""A task of each type that can be extended; what is inside of the composite ones is a `wait`."""


def noting() -> tuple[dict[str, Any], list[Any]]:
    notes: list[Any] = []

    def note(given: Any) -> Any:
        notes.append(given["what"])
        return {"noted": given["what"]}

    return {"note:1.0.0": note}, notes


def extended(kind: str, task: str, rest: str = "") -> str:
    return f"""
        use:
          extensions:
            - marks:
                extend: {kind}
                {rest}
                before: [ {{ b: {{ call: 'note:1.0.0@python', with: {{ what: '${{ "before " + $task.name }}' }} }} }} ]
                after: [ {{ a: {{ call: 'note:1.0.0@python', with: {{ what: '${{ "after " + $task.name }}' }} }} }} ]
        do: [ {{ it: {{ {task} }} }} ]
    """


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_can_be_extended(bench: Bench, kind: str) -> None:
    functions, notes = noting()
    extend = "composite" if kind == "fork" else kind  # both features of composite tasks: in sequence and at once
    result = bench.run(
        extended(extend, KINDS[kind]),
        functions=functions,
        events=[{"type": "com.example.any"}] if kind == "listen" else [],
    )
    if kind == "raise":
        assert (result.status, notes) == ("faulted", ["before it"])
    elif kind == "call":
        assert notes == ["before it", "task", "after it"]
    else:
        assert (result.status, notes) == ("completed", ["before it", "after it"]), result.error


@pytest.mark.parametrize("kind", ["set", "composite", "for", "fork", "switch", "try", "wait"])
def test_extensions_leave_input_and_output_of_the_task_alone(bench: Bench, kind: str) -> None:
    functions, _ = noting()
    plain = bench.run(f"do: [ {{ it: {{ {KINDS[kind]} }} }} ]", input={"x": 1})
    result = bench.run(extended("all", KINDS[kind], 'when: $task.name == "it"'), functions=functions, input={"x": 1})
    assert result.output == plain.output


def test_all_extends_tasks_of_every_kind_but_not_those_of_extensions(bench: Bench) -> None:
    functions, notes = noting()
    bench.run(extended("all", "do: [ { one: { set: { n: 1 } } }, { two: { wait: PT0S } } ]"), functions=functions)
    assert notes == ["before it", "before one", "after one", "before two", "after two", "after it"]


def test_only_the_named_kind_is_extended(bench: Bench) -> None:
    functions, notes = noting()
    bench.run(extended("wait", "do: [ { one: { set: { n: 1 } } }, { two: { wait: PT0S } } ]"), functions=functions)
    assert notes == ["before two", "after two"]


def test_when_decides_whether_the_extension_applies(bench: Bench) -> None:
    functions, notes = noting()
    bench.run(
        extended(
            "set",
            "do: [ { one: { set: { n: 1 } } }, { two: { set: { n: 2 } } }, { three: { set: { n: 3 } } } ]",
            'when: $task.name != "two" and .n != 2',
        ),
        functions=functions,
    )
    assert notes == ["before one", "after one"]


def test_task_in_an_extension_describes_the_extended_task(bench: Bench) -> None:
    """As in the example of an extension for logging: `Executing task '\\($task.reference)'...`."""
    result = bench.run(
        """
        use:
          extensions:
            - log:
                extend: set
                before: [ { b: { set: '${ . }', export: { as: { before: '${ $task.reference }', input: '${ $task.input }', outputs: '${ $task.output }' } } } } ]
                after:
                  - a: { do: [ { deep: { set: { seen: '${ $task.output }' }, export: { as: '${ $context + { after: $task.reference, output: $task.output, definition: $task.definition } }' } } } ] }
        do:
          - it: { input: { from: .raw }, set: { n: 1 } }
          - look: { wait: PT0S, output: { as: '${ $context }' } }
        """,
        input={"raw": 5},
    )
    assert result.output == {
        "before": "/do/0/it",
        "input": {"raw": 5},
        "outputs": None,
        "after": "/do/0/it",
        "output": {"n": 1},
        "definition": {"input": {"from": ".raw"}, "set": {"n": 1}},
    }


MOCK = """
use:
  extensions:
    - mockService:
        extend: call
        when: $task.call == "http" and ($task.with.endpoint.uri != null and ($task.with.endpoint.uri | startswith("https://mocked.service.com")))
        before:
          - intercept:
              set: { statusCode: 200, headers: { Content-Type: application/json }, content: { foo: { bar: baz } } }
              then: exit
          - never: { set: { reached: true } }
        after: [ { a: { call: 'note:1.0.0@python', with: { what: after } } } ]
do:
  - callHttp:
      call: http
      with: { method: get, endpoint: { uri: https://mocked.service.com/sample } }
      output: { as: .content }
  - next: { set: { got: '${ . }' } }
"""


def test_exit_in_a_before_extension_takes_the_place_of_the_task(bench: Bench) -> None:
    """The example of mocking a service: the task itself, and what follows it, does not run."""
    functions, notes = noting()
    result = bench.run(MOCK, functions=functions)
    assert result.output == {"got": {"foo": {"bar": "baz"}}}
    assert "command.issued" not in result.types
    assert notes == []


def test_without_exit_the_output_of_a_before_extension_is_dropped(bench: Bench) -> None:
    result = bench.run(
        """
        use: { extensions: [ { e: { extend: set, before: [ { b: { wait: PT1S, output: { as: '${ "lost" }' } } } ], after: [ { a: { wait: PT1S, output: { as: '${ "lost too" }' } } } ] } } ] }
        do: [ { it: { set: { input: '${ . }' } } } ]
        """,
        input=7,
    )
    assert result.output == {"input": 7}


def test_extensions_wrap_each_other_in_the_order_of_their_declaration(bench: Bench) -> None:
    functions, notes = noting()
    marks = "{ %s: { extend: wait, before: [ { b: { call: 'note:1.0.0@python', with: { what: before %s } } } ], after: [ { a: { call: 'note:1.0.0@python', with: { what: after %s } } } ] } }"
    bench.run(
        f"use: {{ extensions: [ {marks % ('one', 'one', 'one')}, {marks % ('two', 'two', 'two')} ] }}\ndo: [ {{ it: {{ wait: PT0S }} }} ]",
        functions=functions,
    )
    assert notes == ["before one", "before two", "after two", "after one"]


@pytest.mark.parametrize("rest", ["", ", before: [], after: []", ", before: []"])
def test_an_extension_without_tasks_changes_nothing(bench: Bench, rest: str) -> None:
    result = bench.run(
        f"use: {{ extensions: [ {{ e: {{ extend: all{rest} }} }} ] }}\ndo: [ {{ a: {{ set: {{ n: 1 }} }} }} ]"
    )
    assert (result.output, result.order) == ({"n": 1}, ["a"])


@pytest.mark.parametrize("part", ["before", "after"])
def test_an_error_in_an_extension_is_the_tasks(bench: Bench, part: str) -> None:
    result = bench.run(
        f"""
        use: {{ extensions: [ {{ e: {{ extend: set, {part}: [ {{ bad: {{ raise: {{ error: {{ type: https://example.com/bad, status: 418 }} }} }} }} ] }} }} ] }}
        do: [ {{ t: {{ try: [ {{ it: {{ set: {{ n: 1 }} }} }} ], catch: {{ as: e, do: [ {{ c: {{ wait: PT0S, output: {{ as: '${{ $e.instance }}' }} }} }} ] }} }} }} ]
        """
    )
    assert result.output == f"/use/extensions/0/e/{part}/0/bad"
    assert result.of("task.faulted", "it")


def test_a_try_does_not_catch_the_errors_of_its_own_extensions(bench: Bench) -> None:
    result = bench.run(
        """
        use: { extensions: [ { e: { extend: try, before: [ { bad: { raise: { error: { type: https://example.com/bad, status: 418 } } } } ] } } ] }
        do: [ { t: { try: [ { it: { set: { n: 1 } } } ], catch: {} } } ]
        """
    )
    assert (result.status, (result.error or {})["status"]) == ("faulted", 418)


def test_a_failing_condition_faults_the_task(bench: Bench) -> None:
    result = bench.run(
        "use: { extensions: [ { e: { extend: set, when: .x.y, before: [ { b: { wait: PT0S } } ] } } ] }\ndo: [ { it: { set: { n: 1 } } } ]",
        input={"x": 1},
    )
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "expression", "/do/0/it")


def test_extensions_run_for_each_iteration_and_each_attempt_of_what_they_extend(bench: Bench) -> None:
    functions, notes = noting()
    calls: list[int] = []

    def flaky(given: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("again")
        return "ok"

    bench.run(
        """
        use: { extensions: [ { e: { extend: call, when: '$task.name == "it"', before: [ { b: { call: 'note:1.0.0@python', with: { what: before } } } ], after: [ { a: { call: 'note:1.0.0@python', with: { what: after } } } ] } } ] }
        do: [ { t: { try: [ { it: { call: 'flaky:1.0.0@python' } } ], catch: { retry: { delay: PT1S } } } } ]
        """,
        functions={**functions, "flaky:1.0.0": flaky},
    )
    assert notes == ["before", "before", "before", "after"]


def test_the_case_a_switch_took_is_followed_after_its_extensions(bench: Bench) -> None:
    functions, notes = noting()
    document = """
        use:
          extensions:
            - marks:
                extend: switch
                before: [ { b: { call: 'note:1.0.0@python', with: { what: before it } } } ]
                after: [ { a: { call: 'note:1.0.0@python', with: { what: after it } } } ]
        do:
          - it: { switch: [ { x: { when: .n == 1, then: last } }, { y: { then: never } } ] }
          - never: { set: { n: 9 } }
          - last: { set: { n: '${ .n + 1 }' } }
    """
    result = bench.run(document, functions=functions, input={"n": 1})
    assert (result.output, notes, result.order[-1]) == ({"n": 2}, ["before it", "after it"], "last")


def test_end_in_an_extension_ends_the_workflow(bench: Bench) -> None:
    result = bench.run(
        """
        use: { extensions: [ { e: { extend: wait, before: [ { stop: { set: { stopped: true }, then: end } } ] } } ] }
        do: [ { it: { wait: PT1H } }, { never: { wait: PT1H } } ]
        """
    )
    assert (result.status, result.output) == ("completed", {"stopped": True})


def test_extensions_of_functions_apply_inside_of_them_too(bench: Bench) -> None:
    functions, notes = noting()
    document = extended("set", "call: own").replace(
        "use:\n", "use:\n          functions: { own: { do: [ { inner: { set: { n: 1 } } } ] } }\n", 1
    )
    bench.run(document, functions=functions)
    assert notes == ["before inner", "after inner"]
