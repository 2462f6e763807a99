"""Nothing that someone types makes the help of the editor fail, and it never keeps them waiting."""

from __future__ import annotations

import random
from pathlib import Path
from time import process_time

import pytest

from reach_workbench.engine.assist import complete
from reach_workbench.engine.document import DocumentLimits, read_document
from reach_workbench.engine.explaining import explain
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.formatting import format_document
from reach_workbench.engine.outline import outline
from reach_workbench.engine.sketch import sketch
from reach_workbench.engine.tree import Node

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "workflows").glob("*.yaml"))
DOCUMENTS = [*SAMPLES, *sorted((ROOT / "tests" / "language").glob("*.yaml"))]

FLOW = """\
document: {dsl: "1.0.3", namespace: tests, name: flow, version: '1.0.0'}
do:
- one: {call: http, with: {method: get, endpoint: {uri: "http://x/{id}",
    authentication: {use: login}}}, then: two}
- two:
    switch: [{ok: {when: '${ .a }', then: end}}, {no: {then: one}}]
-   three:
      set: &all
        text: |
          a line: with a colon

            # no comment
        folded: >-
          one
          two
        quoted: "over
          two lines"
      then: end
- four: { set: *all }
"""


def readable(text: str) -> Node:
    findings = Findings("", text)
    node = read_document(text, findings, DocumentLimits())
    assert node is not None
    assert not findings.failed
    return node


def alike(one: Node, other: Node, pointer: str = "") -> None:
    """The same values at the same places."""
    assert (one.line, one.column, one.sort) == (other.line, other.column, other.sort), pointer
    assert one.keys == other.keys, pointer
    if isinstance(one.value, dict):
        assert isinstance(other.value, dict)
        for name in one.value:
            alike(one.value[name], other.value[name], f"{pointer}/{name}")
    elif isinstance(one.value, list):
        assert isinstance(other.value, list)
        for place, (left, right) in enumerate(zip(one.value, other.value, strict=True)):
            alike(left, right, f"{pointer}/{place}")
    else:
        assert one.value == other.value, pointer


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_a_sketch_of_yaml_is_what_the_reader_reads(file):
    text = file.read_text("utf-8")
    alike(readable(text), sketch(text).root.node)


def test_a_sketch_of_brackets_quotes_and_aliases_is_what_the_reader_reads():
    assert sketch(FLOW).root.plain == readable(FLOW).plain
    plain = FLOW.replace(" &all", "").replace("*all", "1")
    alike(readable(plain), sketch(plain).root.node)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_help_at_any_cursor_of_any_beginning_of_a_text(file):
    text = file.read_text("utf-8")
    chance = random.Random(7)
    for _ in range(150):
        begun = text[: chance.randrange(len(text))]
        line = begun.count("\n") + 1
        column = len(begun) - begun.rfind("\n")
        complete(begun, line, column)
        explain(begun, line, column)
        outline(sketch(begun).root)
        complete(text, chance.randrange(1, text.count("\n") + 3), chance.randrange(1, 100))


def test_help_in_texts_with_pieces_out_of_place():
    chance = random.Random(11)
    pieces = [
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        ":",
        "- ",
        "|",
        ">",
        "&a ",
        "*a",
        "\n",
        "\n  ",
        "${ ",
        "#",
        ",",
        "\t",
        "!x ",
    ]
    text = SAMPLES[0].read_text("utf-8") + FLOW
    for _ in range(400):
        broken = text
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(broken))
            broken = broken[:place] + chance.choice(pieces) + broken[place + chance.randrange(8) :]
        line, column = chance.randrange(1, broken.count("\n") + 2), chance.randrange(1, 60)
        complete(broken, line, column)
        explain(broken, line, column)
        outline(sketch(broken).root)


def test_aliases_of_aliases_and_deep_nesting_cost_nothing():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 12)]
    for text in (
        "\n".join(lines),
        "[" * 5000,
        "{a: " * 5000,
        "- " * 3000,
        "\n".join(" " * n + "a:" for n in range(900)),
    ):
        begun = process_time()
        complete(text, 1, 5)
        explain(text, 1, 5)
        outline(sketch(text).root)
        assert process_time() - begun < 2


@pytest.mark.parametrize("text", [*(file.read_text("utf-8") for file in DOCUMENTS), FLOW])
def test_formatting_keeps_the_meaning_and_the_comments_and_is_done_after_once(text):
    for each in (text, widened(text)):
        done = format_document(each)
        assert readable(done).plain == readable(each).plain
        assert [line.strip() for line in done.split("\n") if line.lstrip().startswith("#")] == [
            line.strip() for line in each.split("\n") if line.lstrip().startswith("#")
        ]
        assert format_document(done) == done


def widened(text: str) -> str:
    """The text with twice the indentation, behind the dashes of lists too."""
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip(" ")
        dashes = ""
        while bare.startswith("- "):
            dashes += "-   "
            bare = bare[2:]
        lines.append("  " * (len(line) - len(line.lstrip(" "))) + dashes + bare)
    return "\n".join(lines)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_what_is_even_stays_as_it_is(file):
    text = file.read_text("utf-8")
    assert format_document(text) == text


@pytest.mark.parametrize("name", ["call-with-retries", "wait-for-event"])
def test_formatting_makes_wide_indentation_even(name):
    text = (ROOT / "workflows" / f"{name}.yaml").read_text("utf-8")
    assert format_document(widened(text)) == text


def test_help_in_three_hundred_lines_is_quick():
    text = "\n".join(
        [FLOW, *(f"- task{n}:\n    set: {{ x: '${{ $context }}', y: 1 }}\n    if: .a" for n in range(100))]
    )
    best = {"complete": 1.0, "explain": 1.0}
    for _ in range(5):
        for name, work in (("complete", complete), ("explain", explain)):
            begun = process_time()
            assert work(text, 319, 8)
            best[name] = min(best[name], process_time() - begun)
    assert max(best.values()) < 0.015, best
