"""Canonical JSON is RFC 8785, byte for byte, and refuses what JSON can't carry."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.engine.canonical import MAX_DEPTH, canonical

SAFE = 2**53 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_it_is_what_the_reference_implementation_writes(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_reading_it_back_and_writing_it_again_changes_nothing(value):
    once = canonical(value)
    assert canonical(json.loads(once)) == once


@given(st.dictionaries(texts, st.integers(0, 9), max_size=8))
def test_the_order_of_members_does_not_matter(value):
    assert canonical(dict(reversed(list(value.items())))) == canonical(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        ([4.50, 2e-3, 333333333.33333329], "[4.5,0.002,333333333.3333333]"),
        ('\x00\x1f\x7f"\\/\b\f\n\r\t', '"\\u0000\\u001f\x7f\\"\\\\/\\b\\f\\n\\r\\t"'),
        ({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3}, '{"\u20ac":3,"\U0001f600":2,"\ufb33":1}'),
        (["12:1.5", ",-1e5"], '["12:1.5",",-1e5"]'),
        ({}, "{}"),
    ],
)
def test_the_samples_of_the_rfc(value, text):
    assert canonical(value).decode() == text


@given(st.integers())
def test_integers_keep_all_their_digits(number):
    assert canonical([number]) == b"[%d]" % number


def test_two_large_integers_that_are_one_double_stay_apart():
    assert canonical(2**53) != canonical(2**53 + 1)


@dataclass
class Point:
    x: int


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [None, float("inf")],
        {"a": [1.5, float("-inf")]},
        b"bytes",
        {1: "number as a key"},
        {None: 1},
        {"a": {1, 2}},
        Point(1),
        datetime(2026, 1, 1),
        "\ud800",
        {"\udfff": 1},
        Fraction(1, 3),
    ],
    ids=repr,
)
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


def test_subclasses_of_text_and_of_tuples_count_as_what_they_are():
    assert canonical([Text("a"), (1, 2)]) == b'["a",[1,2]]'


def _nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_has_a_limit_and_no_recursion_error():
    assert canonical(_nested(MAX_DEPTH)) == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    for levels in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ValueError, match="nested deeper than"):
            canonical(_nested(levels))


def test_a_value_that_contains_itself_is_refused():
    value: dict[str, object] = {"a": 1.5}
    value["self"] = value
    with pytest.raises(ValueError, match="nested deeper than"):
        canonical(value)


def test_an_identifier_object_is_text():
    assert canonical(uuid.UUID(int=0)) == b'"00000000-0000-0000-0000-000000000000"'
