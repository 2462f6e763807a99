"""Many expressions judged at once are judged as each would be alone."""

from __future__ import annotations

import json
import time

import jq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reach_workbench.engine import jq_check
from reach_workbench.engine.compile import compile_document
from reach_workbench.engine.document import DocumentLimits
from reach_workbench.engine.expression_survey import Survey
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression, read
from reach_workbench.engine.jq_words import FUNCTIONS, KEYWORDS
from reach_workbench.engine.templates import Expression

ABOUT = {"dsl": "1.0.3", "namespace": "tests", "name": "case", "version": "0.1.0"}

FAULTY = [
    "1 2", "hello world", "nope", ".a |", "| .a", "(1 2) 3", "{a b}", "[1,]", "if . then 1", "1 end",
    "reduce . as $x (1)", "try", "label $f | break $g", ". as x | 1", '"\\(1 2)"', '"\\(nope)"', "length(1)", "map",
    "map(.;.)", "def f: .;", "def f: g; f", ")", "(", "#", "", "now", '"a" "b"', "1 as [1 2] | 3", "..a", ".[",
    "$__loc__", "a::b", "$a::b", "{(1 2): 3}", "1 # ) 2", "(1 # )\n", ". as [$a, {b: $c}] | nope", "? // 1", "{",
    '"', "@nope", "1 +", "- ", "+ 1", "elif", "\0",
]  # fmt: skip
RIGHT = [
    ".", ".a.b", "$x", "$x.y + $z", ". as $x | $x", "(. as $x | $x) + $x", "def f($x): $x; f(1)", "def f: $z; f",
    "[.[] | .a]", '"\\(.a) and \\($x)"', "# comment\n.a + 1", ".a + 1 # comment", "1 # \\\n 2\n + 1",
    ".a\n+ # x\n.b", "{a: 1, $x, nope: 2}", "reduce .[] as [$i, {$j}] (0; . + $i)", "label $f | 1, break $f",
    "{if: 1, def: 2}", ".[0]?", "try error catch .", '"x" * 1000', ". as [$a] ?// $a | $a", "{(\"a\", \"b\"): $y}",
    "@base64 \"\\(.)\"", "_negate", "-1", "1 as $x | 2 as $y | [$x, $y, $w]", "$a::b",
]  # fmt: skip


def alone(source: str, loose: bool = False) -> Expression | tuple[str, str, int]:
    try:
        return compile_expression(source, loose=loose)
    except ExpressionSyntaxError as wrong:
        return wrong.message, wrong.hint, wrong.offset


def surveyed(survey: Survey, source: str, loose: bool = False) -> Expression | tuple[str, str, int]:
    try:
        return survey.compile(source, loose=loose)
    except ExpressionSyntaxError as wrong:
        return wrong.message, wrong.hint, wrong.offset


def test_the_known_names_are_those_of_libjq() -> None:
    listed = jq.compile('[builtins[] | split("/")[0]] | unique').input_value(None).first()
    assert sorted(FUNCTIONS) == sorted(listed)
    for word in KEYWORDS - {"__loc__", "true", "false", "null"}:
        with pytest.raises(ValueError, match="syntax error"):
            jq.compile(f"1 | {word} | 1")


@pytest.mark.parametrize(
    "source",
    [
        "nope",
        "1 | nope(1)",
        "{a: nope}",
        '"\\(nope)"',
        "{a: 1, b: (2, nope)}",
        "if . then nope, a else b end",
        ". as $x | nope",
    ],
)
def test_an_unknown_name_is_found_without_libjq(source: str) -> None:
    unknown = read(source).unknown
    assert unknown is not None
    assert unknown.text == "nope"
    with pytest.raises(ValueError, match=r"nope/. is not defined"):
        jq.compile(source)


@pytest.mark.parametrize(
    "source", ["{nope}", "{nope: 1}", ".nope", "$nope", "{a: 1, nope: 2}", "def nope: 1; nope", "_negate", '"nope"']
)
def test_a_name_that_is_no_call_is_none(source: str) -> None:
    assert read(source).unknown is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(RIGHT * 3 + FAULTY), max_size=40), st.booleans())
def test_a_batch_is_judged_as_each_alone(sources: list[str], loose: bool) -> None:
    survey = Survey(100_000, lambda: False)
    survey.look_over([f"${{ {source} \n}}" for source in sources] + sources, loose=loose)
    for source in sources:
        assert surveyed(survey, source, loose) == alone(source, loose)
        assert surveyed(survey, f" {source} \n", loose) == alone(f" {source} \n", loose)


PIECES = [
    ".", ".a", "a", "(", ")", "[", "]", "{", "}", '"', "\\(", "#", "\n", "\r\n", "\\", " ", "|", ",", ":", ";",
    "$x", "$y", "as", "def f:", "f", "if", "then", "else", "end", "1", "-", "+", "map", "length", "reduce", "try",
    "?", "//", "label $x|", "break $x",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join), min_size=2, max_size=12))
def test_no_expression_of_a_batch_leaves_its_place(sources: list[str]) -> None:
    survey = Survey(100_000, lambda: False)
    survey.look_over(sources, loose=True)
    for source in sources:
        assert surveyed(survey, source, True) == alone(source, True)


@given(st.lists(st.sampled_from(RIGHT), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_variables_of_a_batch_are_those_of_each_alone(sources: list[str]) -> None:
    texts = [source for source in sources if "#" not in source]
    assert jq_check.undefined_variables(texts) == [jq_check.undefined_variables([text])[0] for text in texts]


def test_variables_of_functions_inside_an_expression_are_found_too() -> None:
    text = "def f: def g: $c + $a; $b + g; . as $d | f + $a + $d"
    assert compile_expression(text).variables == {"a", "b", "c"}
    assert jq_check.undefined_variables(["def f: $w + $z; f", "$w"]) == [{"w", "z"}, {"w"}]


def test_each_fault_among_many_has_its_own_place() -> None:
    sets = [{f"t{n}": {"set": {"x": f"${{ .a{n} + {n} }}"}}} for n in range(300)]
    sets[7] = {"t7": {"set": {"x": "${ .a + }"}}}
    sets[150] = {"t150": {"if": ".b + nope", "set": {"x": "${ (1 2) 3 }"}}}
    text = json.dumps({"document": ABOUT, "do": sets}, indent=0)
    compiled = compile_document(text, "case.json")
    lines = text.splitlines()
    told = [(lines[each.line - 1][each.column - 1 :], each.message) for each in compiled.diagnostics]
    assert told == [
        ('nope",', "nope/0 is not defined"),
        ('2) 3 }"', "syntax error, unexpected a number, expecting '|' or ',' or ')'"),
    ] or [message for _, message in told] == [
        "syntax error, unexpected end of the expression",
        "nope/0 is not defined",
        "syntax error, unexpected a number, expecting '|' or ',' or ')'",
    ]


def document(texts: list[str], **more: object) -> str:
    return json.dumps({"document": ABOUT, **more, "do": [{"t": {"set": {"all": texts}}}]})


HOSTILE = {
    "40,000 expressions": document([f"${{ .x{n} + 1 }}" for n in range(40_000)]),
    "40,000 that go astray": document([f"${{ (1 |) {n} }}" for n in range(40_000)]),
    "40,000 texts in loose mode": document([f"{n} |" for n in range(40_000)], evaluate={"mode": "loose"}),
    "words that cost jq most": document([f"${{ {'label$x|' * 499}{n} }}" for n in range(250)]),
    "uri variables": json.dumps(
        {
            "document": ABOUT,
            "do": [
                {
                    "t": {
                        "call": "http",
                        "with": {
                            "method": "get",
                            "endpoint": "http://x/${ .a }" + "".join(f"{{a{n}}}" for n in range(90_000)),
                        },
                    }
                }
            ],
        }
    ),
}


def slowness() -> float:
    """By how much a slow machine stretches the bound: the whole may take 20 times what 15 of its 250 texts take."""
    text = document([f"${{ {'label$x|' * 499}{n} }}" for n in range(15)])
    start = time.process_time()
    compile_document(text, "measure.json")
    return max(1.0, (time.process_time() - start) / 0.75)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_large_document_is_compiled_or_refused_in_time(name: str) -> None:
    text = HOSTILE[name]
    assert 100_000 < len(text) < 1_048_576
    start = time.process_time()
    compiled = compile_document(text, "case.json")
    assert time.process_time() - start < 15 * slowness()
    assert compiled.program is not None or compiled.diagnostics


def test_the_limit_on_words_names_its_setting() -> None:
    text = document(["${ .a + 1 }", "${ .b + 1 }", "${ .a + 1 }", "${ .c.d }"])
    assert compile_document(text, "case.json", limits=DocumentLimits(document_words=6)).program is not None
    refused = compile_document(text, "case.json", limits=DocumentLimits(document_words=5))
    assert [(each.code, "limits.document_words" in each.message) for each in refused.diagnostics] == [("limit", True)]
