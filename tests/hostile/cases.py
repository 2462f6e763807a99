"""Documents, inputs and neighbours that mean harm, and the error each must cost its own run.

A case is the text of a document with what its run is given. `setting` is the name that the
error must mention; `code` one of the stable codes it may carry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

Json = Any

ENDLESS: Final = "last(repeat(1))"
GREEDY: Final = "[range(1000000000)]"
DEEP: Final = "reduce range(10000) as $i (1; [.])"


@dataclass(frozen=True)
class Case:
    """`make` gives the document, with SERVER for the loopback server; `publish` is sent once it runs."""

    make: Callable[[], str]
    setting: str
    codes: tuple[str, ...] = ("limit",)
    input: Callable[[], Json] = lambda: None
    publish: dict[str, Json] | None = None
    completes: bool = False
    files: dict[str, str] = field(default_factory=dict)


def _document(do: list[Json], **more: Json) -> Callable[[], str]:
    about = {"dsl": "1.0.3", "namespace": "hostile", "name": "case", "version": "1.0.0"}
    return lambda: json.dumps({"document": about, **more, "do": do})


def _set(expression: str) -> list[Json]:
    return [{"grow": {"set": {"x": f"${{ {expression} }}"}}}]


def _yaml(body: str) -> Callable[[], str]:
    return lambda: "document: {dsl: 1.0.3, namespace: hostile, name: case, version: 1.0.0}\n" + body


def _nested_tasks(depth: int) -> str:
    inner = '{"end": {"set": {"n": 1}}}'
    return _yaml("")() + "do: " + '[{"t": {"do": ' * depth + f"[{inner}]" + "}}]" * depth + "\n"


def _nested_value(depth: int) -> str:
    return _yaml("")() + "do:\n  - deep: {set: {x: " + "[" * depth + "]" * depth + "}}\n"


def _bomb() -> str:
    lines = ['a0: &a0 ["boom", "boom", "boom", "boom", "boom", "boom", "boom", "boom", "boom"]']
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    indented = "\n".join("      " + line for line in lines)
    return _yaml("")() + f"do:\n  - bomb:\n      set:\n{indented.replace('      a', '        a')}\n"


def _large() -> str:
    return _yaml("do:\n  - t: {set: {x: '" + "x" * 50_000_000 + "'}}\n")()


def _wide() -> str:
    return _yaml("do:\n  - t: {set: {x: [" + "1," * 200_000 + "1]}}\n")()


def _deep_input() -> Json:
    value: Json = 1
    for _ in range(10_000):
        value = [value]
    return value


_SELF: Final = {"run": {"workflow": {"namespace": "hostile", "name": "case", "version": "1.0.0"}}}
_LISTEN: Final = {"listen": {"to": {"one": {"with": {"type": "hostile.event", "data": f"${{ {ENDLESS} }}"}}}}}
_EVENT: Final = {"type": "hostile.event", "data": {"n": 1}}

_SLOW_PATTERN: Final = "(a+)+$"
_LONG_MATCH: Final = "a" * 40 + "!"

EXPRESSION_TIME: Final = "limits.expression_seconds"

CASES: Final[dict[str, Case]] = {
    "endless jq in set": Case(_document(_set(ENDLESS)), EXPRESSION_TIME),
    "endless jq in if": Case(_document([{"t": {"if": f"${{ {ENDLESS} }}", "set": {"n": 1}}}]), EXPRESSION_TIME),
    "endless jq in input.from": Case(
        _document([{"t": {"input": {"from": f"${{ {ENDLESS} }}"}, "set": {"n": 1}}}]), EXPRESSION_TIME
    ),
    "endless jq in output.as": Case(
        _document([{"t": {"set": {"n": 1}, "output": {"as": f"${{ {ENDLESS} }}"}}}]), EXPRESSION_TIME
    ),
    "endless jq in export.as": Case(
        _document([{"t": {"set": {"n": 1}, "export": {"as": f"${{ {ENDLESS} }}"}}}]), EXPRESSION_TIME
    ),
    "endless jq in for.in": Case(
        _document([{"t": {"for": {"in": f"${{ {ENDLESS} }}"}, "do": [{"s": {"set": {"n": 1}}}]}}]), EXPRESSION_TIME
    ),
    "endless jq in switch": Case(
        _document([{"t": {"switch": [{"c": {"when": f"${{ {ENDLESS} }}", "then": "end"}}]}}]), EXPRESSION_TIME
    ),
    "endless jq in the workflow's output": Case(
        _document([{"t": {"set": {"n": 1}}}], output={"as": f"${{ {ENDLESS} }}"}), EXPRESSION_TIME
    ),
    "endless jq in a listen filter": Case(_document([{"hear": _LISTEN}]), EXPRESSION_TIME, publish=_EVENT),
    "endless jq in a correlation": Case(
        _document(
            [
                {
                    "hear": {
                        "listen": {
                            "to": {
                                "one": {
                                    "with": {"type": "hostile.event"},
                                    "correlate": {"k": {"from": f"${{ {ENDLESS} }}"}},
                                }
                            }
                        }
                    }
                }
            ]
        ),
        EXPRESSION_TIME,
        publish=_EVENT,
    ),
    "a slow pattern in jq": Case(
        _document(_set(f'"{_LONG_MATCH}" | test("{_SLOW_PATTERN}")')), "", codes=("limit", "")
    ),
    "a slow pattern in a listen filter": Case(
        _document(
            [{"hear": {"listen": {"to": {"one": {"with": {"type": "hostile.event", "subject": _SLOW_PATTERN}}}}}}]
        ),
        "",
        publish={**_EVENT, "subject": _LONG_MATCH},
        codes=("limit", "waits"),
    ),
    "a greedy jq expression": Case(_document(_set(GREEDY)), "limits.expression_"),
    "a long text made by jq": Case(_document(_set('"x" * 2000000000 | length')), "limits."),
    "a value of 64 MB made by jq": Case(_document(_set('"x" * 64000000')), "limits.value_bytes"),
    "10,000 levels made by jq": Case(_document(_set(DEEP)), "", codes=("", "not-json", "limit")),
    "10,000 nested tasks": Case(lambda: _nested_tasks(10_000), "limits.document_depth", codes=("compile-failed",)),
    "10,000 nested values": Case(lambda: _nested_value(10_000), "limits.document_depth", codes=("compile-failed",)),
    "an input of 10,000 levels": Case(
        _document([{"t": {"set": {"n": 1}}}]), "limits.document_depth", codes=("limit", "bad-input"), input=_deep_input
    ),
    "an input of 50 MB": Case(
        _document([{"t": {"set": {"n": 1}}}]), "limits.", codes=("limit", "bad-input"), input=lambda: "x" * 50_000_000
    ),
    "a YAML bomb": Case(_bomb, "limits.document_nodes", codes=("compile-failed",)),
    "a document of 50 MB": Case(_large, "limits.document_bytes", codes=("compile-failed",)),
    "a document of 200,000 nodes": Case(_wide, "limits.document_nodes", codes=("compile-failed",)),
    "a loop of pure tasks without end": Case(
        _document([{"a": {"set": {"n": 1}}}, {"b": {"set": {"n": 2}, "then": "a"}}]), "limits.pure_tasks"
    ),
    "retries without end": Case(
        _document(
            [
                {
                    "t": {
                        "try": [{"r": {"raise": {"error": {"type": "https://hostile.example/e", "status": 500}}}}],
                        "catch": {"retry": {"delay": {"milliseconds": 0}, "limit": {"attempt": {"count": 1000000000}}}},
                    }
                }
            ]
        ),
        "limits.pure_tasks",
    ),
    "a value that doubles": Case(
        _document([{"start": {"set": {"x": ["y"]}}}, {"double": {"set": {"x": "${ .x + .x }"}, "then": "double"}}]),
        "limits.",
    ),
    "an object that doubles": Case(
        _document([{"double": {"set": {"a": "${ . }", "b": "${ . }"}, "then": "double"}}]), "limits."
    ),
    "a large value again and again": Case(
        _document(
            [
                {"start": {"set": {"x": '${ "x" * 8000000 }', "n": 0}}},
                {"turn": {"set": {"n": "${ .n + 1 }", "x": '${ .x[1:] + "y" }'}, "then": "turn"}},
            ]
        ),
        "limits.",
    ),
    "gigabytes on standard output": Case(
        _document([{"t": {"run": {"shell": {"command": "yes | head -c 3G"}}}}]), "limits.output_bytes"
    ),
    "gigabytes on standard error": Case(
        _document([{"t": {"run": {"shell": {"command": "yes | head -c 3G >&2"}}}}]), "limits.output_bytes"
    ),
    "a script that prints for ever": Case(
        _document([{"t": {"run": {"script": {"language": "python", "code": "while True: print('x' * 1000)"}}}}]),
        "limits.output_bytes",
    ),
    "a body without end": Case(
        _document([{"t": {"call": "http", "with": {"method": "get", "endpoint": {"uri": "SERVER/endless"}}}}]),
        "limits.output_bytes",
    ),
    "a small body that unpacks to gigabytes": Case(
        _document([{"t": {"call": "http", "with": {"method": "get", "endpoint": {"uri": "SERVER/bomb"}}}}]),
        "limits.output_bytes",
    ),
    "headers without end": Case(
        _document([{"t": {"call": "http", "with": {"method": "get", "endpoint": {"uri": "SERVER/headers"}}}}]),
        "",
        codes=("bad-answer", "limit"),
    ),
    "a body of 10,000 levels": Case(
        _document([{"t": {"call": "http", "with": {"method": "get", "endpoint": {"uri": "SERVER/deep"}}}}]),
        "",
        codes=("bad-answer", "limit"),
    ),
    "a process that leaves others behind": Case(
        _document(
            [{"t": {"run": {"shell": {"command": "for i in 1 2 3; do (yes > /dev/null) & done; yes | head -c 1G"}}}}]
        ),
        "limits.output_bytes",
    ),
    "a schema that refers to itself": Case(
        _document(
            [
                {
                    "t": {
                        "input": {"schema": {"format": "json", "document": {"allOf": [{"$ref": "#"}]}}},
                        "set": {"n": 1},
                    }
                }
            ]
        ),
        "",
        codes=("", "limit", "compile-failed", "schema", "schema-unusable"),
        completes=True,
    ),
    "a workflow that runs itself": Case(_document([{"t": _SELF}]), "limits.workflow_depth"),
    "a workflow that runs itself twice": Case(
        _document([{"t": {"fork": {"branches": [{"left": _SELF}, {"right": _SELF}]}}}]), "limits."
    ),
    "a workflow that leaves two of itself behind": Case(
        _document([{"t": {"for": {"in": [1, 2]}, "do": [{"s": {"run": {**_SELF["run"], "await": False}}}]}}]),
        "",
        completes=True,
    ),
    "a function that calls itself": Case(
        _document([{"t": {"call": "f"}}], use={"functions": {"f": {"call": "f"}}}), "", codes=("compile-failed",)
    ),
}
