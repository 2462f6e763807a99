"""Renaming a task takes along what leads to it, and nothing else."""

from __future__ import annotations

import pytest

from reach_workbench.engine.compile import compile_document
from reach_workbench.engine.formatting import format_document
from reach_workbench.engine.renaming import rename
from reach_workbench.errors import BadInput, CompileError

TEXT = """\
document: { dsl: '1.0.3', namespace: tests, name: example, version: '0.1.0' }
use:
  functions:
    greet: { set: { hello: world } }
do:
  - pick:   # which way
      switch:
        - yes: { when: .ok, then: second }
        - no: { then: "third" }
  - second:
      try:
        - second: { call: greet }
      catch:
        do: [ { second: { set: { x: 1 }, then: exit } } ]
        then: third
      then: third
  - 'third':
      do:
        - back: { set: { second: 'second' }, then: third }
        - third: { set: { x: 1 } }
"""


def compiles(text: str) -> bool:
    return compile_document(text, "example.yaml").program is not None


def test_a_task_and_all_that_leads_to_it():
    done = rename(TEXT, "/do/1/second", "other")
    assert done == TEXT.replace("then: second", "then: other").replace(
        "  - second:\n      try", "  - other:\n      try"
    )
    assert compiles(done)


def test_quotes_stay_and_a_task_of_the_same_name_elsewhere_is_another():
    done = rename(TEXT, "/do/2/third", "last one")
    assert 'then: "last one" }\n' in done
    assert "  - 'last one':\n" in done
    assert done.count("then: last one\n") == 2
    assert "- back: { set: { second: 'second' }, then: third }\n        - third:" in done
    assert compiles(done)


def test_a_function_takes_its_calls_along():
    done = rename(TEXT, "/use/functions/greet", "welcome")
    assert "welcome: { set" in done
    assert "call: welcome" in done
    assert compiles(done)


@pytest.mark.parametrize("name", ["true", "12", "a: b", "x #y", "- z", "{}"])
def test_a_name_that_needs_quotes_gets_them(name):
    done = rename(TEXT, "/do/1/second", name)
    assert compiles(done)
    assert rename(done, "/do/1/" + name, "second").count("second") == TEXT.count("second")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("/do/1/second", "third"),
        ("/do/1/second", "end"),
        ("/do/1/second", " "),
        ("/do/1/second", "a\nb"),
        ("/do/9/nowhere", "x"),
    ],
)
def test_what_can_not_be_is_refused(reference, name):
    with pytest.raises(BadInput):
        rename(TEXT, reference, name)


def test_a_text_that_is_no_yaml_can_still_be_renamed_in():
    done = rename(TEXT + "  - broken: {", "/do/1/second", "other")
    assert done == rename(TEXT, "/do/1/second", "other") + "  - broken: {"


def test_a_text_that_is_no_yaml_can_not_be_formatted():
    with pytest.raises(CompileError) as caught:
        format_document("do: [")
    assert caught.value.diagnostics


def test_json_stays_json():
    assert format_document('{"do": [{"a": {"wait": {"seconds": 1}}}]}').startswith('{\n  "do": [\n')
