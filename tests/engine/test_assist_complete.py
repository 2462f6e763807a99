"""Completion offers what fits at the cursor, also while the line is half written."""

from __future__ import annotations

import pytest

from reach_workbench.engine.assist import Choice, complete
from reach_workbench.engine.grammar_tasks import KINDS

HEAD = "document: { dsl: '1.0.3', namespace: tests, name: example, version: '0.1.0' }\n"


def at(text: str) -> list[Choice]:
    """What is offered where the text has a ¦."""
    place = text.index("¦")
    line = text.count("\n", 0, place) + 1
    return complete(text.replace("¦", ""), line, place - text.rfind("\n", 0, place))


def labels(text: str) -> list[str]:
    return [each.label for each in at(text)]


def chosen(text: str, label: str) -> str:
    """The text once that choice is taken."""
    place = text.index("¦")
    choice = next(each for each in at(text) if each.label == label)
    start = text.rfind("\n", 0, place) + choice.column
    return text[:start] + choice.insert + text[place + 1 :]


def test_an_empty_text_wants_a_document_and_tasks_first():
    assert labels("¦")[:2] == ["document", "do"]


def test_what_is_there_is_not_offered_again():
    found = labels(HEAD + "¦\ndo:\n  - a: { set: { x: 1 } }\n")
    assert "input" in found
    assert "document" not in found
    assert "do" not in found


def test_a_task_without_a_kind_is_offered_all_kinds():
    assert labels(HEAD + "do:\n  - a:\n      ¦\n  - b: { set: { x: 1 } }\n")[: len(KINDS)] == list(KINDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("do:\n  - a:\n      ca¦", ["call"]),
        ("do:\n  - a:\n      ca¦\n  - b: { set: { x: 1 } }", ["call"]),
        ("do:\n  - a:\n      call: ht¦", ["http"]),
        ("do:\n  - a:\n      call: http\n      with:\n        me¦\n      then: end", ["method"]),
        ("do:\n  - a:\n      call: http\n      with: { method: g¦", ["get"]),
        ("do:\n  - a:\n      call: http\n      with: { endp¦ }", ["endpoint"]),
        ("do:\n  - a:\n      fork:\n        com¦\n        branches:\n          - b: { set: { x: 1 } }", ["compete"]),
        ("do:\n  - a:\n      run:\n        return: st¦", ["stdout", "stderr"]),
        ("use:\n  retries:\n    quick:\n      del¦", ["delay"]),
        ("schedule:\n  cr¦", ["cron"]),
        ("evaluate: { mode: l¦ }", ["loose"]),
    ],
)
def test_words_of_the_dsl(text, expected):
    assert labels(text)[: len(expected)] == expected


def test_a_directive_leads_to_tasks_of_the_same_list_only():
    text = "do:\n  - a:\n      set: { x: 1 }\n      then: ¦\n  - b:\n      do:\n        - inner: { set: { x: 1 } }\n"
    assert labels(text) == ["b", "continue", "exit", "end"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("      try: [{b: {set: {x: 1}}}]\n      catch:\n        retry: ¦", "quickly"),
        ("      raise:\n        error: ¦", "outOfStock"),
        ("      set: { x: 1 }\n      timeout: ¦", "short"),
        ("      call: gr¦", "greet"),
        ("      call: http\n      with: { endpoint: { uri: 'http://x', authentication: { use: ¦ } } }", "login"),
        ("      set: { x: '${ $secrets.¦ }' }", "apiKey"),
    ],
)
def test_names_under_use(body, expected):
    use = (
        "use:\n  retries: { quickly: {} }\n  errors: { outOfStock: { type: x, status: 400 } }\n"
        "  timeouts: { short: { after: PT1S } }\n  functions:\n    greet: { set: { hello: 1 } }\n"
        "  authentications: { login: { bearer: { token: x } } }\n  secrets: [apiKey]\n"
    )
    assert expected in labels(f"{HEAD}{use}do:\n  - a:\n{body}")


def test_expressions_know_the_arguments_and_what_loops_and_catches_define():
    text = (
        "do:\n  - each:\n      for: { each: pet, in: .pets }\n      do:\n        - guard:\n            try:\n"
        "              - b: { set: { x: '${ 1 }' } }\n            catch:\n              as: wrong\n"
        "              do:\n                - c:\n                    set: { y: '${ $¦ }' }\n"
    )
    found = labels(text)
    assert {"$wrong", "$pet", "$index", "$context", "$input", "$task", "$workflow", "$runtime"} <= set(found)
    assert "$output" not in found, "only an export sees the output"
    inner = text.replace("$¦", "1").replace("${ 1 }", "${ $¦ }")
    assert "$wrong" not in labels(inner)


def test_an_export_sees_the_output_and_an_unfinished_expression_is_enough():
    assert "$output" in labels("do:\n  - a:\n      set: { x: 1 }\n      export:\n        as: ${ $out¦")


def test_functions_of_jq_by_what_they_do():
    found = at("do:\n  - a:\n      set:\n        x: ${ .list | ma¦ }")
    assert [each.label for each in found][:2] == ["map", "map_values"]
    assert found[0].detail == "each item made into something else"


def test_conditions_are_expressions_without_braces():
    assert "$context" in labels("do:\n  - a:\n      if: .x == $con¦\n      set: { x: 1 }")


def test_taking_a_choice_replaces_what_was_typed():
    assert chosen("do:\n  - a:\n      ca¦", "call") == "do:\n  - a:\n      call: "
    assert chosen("do:\n  - a:\n      set: { x: '${ $con¦ }' }", "$context").endswith("'${ $context }' }")
    assert chosen("do:\n  - a:\n      set: { x: '${ $task.na¦ }' }", "name").endswith("'${ $task.name }' }")
    assert chosen("do:\n  - a:\n      ca¦: http", "call") == "do:\n  - a:\n      call: http"
    assert chosen("use:\n  ret¦", "retries") == "use:\n  retries:\n    "


def test_a_new_item_of_a_list_becomes_a_task():
    text = chosen("do:\n  - a: { set: { x: 1 } }\n  - ¦\n", "task: wait")
    assert text == "do:\n  - a: { set: { x: 1 } }\n  - newTask:\n      wait: \n"


@pytest.mark.parametrize("text", ["# a ¦", "do: # ca¦", "do:\n  - a:\n      set: { anything: he¦ }"])
def test_where_anything_may_stand_nothing_is_offered(text):
    assert labels(text) == []
