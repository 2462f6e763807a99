"""Every construct can be explained where it stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reach_workbench.engine.compile_scope import ARGUMENTS as SCOPE
from reach_workbench.engine.explaining import Note, explain
from reach_workbench.engine.grammar_shapes import Chosen, Either, Named, Record, Series, Shape, Table
from reach_workbench.engine.grammar_tasks import BUILT_IN_CALLS, COMMON, KINDS, OWN, TASK
from reach_workbench.engine.grammar_workflow import WORKFLOW
from reach_workbench.engine.jq_words import FUNCTIONS, KEYWORDS
from reach_workbench.engine.tree import Place, plant
from reach_workbench.engine.words import ARGUMENTS, WORDS
from reach_workbench.engine.words_jq import JQ

TEXT = """\
use:
  retries:
    quickly: { delay: PT1S }
do:
  - ask:
      try:
        - getIt:
            call: http
            with:
              method: get
              endpoint: http://localhost/{id}
              output: response
      catch:
        retry: quickly
      output:
        as: '${ map(.x) | $context }'
      then: last
  - last:
      set: { x: 1 }
"""


def at(marked: str) -> Note | None:
    """What is explained at the ¦ put into the first occurrence of the marked words."""
    words = marked.replace("¦", "")
    place = TEXT.index(words) + marked.index("¦")
    return explain(TEXT, TEXT.count("\n", 0, place) + 1, place - TEXT.rfind("\n", 0, place))


@pytest.mark.parametrize(
    ("marked", "title", "words", "reference"),
    [
        ("- a¦sk", "ask · try task", "catches what goes wrong", "/do/0/ask"),
        ("ca¦tch:", "catch · a try task", "Which errors are caught", "/do/0/ask"),
        ("get¦It", "getIt · call task", "GET http://localhost/{id}", "/do/0/ask/try/0/getIt"),
        ("meth¦od", "method · an HTTP call", "needed", "/do/0/ask/try/0/getIt"),
        ("output: resp¦onse", "output: response", "One of raw, content, response", "/do/0/ask/try/0/getIt"),
        ("retry: quick¦ly", "quickly", "line 3", "/do/0/ask"),
        ("m¦ap(", "map · jq", "Each item made into something else.", "/do/0/ask"),
        ("$con¦text", "$context", "What tasks have exported so far.", "/do/0/ask"),
        ("then: la¦st", "then: last", "the task `last`", "/do/0/ask"),
        ("qui¦ckly:", "quickly · use.retries", "Retry policies", None),
        ("del¦ay", "delay · a retry policy", "a duration", None),
    ],
)
def test_what_stands_under_the_cursor(marked, title, words, reference):
    note = at(marked)
    assert note is not None
    assert (note.title, note.reference) == (title, reference)
    assert words in note.text
    assert len(note.text.splitlines()) <= 8


def test_a_construct_spans_its_lines():
    note = at("ca¦tch:")
    assert note is not None
    assert (note.line, note.end_line) == (13, 14)


def test_a_text_that_is_no_yaml_is_explained_as_far_as_it_goes():
    text = "do:\n  - a:\n      call: http\n      with: { method: get, endp\n  - b"
    note = explain(text, 3, 9)
    assert note is not None
    assert note.title == "call · a call"


def _records(shape: Shape, seen: dict[int, Shape]) -> Iterator[Record]:
    if id(shape) in seen:
        return
    seen[id(shape)] = shape
    inner: list[Shape] = []
    if isinstance(shape, Record):
        yield shape
        inner = list(shape.fields.values())
    elif isinstance(shape, Either):
        inner = list(shape.options)
    elif isinstance(shape, Table):
        inner = [shape.values]
    elif isinstance(shape, Series):
        inner = [shape.items]
    elif isinstance(shape, Named):
        inner = [shape.item]
    elif isinstance(shape, Chosen) and shape is TASK:
        inner = [*OWN.values(), Record("a task", COMMON)]
        for name in BUILT_IN_CALLS:
            call = Place(plant({"call": name}))
            found = TASK.choose(call, None)  # type: ignore[arg-type]
            assert found is not None
            inner.append(found.fields["with"])
    for each in inner:
        yield from _records(each, seen)


def test_every_property_of_the_grammar_has_a_sentence_and_no_sentence_is_left_over():
    known: dict[str, set[str]] = {}
    for record in _records(WORKFLOW, {}):
        known.setdefault(record.says, set()).update(record.fields)
    assert {kind for kind in KINDS if kind not in WORDS[OWN[kind].says]} == set()
    assert known == {says: set(words) for says, words in WORDS.items()}
    sentences = [sentence for words in WORDS.values() for sentence in words.values()]
    assert [each for each in sentences if not each or len(each) > 140] == []


def test_every_argument_of_expressions_has_a_sentence():
    assert set(ARGUMENTS) == SCOPE


def test_the_functions_described_are_functions_of_jq():
    assert JQ.keys() <= FUNCTIONS | KEYWORDS
