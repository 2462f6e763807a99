"""Placeholders keep the shape of a secret, never its value, and give it back exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluate import InProcess, evaluate
from reach_workbench.engine.expression_texts import compile_template
from reach_workbench.engine.secrets import PLACEHOLDER, reveal, shape

keys = st.text(st.sampled_from("ab/~01⟧⟦:é \n"), max_size=5)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(st.sampled_from(["token", "a/b", "a~1", "two words", "⟧"]), values)
def test_revealing_a_shape_gives_the_value_back(name, value):
    assert reveal(shape(name, value), {name: value}) == value


@given(st.recursive(st.just("hunter2"), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner)))
def test_a_shape_holds_nothing_of_the_value(value):
    assert b"hunter2" not in canonical(shape("s", value))


def test_every_leaf_gets_a_placeholder_of_its_own():
    assert shape("github", {"token": "t", "urls": ["a", 1], "a/b~c": None}) == {
        "token": "⟦secret:github/token⟧",
        "urls": ["⟦secret:github/urls/0⟧", "⟦secret:github/urls/1⟧"],
        "a/b~c": "⟦secret:github/a~1b~0c⟧",
    }


def test_expressions_move_and_join_placeholders():
    secrets = {"api": {"user": "ann", "key": 7}}
    template = compile_template(
        {"header": "Basic ${ $secrets.api.user }:${ $secrets.api.key }", "key": "${ $secrets.api.key }"}
    )
    shaped = {name: shape(name, value) for name, value in secrets.items()}
    recorded = evaluate(template, None, {"secrets": shaped}, InProcess())
    assert "ann" not in recorded["header"]
    assert PLACEHOLDER.findall(recorded["header"]) == ["api/user", "api/key"]
    assert reveal(recorded, secrets) == {"header": "Basic ann:7", "key": 7}


def test_a_placeholder_inside_text_is_replaced_by_the_text_of_the_leaf():
    assert reveal("a ⟦secret:s⟧ b ⟦secret:s⟧", {"s": "x"}) == "a x b x"
    assert reveal("⟦secret:s⟧!", {"s": True}) == "true!"
    assert reveal("⟦secret:s⟧!", {"s": None}) == "null!"


def test_placeholders_in_the_names_of_members_are_replaced_too():
    assert reveal({"X-⟦secret:s⟧": 1, "⟦secret:n⟧": 2}, {"s": "Key", "n": 5}) == {"X-Key": 1, "5": 2}


def test_a_value_that_looks_like_a_placeholder_is_not_replaced_twice():
    assert reveal("⟦secret:a⟧", {"a": "⟦secret:b⟧", "b": "x"}) == "⟦secret:b⟧"


@pytest.mark.parametrize("text", ["⟦secret:gone⟧", "x ⟦secret:gone/a⟧ y", "⟦secret:here/gone⟧", "⟦secret:here/0⟧"])
def test_an_unknown_secret_is_named(text):
    with pytest.raises(KeyError, match=r"gone|0"):
        reveal(text, {"here": {"token": "t"}})


@pytest.mark.parametrize("path", ["list/7", "list/x", "text/0"])
def test_a_path_into_a_secret_of_another_shape_is_an_unknown_secret(path):
    with pytest.raises(KeyError):
        reveal(f"⟦secret:{path}⟧", {"list": [1], "text": "t"})


def test_values_without_placeholders_are_left_alone():
    value = {"a": [1, None, "⟦other⟧", {"b": 2.5}]}
    assert reveal(value, {}) == value
