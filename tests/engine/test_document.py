"""Reading YAML and JSON: what is understood, what is refused and where, and that nothing makes it hang."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.document import DocumentLimits, load_plain, read_document
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.tree import Node, Place

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
"""Eleven levels of nine aliases: 100 bytes a level, 9**12 values."""


def read(text: str, **limits: int) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    findings = Findings("w.yaml", text)
    node = read_document(text, findings, DocumentLimits(**limits))
    return node, findings.diagnostics()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: yes\noff: no", {"on": "yes", "off": "no"}),
        ("day: 2025-03-01", {"day": "2025-03-01"}),
        ("at: 2025-03-01T12:00:00Z", {"at": "2025-03-01T12:00:00Z"}),
        ("a: 010\nb: 0o10\nc: 0x1F\nd: 1_000", {"a": 10, "b": 8, "c": 31, "d": "1_000"}),
        ("a: 1.50\nb: -.5\nc: 1e3\nd: +7\ne: 1:30", {"a": 1.5, "b": -0.5, "c": 1000.0, "d": 7, "e": "1:30"}),
        ("a: null\nb: ~\nc:\nd: Null", {"a": None, "b": None, "c": None, "d": None}),
        ("a: True\nb: FALSE\nc: 'true'", {"a": True, "b": False, "c": "true"}),
        ("a: !!str 1\nb: ! 2\nc: !!int '3'\nd: !!float 4", {"a": "1", "b": "2", "c": 3, "d": 4.0}),
        ("18446744073709551615: 0\n", None),
        ("a: 18446744073709551615\nb: -9223372036854775808", {"a": 2**64 - 1, "b": -(2**63)}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ('"<<": 1', {"<<": 1}),
        ('{"a": [1, {"b": null}],\n\t"c": "\\/ \\ud83d\\ude00 \\u0000"}', {"a": [1, {"b": None}], "c": "/ 😀 \0"}),
        ("\ufeffa: 1", {"a": 1}),
        ("--- # comment\na: |\n  one\n  two\n...\n", {"a": "one\ntwo\n"}),
    ],
)
def test_the_core_schema_and_nothing_else_is_understood(text: str, value: Any) -> None:
    node, diagnostics = read(text)
    if value is None:
        assert [each.code for each in diagnostics] == ["key-not-text"]
    else:
        assert node is not None
        assert diagnostics == ()
        assert node.plain == value
        assert {name: type(part) for name, part in node.plain.items()} == {
            name: type(part) for name, part in value.items()
        }


@pytest.mark.parametrize(
    ("text", "line", "column", "code"),
    [
        ("", 1, 1, "empty-document"),
        ("# only a comment\n", 1, 1, "empty-document"),
        ("null", 1, 1, "empty-document"),
        ("a: b: c", 1, 5, "yaml-syntax"),
        ("a: [1, 2", 1, 9, "yaml-syntax"),
        ('a: 1\nb: "never closed\n\nc: 2\n', 2, 4, "yaml-syntax"),
        ('a: "\\q"', 1, 6, "yaml-syntax"),
        ('a: "\\UFFFFFFFF"', 1, 1, "yaml-syntax"),
        ("a: @b", 1, 4, "yaml-syntax"),
        ("a: 1\n" + "k" * 1025 + ": 2", 2, 1026, "yaml-syntax"),
        ('{"' + "k" * 1025 + '": 2}', 1, 1029, "yaml-syntax"),
        ("a:\n\tb: 1", 2, 1, "yaml-tab"),
        ("a: 1\nb: x\0y", 2, 5, "control-character"),
        ("a: \x1b[31m", 1, 4, "control-character"),
        ("a: \udc80", 1, 4, "control-character"),
        ('{"a": "\\ud83d"}', 1, 7, "lone-surrogate"),
        ("a: 1\n---\nb: 2", 2, 1, "several-documents"),
        ("a: 1\nb: 2\na: 3", 3, 1, "duplicate-key"),
        ("{x: {y: 1, y: 2}}", 1, 12, "duplicate-key"),
        ("a: 1\n2: b", 2, 1, "key-not-text"),
        ("true: b", 1, 1, "key-not-text"),
        ("? [a]\n: b", 1, 3, "key-not-text"),
        ("a: &x 1\nb: *y", 2, 4, "yaml-alias"),
        ("a: &x [*x]", 1, 8, "yaml-alias"),
        ("a: {b: 1}\n<<: {c: 1}", 2, 1, "yaml-merge-key"),
        ("a: !!binary aGk=", 1, 4, "yaml-tag"),
        ("a: !mine {}", 1, 4, "yaml-tag"),
        ("a: !!int many", 1, 4, "yaml-tag"),
        ("a: .inf", 1, 4, "not-finite"),
        ("a: .nan", 1, 4, "not-finite"),
        ("a: 18446744073709551616", 1, 4, "number-too-large"),
        ("a: " + "9" * 5000, 1, 4, "number-too-large"),
        ("a: 1e999", 1, 4, "number-too-large"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, line: int, column: int, code: str) -> None:
    _, diagnostics = read(text)
    assert [(each.line, each.column, each.code) for each in diagnostics] == [(line, column, code)]
    assert diagnostics[0].severity == "error"
    assert diagnostics[0].message
    assert diagnostics[0].hint


def test_what_leaves_the_rest_readable_is_said_at_once() -> None:
    _, diagnostics = read("a: 1\na: .inf\n3: !x y\n<<: {}\n")
    assert [(each.line, each.code) for each in diagnostics] == [
        (2, "duplicate-key"),
        (2, "not-finite"),
        (3, "key-not-text"),
        (3, "yaml-tag"),
        (4, "yaml-merge-key"),
    ]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("[" * 10_000, "document_depth"),
        ("[" * 10_000 + "]" * 10_000, "document_depth"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "document_depth"),
        ("- " * 10_000 + "a", "document_depth"),
        ("\n".join(" " * level + "a:" for level in range(1_000)), "document_depth"),
        ("? " * 10_000, "document_depth"),
        ("a: &a " + "[" * 150 + "]" * 150 + "\nb: " + "[" * 100 + "*a" + "]" * 100, "document_depth"),
        (BOMB, "document_nodes"),
        ("[" + "a," * 120_000 + "]", "document_nodes"),
        ("x" * 1_100_000, "document_bytes"),
        ("ä" * 600_000, "document_bytes"),
        ('a: &a "' + "x" * 100_000 + '"\nb: [' + "*a," * 50 + "]", "document_bytes"),
    ],
    ids=lambda each: each[:12],
)
def test_each_limit_names_its_setting_and_holds_quickly(text: str, setting: str) -> None:
    start = time.perf_counter()
    _, diagnostics = read(text)
    assert time.perf_counter() - start < 10
    assert [each.code for each in diagnostics] == ["limit"]
    assert f"limits.{setting}" in diagnostics[0].message
    assert f"limits.{setting}" in diagnostics[0].hint


def test_a_key_that_is_too_long_is_called_that() -> None:
    assert "the key is too long" in read("k" * 1100 + ": 1")[1][0].message


def test_limits_can_be_raised_and_lowered() -> None:
    assert read("[[[1]]]", document_depth=3)[1] == ()
    assert read("[[[1]]]", document_depth=2)[1] != ()
    assert read("[1, 2, 3]", document_nodes=4)[1] == ()
    assert read("[1, 2, 3]", document_nodes=3)[1] != ()
    assert read("abcd", document_bytes=4)[1] == ()
    assert read("abcde", document_bytes=4)[1] != ()


def test_nodes_know_where_they_stand() -> None:
    text = 'a:\n  - b: "x"\n    c: [1, 22]\n'
    node, _ = read(text)
    assert node is not None
    place = Place(node).at(("a", 0, "c", 1))
    assert (place.node.line, place.node.column, place.pointer) == (3, 12, "/a/0/c/1")
    assert place.parent is not None
    holder = place.parent.parent
    assert holder is not None
    assert holder.node.keys == {"b": (2, 5), "c": (3, 5)}


def test_pointers_escape_names() -> None:
    node, _ = read("{a/b: {c~d: 1}}")
    assert node is not None
    assert Place(node).at(("a/b", "c~d")).pointer == "/a~1b/c~0d"


def test_a_fetched_value_is_read_or_refused_with_its_place() -> None:
    assert load_plain("type: object\nrequired: [a]") == {"type": "object", "required": ["a"]}
    with pytest.raises(ValueError, match="line 2, column 1: the key 'a' is given twice"):
        load_plain("a: 1\na: 2")


@given(st.text(alphabet=st.sampled_from("a1 \n\t:-?[]{}&*!|>'\"%@`#,.<~\\\x00\x85\u2028😀"), max_size=60))
@example("&a")
@example("*")
@example("!<")
@example("%YAML 9.9\n---\na")
@example('"\\x')
def test_no_text_raises(text: str) -> None:
    node, diagnostics = read(text)
    assert node is not None or diagnostics
    assert all(each.line >= 1 and each.column >= 1 for each in diagnostics)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=80), inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_is_read_as_any_json_reader_does(value: Any) -> None:
    import json

    if value is None:
        return
    node, diagnostics = read(json.dumps(value, indent="\t"))
    assert diagnostics == ()
    assert node is not None
    assert node.plain == value
