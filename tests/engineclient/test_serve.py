"""The engine's child process: JSON lines in, JSON lines out, and nothing a line may hold ends it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench import __version__
from reach_workbench.engineclient.serve import Server

COMMAND = [sys.executable, "-m", "reach_workbench.engineclient.serve"]
DOCUMENT = """\
document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}
do:
  - first:
      set: {a: "${ .b }"}
"""


def talk(*requests, arguments=()):
    """What a child answers to these requests, line by line."""
    lines = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in requests)
    done = subprocess.run([*COMMAND, *arguments], input=lines, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_answers_each_request_in_order():
    fault = {"type": "https://open-workflow-specification.org/spec/1.0.0/errors/expression", "status": 400,
             "title": "Expression Error", "detail": 'Cannot index number with string ("x")'}  # fmt: skip
    assert talk(
        {"id": 1, "op": "evaluate", "expression": ".a + $b", "data": {"a": 1}, "variables": {"b": 2}},
        {"id": "two", "op": "evaluate", "expression": '[.[] | .["é"]]', "data": [{"é": "ü"}]},
        {"id": 3, "op": "evaluate", "expression": ".x", "data": {"x": 12345678901234567890}},
        "",
        {"id": 4, "op": "evaluate", "expression": "."},
        {"id": 5, "op": "evaluate", "expression": ".x", "data": 1},
        {"id": 6, "op": "run", "expression": ".a + $b", "names": ["b"], "input": '[{"a":1},2]'},
        {"id": 7, "op": "version"},
    ) == [
        {"id": 1, "ok": 3},
        {"id": "two", "ok": ["ü"]},
        {"id": 3, "ok": 12345678901234567890},
        {"id": 4, "ok": None},
        {"id": 5, "fault": fault},
        {"id": 6, "ok": 3},
        {"id": 7, "ok": {"version": __version__, "expressions": "jq 1.8"}},
    ]


def test_an_expression_that_does_not_compile_is_a_fault_with_its_place():
    (answer,) = talk({"id": 1, "op": "evaluate", "expression": ".a | now"})
    assert answer["fault"]["detail"] == "`now` is not available in a workflow (at character 6)"


def test_it_compiles_documents():
    good, bad = talk(
        {"id": 1, "op": "compile", "source": DOCUMENT, "file": "one.yaml"},
        {"id": 2, "op": "compile", "source": DOCUMENT.replace(".b }", ".b | nope }"), "file": "two.yaml"},
    )
    assert good["ok"]["diagnostics"] == []
    assert len(good["ok"]["digest"]) == 64
    assert bad["ok"]["digest"] is None
    (found,) = bad["ok"]["diagnostics"]
    assert (found["file"], found["line"], found["severity"]) == ("two.yaml", 4, "error")


@pytest.mark.parametrize(
    "line",
    [
        "nope",
        "[1]",
        '"text"',
        "{",
        "{}",
        '{"op": 5}',
        '{"op": "frob"}',
        '{"op": "evaluate"}',
        '{"op": "evaluate", "expression": 5}',
        '{"op": "evaluate", "expression": ".", "variables": []}',
        '{"op": "run", "expression": ".", "names": [], "input": 5}',
        '{"op": "run", "expression": ".", "names": ["a] | env"], "input": "[1,2]"}',
        '{"op": "compile"}',
        '{"op": "compile", "source": "", "file": 1}',
        '{"id": "\\ud800", "op": "version"}',
        "[" * 5_000,
        "[" * 5_000 + "]" * 5_000,
    ],
    ids=lambda line: line[:60],
)
def test_a_malformed_line_gets_an_error_line(line):
    wrong, right = talk(line, {"id": 1, "op": "evaluate", "expression": "1"})
    assert wrong["id"] is None
    assert wrong["error"]["code"] == "bad-input"
    assert wrong["error"]["message"]
    assert right == {"id": 1, "ok": 1}


@pytest.mark.parametrize("text", ["(.a", "", ".a |", '"', "@nope", "}"])
def test_running_text_that_is_no_jq_is_a_fault(text):
    (answer,) = talk({"id": 1, "op": "run", "expression": text, "names": [], "input": "[1]"})
    assert answer["fault"]["status"] == 400


def test_text_that_is_not_utf_8_gets_an_error_line():
    done = subprocess.run(COMMAND, input=b'\xff\xfe{}\n{"op":"version"}\n', capture_output=True, timeout=30, check=True)
    wrong, right = (json.loads(line) for line in done.stdout.splitlines())
    assert wrong["error"]["code"] == "bad-input"
    assert "ok" in right


def test_results_have_a_limit_of_their_own():
    large, small = talk(
        {"id": 1, "op": "evaluate", "expression": "[range(1000)]"},
        {"id": 2, "op": "evaluate", "expression": "[range(10)]"},
        arguments=["--result-bytes", "100"],
    )
    assert large["overrun"]["limit"] == "limits.value_bytes"
    assert small["ok"] == list(range(10))


def test_too_much_memory_or_time_ends_the_process_and_nothing_else():
    for arguments, expression in (
        (["--megabytes", "150"], '"x" * 1e9 | length'),
        (["--seconds", "0.3"], "def f: f; f"),
    ):
        request = json.dumps({"id": 1, "op": "evaluate", "expression": expression}) + "\n"
        done = subprocess.run(
            [*COMMAND, *arguments], input=request.encode(), capture_output=True, timeout=30, check=False
        )
        assert done.returncode < 0 or b'"limits.expression_megabytes"' in done.stdout


@pytest.mark.parametrize("arguments", [["--seconds"], ["--seconds", "x"], ["--frob", "1"], ["1"]])
def test_wrong_arguments_are_explained(arguments):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "[--seconds NUMBER]" in done.stderr
    assert "Traceback" not in done.stderr


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
requests = st.fixed_dictionaries(
    {"op": st.sampled_from(["run", "evaluate", "version", "compile", "x"]) | json_values},
    optional={
        "id": json_values,
        "expression": st.sampled_from([".", "$x", ".a", "1 +", "[.[]]"]) | json_values,
        "data": json_values,
        "variables": st.dictionaries(st.sampled_from("xy"), json_values) | json_values,
        "names": st.just(["x"]) | json_values,
        "input": st.sampled_from(["[1,2]", "[", "{}", "1"]) | json_values,
        "source": st.just("a: b") | json_values,
        "file": st.just("f") | json_values,
    },
)


@given(requests.map(json.dumps) | st.text(max_size=30))
def test_whatever_a_line_holds_one_line_answers_it(line):
    answer = Server().answer(line.encode("utf-8", "surrogatepass") + b"\n")
    assert answer.endswith(b"\n")
    assert answer.count(b"\n") == 1
    said = json.loads(answer)
    assert set(said) - {"id"} <= {"ok", "fault", "error", "overrun"}
    assert said.get("error", {}).get("code") != "bug", said
