"""Whatever is done to a document, compiling it ends with a program or with errors, never with a traceback."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reach_workbench.engine.compile import compile_document, compile_function
from reach_workbench.engine.document import load_plain

DATA = Path(__file__).resolve().parents[1] / "data/compile/valid"
TEXTS = [file.read_text("utf-8") for file in sorted(DATA.iterdir())]
VALUES = [load_plain(text) for text in TEXTS]

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    "",
    "x",
    "${",
    "${ }",
    "${ . }",
    "${ $nope }",
    "{",
    "{a}",
    "$",
    "/",
    "~",
    "end",
    "\ud83d\ude00",
    "\0",
    "P",
    "a:b@c",
    "http",
    [],
    [[]],
    [{}],
    [{"a": {}, "b": {}}],
    {},
    {"": ""},
    {"a": None},
    {"do": []},
    {"use": "x"},
    {"set": {"x": 1}},
]
WORDS = sorted({name for value in VALUES for name in json.dumps(value).split('"') if name.isidentifier()})


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indexes."""
    found: list[tuple[Any, Any]] = []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found.append((value, key))
        found.extend(places(part))
    return found


def mutated(value: Any, chance: random.Random) -> Any:
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 4)):
        everywhere = places(value)
        if not everywhere:
            break
        holder, key = chance.choice(everywhere)
        other_holder, other_key = chance.choice(everywhere)
        way = chance.randrange(6)
        if way == 0:
            holder[key] = copy.deepcopy(chance.choice(ODD))
        elif way == 1:
            del holder[key]
        elif way == 2:
            holder[key] = copy.deepcopy(other_holder[other_key])
        elif way == 3 and isinstance(holder, dict):
            holder[chance.choice(WORDS)] = holder.pop(key)
        elif way == 4 and isinstance(holder, dict):
            holder[chance.choice(WORDS)] = copy.deepcopy(chance.choice(ODD))
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(other_holder[other_key]))
    return value


def ends_well(text: str) -> None:
    compilation = compile_document(text, "w.yaml")
    errors = [each for each in compilation.diagnostics if each.severity == "error"]
    assert (compilation.program is None) == bool(errors)
    for each in compilation.diagnostics:
        assert each.line >= 1
        assert each.column >= 1
        assert each.message
        assert str(each)
    if compilation.program is not None:
        assert compilation.program.digest


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(which=st.integers(0, len(VALUES) - 1), seed=st.integers(0, 2**32))
def test_values_that_were_tampered_with(which: int, seed: int) -> None:
    ends_well(json.dumps(mutated(VALUES[which], random.Random(seed))))


@settings(max_examples=200, deadline=None)
@given(which=st.integers(0, len(TEXTS) - 1), data=st.data())
def test_texts_that_were_tampered_with(which: int, data: st.DataObject) -> None:
    text = TEXTS[which]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    put = data.draw(st.text(alphabet=":-{}[]&*!|>'\"%@` \n\t#$.,ax0\x00\ufeff", max_size=6))
    ends_well(text[:start] + put + text[end:])


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.sampled_from(ODD) | st.sampled_from(WORDS),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
        max_leaves=20,
    )
)
def test_values_that_never_were_a_workflow(value: Any) -> None:
    ends_well(json.dumps(value))
    head = {"document": {"dsl": "1.0.3", "namespace": "t", "name": "n", "version": "0.1.0"}}
    ends_well(json.dumps({**head, "do": [{"a": value}], "use": value}))
    compilation = compile_function(value, "f", "/f")
    assert (compilation.task is None) == any(each.severity == "error" for each in compilation.diagnostics)


@pytest.mark.parametrize(
    "text",
    [
        "do:\n" + "- a: {do: [" * 60 + "]}" * 60,
        '{"document": ' + '{"a": ' * 199 + "1" + "}" * 199 + "}",
        "do: [{a: {set: {x: '" + "${" * 20_000 + "'}}}]",
        "do: [{a: {set: {x: '${ " + "(" * 20_000 + " }'}}}]",
        "do: [{a: {set: {x: '${ " + "[" * 5_000 + "]" * 5_000 + " }'}}}]",
        "do: [{a: {set: {x: '${ " + "1+" * 20_000 + "1 }'}}}]",
        "do: [{a: {call: http, with: {method: get, endpoint: '" + "{" * 50_000 + "'}}}]",
        "do: [{a: {then: '" + "x" * 200_000 + "', set: {x: 1}}}]",
        "schedule: {cron: '" + "1," * 50_000 + "'}\ndo: []",
        "do: [{a: {wait: 'P" + "9" * 50_000 + "D'}}]",
        "do: [{a: {set: {x: 1}, input: {schema: {document: {pattern: '" + "(a*)*" * 5_000 + "'}}}}}]",
    ],
    ids=range(11),
)
def test_documents_made_to_hurt(text: str) -> None:
    ends_well(text)
    ends_well("document: {dsl: '1.0.3', namespace: t, name: n, version: '0.1.0'}\n" + text)
