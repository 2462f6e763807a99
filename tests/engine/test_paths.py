"""A path walked in Python finds, and refuses, exactly what jq finds and refuses."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reach_workbench.engine import libjq
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluate import InProcess, evaluate
from reach_workbench.engine.expressions import compile_expression
from reach_workbench.engine.faults import Fault

names = st.sampled_from(["a", "b", "_c9", "a b", "é", "", "0", 'q"', "back\\slash", "new\nline", "if", "now", "😀"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from(["", "a", "text", 1.5, 1.0, -0.0, 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=25,
)
spaces = st.sampled_from(["", "", "", " ", "\n", " # comment\n"])


@st.composite
def steps(draw):
    if draw(st.booleans()):
        number = draw(st.sampled_from(["0", "1", "2", "-1", "-3", "- 1", "999999999", "-999999999", "1000000000000"]))
        return f"[{draw(spaces)}{number}{draw(spaces)}]"
    name = draw(names)
    quoted = orjson.dumps(name).decode()
    forms = [f"[{quoted}]", f".[{quoted}]", f".{quoted}"]
    if name.isidentifier() and name.isascii():
        forms.append(f".{name}")
    return draw(st.sampled_from(forms))


@st.composite
def path_texts(draw):
    parts = [draw(steps()) for _ in range(draw(st.integers(0, 4)))]
    root = draw(st.sampled_from([".", "$v", ""]))
    if not root and not (parts and parts[0].startswith(".")):
        root = "."
    if root == "." and parts and parts[0].startswith(".") and not parts[0].startswith((".[", '."')):
        parts[0] = " " + parts[0]
    if root == "." and parts and parts[0].startswith('."'):
        root = ""
    return root + "".join(draw(spaces) + part for part in parts)


def outcome(run):
    try:
        return canonical(run())
    except Fault as fault:
        return fault.problem()


@settings(max_examples=500, deadline=None)
@given(path_texts(), values)
@example(".a.b", {"a": None})
@example(".[-1]", [])
@example('."a"."b"', {"a": {"b": 1}})
@example(".[1000000000000]", [1])
@example('.["\\u0061"]', {"a": 1})
def test_the_walk_and_jq_agree(text, data):
    expression = compile_expression(text)
    names = tuple(sorted(expression.variables))
    here = outcome(lambda: evaluate(expression, data, {"v": data}, InProcess()))
    there = outcome(lambda: libjq.decode(libjq.run_text(text, names, libjq.encode([data] + [data] * len(names)))))
    assert here == there


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".", ("", ())),
        (".a", ("", ("a",))),
        ("  .a.b  ", ("", ("a", "b"))),
        ('.["a b"].c', ("", ("a b", "c"))),
        (".a[0]", ("", ("a", 0))),
        (".[-1]", ("", (-1,))),
        ("$context.user.name", ("context", ("user", "name"))),
        ("$x", ("x", ())),
        ('$x."a\\"b"', ("x", ('a"b',))),
        (".a # comment", ("", ("a",))),
    ],
)
def test_paths_are_recognised(text, path):
    assert compile_expression(text).path == path


@pytest.mark.parametrize(
    "text",
    [".a?", ".[]", ".a[1:2]", "..", ".a|.b", ".[.a]", ".[1.0]", ".[1e3]", ".[01]", '.["\\(.a)"]', "-.a", "1", '"a"'],
)
def test_anything_else_is_not_a_path(text):
    assert compile_expression(text).path is None


@pytest.mark.parametrize("text", [".a.", ". .", ".[", ".a b", "$", "$ x", ".9a", ".[0", ".-a", ".a..b", ". a"])
def test_broken_paths_do_not_compile(text):
    from reach_workbench.engine.expressions import ExpressionSyntaxError

    with pytest.raises(ExpressionSyntaxError):
        compile_expression(text)
