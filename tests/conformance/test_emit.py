"""dsl-reference.md, Emit and Event Properties."""

from __future__ import annotations

import pytest

from .harness import STANDARD, Bench


def test_an_emitted_event_is_the_tasks_output(bench: Bench) -> None:
    """The scenario of emit.feature."""
    result = bench.run(
        """
        do:
          - emitEvent:
              emit:
                event:
                  with:
                    source: https://fake-source.com
                    type: com.fake-source.user.greeted.v1
                    data: { greetings: '${ "Hello \\(.user.firstName) \\(.user.lastName)!" }' }
        """,
        input={"user": {"firstName": "John", "lastName": "Doe"}},
    )
    event = result.output
    assert event["source"] == "https://fake-source.com"
    assert event["type"] == "com.fake-source.user.greeted.v1"
    assert event["data"] == {"greetings": "Hello John Doe!"}
    assert event["specversion"] == "1.0"
    assert event["id"]
    assert event["time"].endswith("Z")


def test_what_the_author_leaves_out_is_filled_in(bench: Bench) -> None:
    result = bench.run("do: [ { a: { emit: { event: { with: { type: com.example.x } } } } } ]")
    event = result.output
    assert set(event) == {"specversion", "id", "source", "time", "type"}
    assert event["source"] == "/tests/case/1.0.0"
    assert event["id"].startswith(result.id)


def test_what_the_author_gives_takes_precedence(bench: Bench) -> None:
    given = {
        "id": "mine",
        "source": "https://example.com/me",
        "type": "com.example.x",
        "time": "2024-07-26T16:59:57-05:00",
        "subject": "pets",
        "datacontenttype": "text/plain",
        "dataschema": "https://example.com/schema",
        "data": "plain",
        "traceparent": "00-abc",
    }
    event = str(given).replace("'", '"')
    result = bench.run(f"do: [ {{ a: {{ emit: {{ event: {{ with: {event} }} }} }} }} ]")
    assert result.output == {"specversion": "1.0", **given}


def test_every_attribute_may_be_an_expression(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - a:
              emit:
                event:
                  with:
                    id: ${ .id }
                    source: ${ "https://example.com/\\(.id)" }
                    type: com.example.${ .kind }
                    time: ${ .time }
                    subject: ${ $workflow.definition.document.name }
                    dataschema: https://example.com/{kind}
                    custom: ${ .kind }
                    data: ${ . }
        """,
        input={"id": "7", "kind": "cat", "time": "2024-01-01T00:00:00Z"},
    )
    event = result.output
    assert (event["id"], event["source"], event["type"]) == ("7", "https://example.com/7", "com.example.cat")
    assert (event["time"], event["subject"]) == ("2024-01-01T00:00:00Z", "case")
    assert (event["dataschema"], event["custom"], event["data"]["kind"]) == ("https://example.com/cat", "cat", "cat")


@pytest.mark.parametrize("data", [None, 0, False, "text", [1], {"a": None}])
def test_the_data_may_be_any_value(bench: Bench, data: object) -> None:
    result = bench.run(
        "do: [ { a: { emit: { event: { with: { type: com.example.x, data: '${ . }' } } } } } ]", input=data
    )
    assert result.output["data"] == data
    assert result.output["datacontenttype"] == "application/json"


def test_each_emitted_event_has_an_id_of_its_own(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - l:
              for: { in: '${ [range(5)] }' }
              do: [ { e: { emit: { event: { with: { type: com.example.x } } }, output: { as: .id }, export: { as: '${ $context + [.] }' } } } ]
          - look: { set: '${ $context }' }
        """,
        input=[],
    )
    assert len(set(result.output)) == 5


@pytest.mark.parametrize("value", ["${ null }", "${ 5 }", '${ "" }'])
def test_a_type_that_is_no_text_is_an_error(bench: Bench, value: str) -> None:
    result = bench.run(f"do: [ {{ a: {{ emit: {{ event: {{ with: {{ type: '{value}' }} }} }} }} }} ]")
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + "validation", "/do/0/a")


def test_an_event_reaches_other_runs_that_listen(bench: Bench) -> None:
    listener = bench.start("do: [ { l: { listen: { to: { one: { with: { type: com.example.hello } } } } } } ]").settle()
    bench.run("do: [ { a: { emit: { event: { with: { type: com.example.hello, data: { n: 1 } } } } } } ]")
    assert listener.finish().output == [{"n": 1}]


def test_an_event_reaches_the_run_that_emitted_it(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - f:
              fork:
                branches:
                  - hear: { listen: { to: { one: { with: { type: com.example.own } } } } }
                  - say: { do: [ { w: { wait: PT1S } }, { e: { emit: { event: { with: { type: com.example.own, data: 1 } } } } } ] }
        """
    )
    assert result.output[0] == [1]


def test_an_event_without_listeners_is_no_error(bench: Bench) -> None:
    assert bench.run("do: [ { a: { emit: { event: { with: { type: com.example.nobody } } } } } ]").status == "completed"
