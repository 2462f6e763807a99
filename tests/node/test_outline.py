"""What a node says about a text: its tasks, where they stand and where they lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach_workbench.node.authoring import inspect
from reach_workbench.runner.loading import compile_text
from reach_workbench.settings import Limits

SAMPLES = sorted((Path(__file__).parents[2] / "workflows").glob("*.yaml"))

TEXT = """\
document: { dsl: '1.0.3', namespace: tests, name: shapes, version: '1.0.0', title: All shapes }
input:
  schema:
    document: { type: object, required: [n] }
use:
  secrets: [key]
  functions:
    greet:
      set: { hello: world }
do:
  - choose:
      switch:
        - small: { when: .n < 3, then: each }
        - large: { when: .n > 9, then: end }
        - other: { then: continue }
  - side:
      fork:
        branches:
          - left: { set: { l: 1 } }
          - right:
              do:
                - deep: { wait: { seconds: 1 } }

  # a comment of what follows
  - each:
      for: { each: pet, in: .pets }
      do:
        - show: { call: greet }
      then: guard
  - guard:
      try:
        - risky: { call: http, with: { method: get, endpoint: http://localhost/x } }
      catch:
        as: problem
        do:
          - mend: { set: { mended: true } }
        then: exit
"""


def test_every_shape_of_block_is_in_the_outline():
    found = inspect(TEXT, "shapes.yaml", Limits())
    assert found.ok, found.diagnostics
    assert (found.workflow, found.title, found.secrets) == ("tests/shapes:1.0.0", "All shapes", ("key",))
    assert found.input_schema == {"type": "object", "required": ["n"]}
    by_name = {task.name: task for task in found.tasks}
    assert [(task.name, task.role, task.kind) for task in found.tasks] == [
        ("greet", "function", "set"),
        ("choose", "", "switch"),
        ("side", "", "fork"),
        ("left", "branch", "set"),
        ("right", "branch", "do"),
        ("deep", "", "wait"),
        ("each", "", "for"),
        ("show", "each", "call"),
        ("guard", "", "try"),
        ("risky", "", "call"),
        ("mend", "catch", "set"),
    ]
    assert by_name["choose"].leads_to == (("/do/2/each", "small"), ("end", "large"), ("/do/1/side", "other"))
    assert by_name["each"].leads_to == (("/do/3/guard", "then"),)
    assert by_name["guard"].leads_to == (("exit", "catch"),)
    assert by_name["deep"].parent == "/do/1/side/fork/branches/1/right"
    assert (by_name["side"].line, by_name["side"].end_line) == (16, 22), "without the blank line and the comment"
    assert by_name["risky"].summary == "GET http://localhost/x"


def test_a_text_with_errors_still_has_its_outline():
    found = inspect(TEXT.replace("then: guard", "then: nowhere").replace("as: problem", "bogus: 1"), "x.yaml", Limits())
    assert not found.ok
    assert found.workflow is None
    assert len(found.tasks) == 11


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_the_outline_and_the_program_name_the_same_tasks(file):
    text = file.read_text("utf-8")
    found = inspect(text, file, Limits())
    program = compile_text(text, str(file), Limits()).program
    assert program is not None
    assert {task.reference for task in found.tasks} == set(program.tasks)
    assert {task.reference: task.line for task in found.tasks} == {
        reference: task.line for reference, task in program.tasks.items()
    }


@pytest.mark.parametrize("end", ["\n  - half", "\n  - half: { call: ht", "\n  - half:\n      set:\n     bad"])
def test_a_text_that_is_no_yaml_has_the_outline_of_what_can_be_read(end):
    found = inspect(TEXT + end, "shapes.yaml", Limits())
    assert [each.code for each in found.diagnostics][:1] == ["yaml-syntax"] or not found.ok
    assert [task.name for task in found.tasks][:11] == [task.name for task in inspect(TEXT, "x", Limits()).tasks]
    assert (found.title, found.secrets) == ("All shapes", ("key",))
