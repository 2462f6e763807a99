"""dsl-reference.md, Raise and Error: errors that a workflow makes itself."""

from __future__ import annotations

import pytest

from .harness import STANDARD, Bench


def test_an_error_written_in_place_faults_the_workflow(bench: Bench) -> None:
    """The scenario of raise.feature."""
    result = bench.run(
        """
        do:
          - raiseError:
              raise:
                error:
                  status: 400
                  type: https://open-workflow-specification.org/errors/types/compliance
                  title: Compliance Error
        """
    )
    assert (result.status, result.output) == ("faulted", None)
    assert result.error == {
        "status": 400,
        "type": "https://open-workflow-specification.org/errors/types/compliance",
        "title": "Compliance Error",
        "instance": "/do/0/raiseError",
    }


def test_an_error_can_be_named_and_reused(bench: Bench) -> None:
    result = bench.run(
        """
        use:
          errors:
            notImplemented:
              type: https://example.com/errors/not-implemented
              status: 500
              title: Not Implemented
              detail: ${ "The workflow '\\($workflow.definition.document.name):\\($workflow.definition.document.version)' is a work in progress" }
        do:
          - a: { raise: { error: notImplemented } }
        """
    )
    assert result.error is not None
    assert result.error["detail"] == "The workflow 'case:1.0.0' is a work in progress"
    assert result.error["instance"] == "/do/0/a"
    assert any("unknown-error" in each for each in bench.diagnostics("do: [ { a: { raise: { error: nobody } } } ]"))


def test_title_and_detail_may_be_expressions(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - a:
              input: { from: .order }
              raise: { error: { type: https://example.com/x, status: 409, title: '${ "Order \\(.id)" }', detail: 'has ${ .n } items' } }
        """,
        input={"order": {"id": 7, "n": 2}},
    )
    assert result.error is not None
    assert (result.error["title"], result.error["detail"]) == ("Order 7", "has 2 items")


def test_the_type_may_be_a_uri_template_or_an_expression(bench: Bench) -> None:
    document = "do: [ { a: { raise: { error: { type: '%s', status: 400 } } } } ]"
    for written in ("https://example.com/errors/{name}", '${ "https://example.com/errors/\\(.name)" }'):
        result = bench.run(document % written.replace("\\", "\\"), input={"name": "late"})
        assert result.error is not None
        assert result.error["type"] == "https://example.com/errors/late"


def test_an_instance_that_is_written_is_kept(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { raise: { error: { type: https://example.com/x, status: 400, instance: /mine } } } } ]"
    )
    assert result.error is not None
    assert result.error["instance"] == "/mine"


def test_a_caught_error_can_be_raised_again_as_another(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - t:
              try: [ { a: { raise: { error: { type: https://example.com/first, status: 418, detail: one } } } } ]
              catch:
                do:
                  - again:
                      raise: { error: { type: '${ $error.type + "/again" }', status: 419, detail: '${ $error.detail }' } }
        """
    )
    assert result.error is not None
    assert (result.error["type"], result.error["status"], result.error["detail"]) == (
        "https://example.com/first/again",
        419,
        "one",
    )


def test_a_raise_that_is_skipped_raises_nothing(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { if: '${ false }', raise: { error: { type: https://example.com/x, status: 400 } } } } ]",
        input={"n": 1},
    )
    assert (result.status, result.output) == ("completed", {"n": 1})


def test_nothing_runs_after_an_error_that_nobody_catches(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { raise: { error: { type: https://example.com/x, status: 400 } }, then: b } }, { b: { set: { n: 1 } } } ]"
    )
    assert (result.status, result.order) == ("faulted", ["a"])


@pytest.mark.parametrize("value", ["${ 1 }", "${ null }", "${ {} }"])
def test_an_error_whose_type_is_no_text_is_an_expression_error(bench: Bench, value: str) -> None:
    result = bench.run(f"do: [ {{ a: {{ raise: {{ error: {{ type: '{value}', status: 400 }} }} }} }} ]")
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "expression", "/do/0/a")


@pytest.mark.parametrize("status", ["'400'", "true", "4.5", "'${ .status }'", "null"])
def test_a_status_is_a_whole_number_and_nothing_else(bench: Bench, status: str) -> None:
    assert bench.diagnostics(
        f"do: [ {{ a: {{ raise: {{ error: {{ type: https://example.com/x, status: {status} }} }} }} }} ]"
    )


def test_the_example_of_an_undefined_priority(bench: Bench) -> None:
    document = """
        do:
          - processTicket:
              switch:
                - highPriority: { when: .ticket.priority == "high", then: escalate }
                - default: { then: raiseUndefinedPriorityError }
          - raiseUndefinedPriorityError:
              raise:
                error:
                  type: https://fake.com/errors/tickets/undefined-priority
                  status: 400
                  instance: /raiseUndefinedPriorityError
                  title: Undefined Priority
          - escalate: { set: { escalated: '${ .ticket.id }' } }
    """
    assert bench.run(document, input={"ticket": {"priority": "high", "id": 1}}).output == {"escalated": 1}
    result = bench.run(document, input={"ticket": {"priority": "odd", "id": 1}})
    assert result.error is not None
    assert (result.error["title"], result.error["instance"]) == ("Undefined Priority", "/raiseUndefinedPriorityError")
