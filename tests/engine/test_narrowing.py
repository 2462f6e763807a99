"""Handing jq only what an expression reads changes nothing but the time it takes."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reach_workbench.engine import libjq
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.narrowing import narrow

DATA = {"a": {"b": [1, {"c": "x"}]}, "n": 5, "k": "key", "items": [{"v": 1}, {"v": 2}]}
VARIABLES = {"x": {"a": {"b": 7}, "k": "z"}, "y": [[1, 2], 3]}


@pytest.mark.parametrize(
    ("source", "read"),
    [
        (".n + 1", [5]),
        (".items | length", [DATA["items"]]),
        (".a.b[0] + $x.a.b", [1, 7]),
        ('{n, k: .k, "q": .items | length}', [5, "key", DATA["items"]]),
        ('"\\(.n) and \\(.a | keys)"', [5, DATA["a"]]),
        ("if .n then .k else .a.b end", [5, "key", DATA["a"]["b"]]),
        ("[.items[] | select(.v > $x.a.b)] | length", [DATA["items"], 7]),
        (".n // .n + .n", [5]),
        (".gone.too + 1", [None]),
    ],
)
def test_only_what_is_read_goes_into_jq(source, read):
    expression = compile_expression(source)
    smaller, data, variables = narrow(expression, DATA, VARIABLES)
    assert data is None
    assert [variables[name] for name in sorted(variables)] == read
    assert libjq.evaluate(smaller, data, variables) == libjq.evaluate(expression, DATA, VARIABLES)


@pytest.mark.parametrize("source", ["reduce $y[0][] as $i (.n; . + $i)", ". as $d | $d.n + $y[1]", "keys + $y[0]"])
def test_the_data_goes_along_whole_when_something_may_read_it(source):
    expression = compile_expression(source)
    smaller, data, variables = narrow(expression, DATA, VARIABLES)
    assert data is DATA
    assert [variables[name] for name in sorted(variables)] in ([[1, 2]], [3])
    assert libjq.evaluate(smaller, data, variables) == libjq.evaluate(expression, DATA, VARIABLES)


@pytest.mark.parametrize(
    "source", [".", "keys", ".a = $x.a", "[paths($x.a)]", "def f: $x.k; f", "$x", '{"n"}', ".n.x + 1"]
)
def test_an_expression_stays_as_it_is_where_that_could_make_a_difference(source):
    expression = compile_expression(source)
    assert narrow(expression, DATA, VARIABLES) == (expression, DATA, VARIABLES)


atoms = st.sampled_from(
    [".", ".a", ".b", ".a.b", ".a[0]", ".c[-1].a", '."a"', '.["b"]', ".a?", ".[0]", "$x", "$x.a", "$x.b.a", '$x["a"]?',
     "$y.a", "1", '"t"', "{a}", '{"b"}', "{$x}", "{a, $y, b: .b}", "length", "keys", "not", "empty", "null", "@json",
     "..", ".a[]", ".b[]?", ".a[1:]", "$x.a[]"]
)  # fmt: skip


def grown(inner):
    pair = st.tuples(inner, inner)
    triple = st.tuples(inner, inner, inner)
    return st.one_of(
        pair.map("{0[0]} | {0[1]}".format),
        pair.map("({0[0]} | {0[1]})".format),
        pair.map("({0[0]}, {0[1]})".format),
        pair.map("[{0[0]}, {0[1]}]".format),
        pair.map("{{a: ({0[0]}), \"k\": .b | .a, ({0[1]}): .a, b}}".format),
        pair.map("({0[0]}) + ({0[1]})".format),
        pair.map("({0[0]}) // ({0[1]})".format),
        pair.map('"\\({0[0]})-\\({0[1]})"'.format),
        pair.map("(({0[0]}) as $x | {0[1]})".format),
        pair.map("(({0[0]}) as [$x, {{a: $y}}] | {0[1]})".format),
        pair.map("reduce ({0[0]}) as $x (.b; {0[1]})".format),
        pair.map("first({0[0]}, {0[1]})".format),
        pair.map("(try ({0[0]}) catch ({0[1]}))".format),
        pair.map("(try ({0[0]}))[{0[1]}]?".format),
        pair.map("label $x | {0[0]}, break $x, {0[1]}".format),
        pair.map("[limit(3; {0[0]})] | map({0[1]})".format),
        pair.map("(.a |= ({0[0]})) | {0[1]}".format),
        pair.map("[path({0[0]})], {0[1]}".format),
        triple.map("if {0[0]} then {0[1]} else {0[2]} end".format),
        triple.map("{{a: if {0[0]}, {0[1]} then {0[2]} end, b: .a}}".format),
        triple.map("{0[0]} as $y | {0[1]} | {0[2]}".format),
        inner.map("@html \"<\\({})>\"".format),
        inner.map("map(select({}))".format),
        inner.map("-({})".format),
        inner.map("[{}] | add".format),
        inner.map("({}).a".format),
        inner.map("def f: {}; [f, .a]".format),
        inner.map("{} # comment\n| .a".format),
    )  # fmt: skip


sources = st.recursive(atoms, grown, max_leaves=7)
names = st.sampled_from("abk")
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", 2.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


def outcome(expression, data, variables):
    try:
        return canonical(libjq.evaluate(expression, data, variables))
    except Fault as fault:
        return fault.problem()


@settings(max_examples=800, deadline=None)
@given(sources, values, values)
@example("{a: .b | .a, b: .a}", {"a": 1, "b": {"a": 2}}, None)
@example("$x as $x | $x.a", {}, {"a": 1})
@example("if .a, .b then .a | .b else .b end", {"a": {"b": 1}, "b": 2}, None)
@example("{a: if .a then .b end, b: .a}", {"b": 1}, None)
def test_narrowed_or_not_the_outcome_is_the_same(source, data, x):
    try:
        expression = compile_expression(source)
    except ExpressionSyntaxError:
        return
    variables = {"x": x, "y": data}
    assert outcome(*narrow(expression, data, variables)) == outcome(expression, data, variables)
