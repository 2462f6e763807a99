"""An expression that counts as bounded ends soon and gives little, whatever the data."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reach_workbench.engine import bounds, libjq
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression
from reach_workbench.engine.faults import Fault

LARGE, SMALL = bounds.SIZES


@pytest.mark.parametrize(
    "source",
    [
        ".a + 1",
        ".a == $b and (.c | length) > 3",
        "if .a then .b elif .c then .d else .e end",
        '{a: .b, c: (.d // "x"), "e\\(.f)": $g, h, $i, (.k): 1, "l": [1, 2]}',
        "[.a, .b, .c]",
        "[range(100)]",
        "[range(3; 9)] | length",
        ".items + [$item]",
        ". + {x: .y}",
        '"Hello \\(.name), you are \\(.age | tostring)"',
        ".a |= . + 1",
        ".a.b = .c | .d += 1",
        '.x | IN("a", "b")',
        '.a | join(", ")',
        ".a as $x | $x + $x",
        ".a[1:3] | length",
        ".a? // empty",
        'try error("x") catch .',
        '.name | ascii_downcase | startswith("a")',
        "@base64",
        "[.,.] | [.,.]",
        "-.a",
        ".price * 1.2",
        "not",
        "has($key)",
    ],
)
def test_what_workflows_need_most_is_bounded(source):
    assert bounds.limit(source) == LARGE


@pytest.mark.parametrize("source", [".a - .b", '.tags | contains(["x"])', 'index("x")'])
def test_what_compares_each_with_each_is_bounded_for_little_data(source):
    assert bounds.limit(source) == SMALL


@pytest.mark.parametrize(
    "source",
    [
        ".[]", ".a[]", "..", "[range(.a)]", "[range(1e12)]", "def f: f; f", "repeat(1)", "recurse", "while(true; .)",
        "until(false; .)", "limit(3; .a)", "first(.a)", "reduce .a as $x (0; 1)", "foreach .a as $x (0; 1)",
        "label $x | break $x", "map(.)", "select(.[])", "walk(.)", "with_entries(.)", "to_entries | map(.)", "paths",
        'test("a")', 'match("a")', 'sub("a"; "b")', 'gsub("a"; "b")', 'split("a"; null)', "splits(.)", "combinations",
        '"x" * 1000000000', ".a * .b", ".a * $n", ".a * 650", ".a *= 2", ".a *= .b", ".[1000000000] = 1",
        ".a[9999999] |= 1", ".[$n] = 1", "setpath([9999999]; 1)", ".[.a]", ".[[0]]", "transpose", "flatten",
        "join(.sep)", "contains($x)", "indices(.)", "|".join(["[.,.]"] * 7), "|".join(["{a: ., b: .}"] * 7),
        "{a: (1,2), b: (1,2), c: (1,2), d: (1,2), e: (1,2), f: (1,2), g: (1,2)}", "[" + ",".join(["."] * 200) + "]",
        "|".join(["(1,1)"] * 7), "[(.,.,.) + (.,.,.) + (.,.,.) + (.,.,.)]", "|".join([". + ."] * 7),
        "|".join(["tojson"] * 7), "(" * 200 + "." + ")" * 200, ". as [$a] | $a", ". as $a ?// [$a] | $a", "nope", "$",
        "|".join(["(. as $x | $x + $x)"] * 7), '"' + "\\(.)" * 80 + '"', "ltrimstr(.[])", "input", "getpath(paths)",
        "tojson|fromjson|walk(.)", "@base32d", ".a |= (.,.,.) * 9 * 9 * 9", "", "1 2", "del(.[])", "min_by(.a)",
    ],
)  # fmt: skip
def test_loops_and_blow_ups_are_not_bounded(source):
    assert bounds.limit(source) == 0


atoms = st.sampled_from(
    [".", ".", ".", ".a", ".b", "$x", ".[0]", ".a.b", ".a?", '"ab"', "1", "{}", "null", '"x\'&<>\\""', "2.5"]
)
words = st.sampled_from(
    ["length", "keys", "to_entries", "tostring", "tojson", "add", "sort", "reverse", "explode", "implode", "unique",
     "ascii_downcase", "fromjson", "min", "values", "from_entries", "@html", "@uri", "@sh", "@csv", "@tsv", "@base64",
     "@base64d", "@json", "first", "any", "not", "trim", "abs", "type", "empty", "error"]
)  # fmt: skip
calls = st.sampled_from(["join", "split", "contains", "has", "startswith", "index", "indices", "IN", "select", "del"])
signs = st.sampled_from(["+", "+", "-", "/", "==", "<", "and", "or", "//"])


def grown(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map("({0[0]} | {0[1]})".format),
        pair.map("({0[0]}, {0[1]})".format),
        pair.map("[{0[0]}, {0[1]}]".format),
        pair.map("{{a: ({0[0]}), b: ({0[1]}), $x}}".format),
        st.tuples(inner, signs, inner).map("(({0[0]}) {0[1]} ({0[2]}))".format),
        pair.map('"\\({0[0]})é\\({0[1]})"'.format),
        pair.map("(({0[0]}) as $x | {0[1]})".format),
        st.tuples(inner, inner, inner).map("if {0[0]} then {0[1]} else {0[2]} end".format),
        st.tuples(inner, words).map("({0[0]} | {0[1]})".format),
        st.tuples(inner, calls, inner).map("({0[0]} | {0[1]}({0[2]}))".format),
        st.tuples(inner, st.sampled_from("239")).map("({0[0]} * {0[1]})".format),
        inner.map("(.a = ({}))".format),
        inner.map("(.a += ({}))".format),
        pair.map("(try ({0[0]}) catch ({0[1]}))".format),
        st.tuples(st.sampled_from(["html", "uri", "sh", "json"]), inner).map('@{0[0]} "\\({0[1]})"'.format),
        inner.map("([.,.] | {})".format),
    )


sources = st.recursive(atoms, grown, max_leaves=12)
SHAPES = [
    lambda size: "'" * size,
    lambda size: '"\\' * (size // 4),
    lambda size: [0] * (size // 2),
    lambda size: {str(number): number for number in range(size // 12)},
    lambda size: {"a": "x" * (size // 2), "b": ["y"] * (size // 8)},
    lambda size: [{"a": [1, 2]}] * (size // 12),
    lambda size: {"a": [""] * (size // 3 // 2), "b": " é&<" * (size // 10)},
]


@settings(max_examples=250, deadline=None)
@given(sources, st.sampled_from(SHAPES), st.sampled_from(SHAPES))
def test_a_bounded_expression_ends_soon_and_gives_little(source, data, x):
    size = bounds.limit(source)
    assume(size > 0)
    try:
        names = tuple(compile_expression(source).variables)
    except ExpressionSyntaxError:
        return
    text = libjq.encode([data(size * 7 // 10), x(size * 2 // 10)][: 1 + len(names)])
    assume(len(text) <= size)
    start = time.process_time()
    try:
        result = libjq.run_text(f"[{source}]", names, text)
    except Fault as fault:
        result = fault.detail
    assert time.process_time() - start < 2
    assert len(result) <= bounds.GROWTH * len(text) + bounds.SLACK


def test_a_bounded_expression_on_much_data_is_left_to_the_evaluator():
    from reach_workbench.engine.evaluate import evaluate

    asked = []

    class Elsewhere:
        def evaluate(self, expression, data, variables):
            asked.append(len(str([data, variables])))
            return "done elsewhere"

    expression = compile_expression(".a | length")
    assert evaluate(expression, {"a": "x" * 1_000}, {}, Elsewhere()) == 1_000
    assert evaluate(expression, {"a": "x" * (LARGE + 1)}, {}, Elsewhere()) == "done elsewhere"
    assert evaluate(compile_expression("[.[]]"), [], {}, Elsewhere()) == "done elsewhere"
    assert evaluate(compile_expression(".a"), {"a": "x" * LARGE}, {}, Elsewhere()) == "x" * LARGE
    assert len(asked) == 2
