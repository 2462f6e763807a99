"""A held action is written as a person would write it, and nothing in it can hide or pretend."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.ui.gates.reading import Line, _rows
from reach_workbench.ui.gates.spelled import headline, spelled
from reach_workbench.ui.visible import remarks, visible, visible_json


def lines(kind: str, arguments: object) -> list[str]:
    return [line for part in spelled(kind, arguments) for line in (part.title, *part.lines)]


def test_a_shell_command_stands_as_it_would_be_typed() -> None:
    process = {
        "command": "cd /srv &&\n  rm -rf $1",
        "arguments": ["a b", "c"],
        "environment": {"TOKEN": "x y"},
        "stdin": "yes\n",
    }
    assert lines("shell.run", {"process": process, "await": True}) == [
        "command, run by sh -c", "cd /srv &&", "  rm -rf $1",
        "its words $1, $2, …", "'a b' c",
        "environment", "TOKEN='x y'",
        "standard input", "yes", "",
        "also", "await: true",
    ]  # fmt: skip


def test_a_request_stands_as_it_would_be_sent() -> None:
    arguments = {
        "method": "post",
        "endpoint": {"uri": "https://example.com/pay", "authentication": {"bearer": {"token": "⟦secret:bank⟧"}}},
        "query": {"dry": False},
        "headers": {"X-Trace": "1\nX-Admin: yes"},
        "body": {"amount": 12},
        "output": "raw",
    }
    shown = lines("http.call", arguments)
    assert shown[:4] == ["request", "POST https://example.com/pay", "  ?dry=false", "X-Trace: 1\nX-Admin: yes"]
    assert visible(shown[3]) == "X-Trace: 1‹LF›X-Admin: yes", "a value must not look like a header of its own"
    assert shown[4:8] == ["body", "{", '  "amount": 12', "}"]
    assert "⟦secret:bank⟧" in "\n".join(shown)
    assert shown[-2:] == ["also", "output: raw"]


def test_an_event_stands_by_its_type_and_what_it_carries_and_nothing_is_left_out() -> None:
    event = {"specversion": "1.0", "id": "01:4", "source": "/a", "type": "com.example.payment", "data": {"amount": 4}}
    assert headline("event.emit", event) == "com.example.payment"
    assert lines("event.emit", event) == [
        "CloudEvent of the type", "com.example.payment",
        "its data", "{", '  "amount": 4', "}",
        "also", "specversion: 1.0", "id: 01:4", "source: /a",
    ]  # fmt: skip


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["shell.run", "script.run", "container.run", "http.call", "openapi.call", "workflow.run", "function.call",
     "event.emit", "human.approve", "unheard.of"]
)  # fmt: skip


@given(KINDS, ARGUMENTS, st.booleans())
def test_whatever_the_arguments_are_they_are_spelled(kind: str, value: object, started: bool) -> None:
    arguments = {"process": value} if started else value
    assert spelled(kind, arguments)
    headline(kind, arguments)


@given(ARGUMENTS)
def test_the_exact_json_is_exact_and_shows_every_character(value: object) -> None:
    shown = visible_json(value)
    assert json.loads("\n".join(shown)) == value
    assert all(
        unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Co", "Cn") for line in shown for char in line
    )


@given(st.text(), st.text())
def test_texts_that_differ_never_look_the_same(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)
    assert all(char == " " or not char.isspace() for char in visible(one))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm\u202e gpj.exe", "rm‹U+202E› gpj.exe"),
        ("a\u200bb", "a‹U+200B›b"),
        ("a\x1b[2Kb", "a‹ESC›[2Kb"),
        ("a\rb\tc", "a‹CR›b‹TAB›c"),
        ("a\u00a0b\u3164", "a‹NBSP›b‹U+3164›"),
        ("a\U000e0041", "a‹U+E0041›"),
        ("‹ESC›", "‹U+2039›ESC›"),
        ("größe 日本 é", "größe 日本 é"),
    ],
)
def test_what_does_not_show_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_reader_is_told_of_unseen_characters_and_mixed_alphabets() -> None:
    assert remarks("echo größe\n\tnext") == []
    assert remarks("rm \u202e\u200b") == ["2 characters that would not show: written as ‹…› here"]
    [mixed] = remarks("curl https://p\u0430ypal.com/ Москва")
    assert "several alphabets" in mixed


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"])), st.integers(3, 30))
def test_a_line_is_wrapped_and_never_cut(text: str, width: int) -> None:
    rows = list(_rows(Line(visible(text), exact=True), width))
    assert "".join(row.text for row in rows) == visible(text)
    assert [row.head for row in rows] == ["│ "] + ["┊ "] * (len(rows) - 1)
