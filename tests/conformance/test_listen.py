"""dsl-reference.md, Listen, Event Consumption Strategy, Event Filter, Correlation and Subscription Iterator."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service

A = "{ with: { type: com.example.a } }"
B = "{ with: { type: com.example.b } }"


def event(letter: str, data: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": f"com.example.{letter}", "data": data, **more}


def listening(strategy: str, rest: str = "") -> str:
    return f"do:\n- hear:\n    listen:\n      to: {{ {strategy} }}\n      {rest}"


# ---------------------------------------------------------------- strategies


def test_one_waits_for_one_event_that_fits(bench: Bench) -> None:
    result = bench.run(listening(f"one: {A}"), events=[event("b", 0), event("a", 1)])
    assert (result.output, result.refused) == ([1], [event("b", 0)])


def test_any_waits_for_one_event_that_fits_any_filter(bench: Bench) -> None:
    for letter in "ab":
        assert bench.run(listening(f"any: [ {A}, {B} ]"), events=[event("c"), event(letter, letter)]).output == [letter]


def test_an_empty_any_takes_the_first_event_whatever_it_is(bench: Bench) -> None:
    assert bench.run(listening("any: []"), events=[event("anything", 5)]).output == [5]


def test_all_waits_for_an_event_for_each_filter_in_any_order(bench: Bench) -> None:
    result = bench.run(listening(f"all: [ {A}, {B} ]"), events=[event("b", "b"), event("a", "a")])
    assert result.output == ["b", "a"]


def test_all_takes_only_one_event_for_each_filter(bench: Bench) -> None:
    result = bench.run(listening(f"all: [ {A}, {B} ]"), events=[event("a", 1), event("a", 2), event("b", 3)])
    assert (result.output, result.refused) == ([1, 3], [event("a", 2)])


def test_an_event_that_fits_two_filters_of_all_counts_for_one(bench: Bench) -> None:
    result = bench.run(listening(f"all: [ {A}, {A} ]"), events=[event("a", 1), event("a", 2)])
    assert result.output == [1, 2]


def test_all_of_no_events_is_over_at_once(bench: Bench) -> None:
    assert bench.run(listening("all: []")).output == []


def test_a_task_after_the_listener_gets_the_events(bench: Bench) -> None:
    result = bench.run(
        listening(f"one: {A}") + "\n- next: { set: { got: '${ .[0].n }' } }", events=[event("a", {"n": 1})]
    )
    assert result.output == {"got": 1}


def test_events_before_anybody_listens_are_not_kept(bench: Bench) -> None:
    document = f"do: [ {{ w: {{ wait: PT1H }} }}, {{ hear: {{ listen: {{ to: {{ one: {A} }} }} }} }} ]"
    live = bench.start(document).publish(event("a", "early"))
    live.pass_time(3_600_000)
    assert live.publish(event("a", "in time")).finish().output == ["in time"]
    assert live.refused == [event("a", "early")]


@pytest.mark.parametrize(
    ("strategy", "output"), [(f"one: {A}", [1]), (f"any: [ {A} ]", [1]), (f"all: [ {A}, {B} ]", [1, 3])]
)
def test_events_that_arrive_all_at_once_are_taken_one_after_the_other(
    bench: Bench, strategy: str, output: list[int]
) -> None:
    live = bench.start(listening(strategy)).burst(event("a", 1), event("a", 2), event("b", 3))
    result = live.finish()
    assert result.output == output
    assert len(result.refused) == 3 - len(output)


# ---------------------------------------------------------------- until


def test_until_a_condition_on_what_was_consumed_holds(bench: Bench) -> None:
    result = bench.run(
        listening(f"any: [ {A}, {B} ], until: '( . | length ) > 2'"),
        events=[event("a", 1), event("c", 9), event("b", 2), event("a", 3), event("a", 4)],
    )
    assert (result.output, result.refused) == ([1, 2, 3], [event("c", 9), event("a", 4)])


def test_an_empty_any_with_a_condition_takes_every_event(bench: Bench) -> None:
    result = bench.run(listening("any: [], until: length >= 3"), events=[event("x", 1), event("y", 2), event("z", 3)])
    assert result.output == [1, 2, 3]


def test_the_condition_sees_the_context_and_the_input(bench: Bench) -> None:
    result = bench.run(
        listening(f"any: [ {A} ], until: 'length == $context.wanted and $input.wanted == 2'"),
        input={"wanted": 2},
        events=[event("a", 1), event("a", 2)],
    )
    assert result.output == [1, 2]


def test_until_another_event_comes_which_is_no_part_of_the_output(bench: Bench) -> None:
    result = bench.run(
        listening(f"any: [ {A} ], until: {{ one: {B} }}"),
        events=[event("a", 1), event("a", 2), event("b", "stop"), event("a", 3)],
    )
    assert (result.output, result.refused) == ([1, 2], [event("a", 3)])


def test_until_may_come_first(bench: Bench) -> None:
    assert bench.run(listening(f"any: [ {A} ], until: {{ one: {B} }}"), events=[event("b")]).output == []


def test_until_any_or_all_of_several_events(bench: Bench) -> None:
    both = f"any: [ {{ with: {{ type: com.example.x }} }} ], until: {{ %s: [ {A}, {B} ] }}"
    one = bench.run(listening(both % "any"), events=[event("x", 1), event("b"), event("x", 2)])
    assert (one.output, one.refused) == ([1], [event("x", 2)])
    every = bench.run(listening(both % "all"), events=[event("b"), event("b"), event("x", 1), event("a")])
    assert (every.output, every.refused) == ([1], [event("b")])


def test_an_event_that_ends_listening_is_not_consumed_as_well(bench: Bench) -> None:
    result = bench.run(listening(f"any: [], until: {{ one: {B} }}"), events=[event("a", 1), event("b", 2)])
    assert result.output == [1]


@pytest.mark.parametrize("inner", [f"any: [ {A} ], until: {{ one: {B} }}", f"any: [ {A} ], until: length > 1"])
def test_until_has_no_until_of_its_own(bench: Bench, inner: str) -> None:
    assert bench.diagnostics(listening(f"any: [ {A} ], until: {{ {inner} }}"))


# ---------------------------------------------------------------- read


@pytest.mark.parametrize(("read", "wanted"), [("", {"n": 1}), ("read: data", {"n": 1}), ("read: raw", {"n": 1})])
def test_the_data_of_the_event_is_read_by_default(bench: Bench, read: str, wanted: Any) -> None:
    assert bench.run(listening(f"one: {A}", read), events=[event("a", {"n": 1})]).output == [wanted]


def test_the_envelope_has_all_attributes(bench: Bench) -> None:
    sent = event("a", {"n": 1}, id="7", source="/me", subject="s", extra="e", specversion="1.0")
    result = bench.run(listening(f"one: {A}", "read: envelope"), events=[sent])
    got = result.output[0]
    assert {name: got[name] for name in sent} == sent


def test_an_event_without_data_is_null(bench: Bench) -> None:
    assert bench.run(listening("any: []"), events=[{"type": "com.example.bare"}]).output == [None]


def test_binary_data_is_read_as_its_base64_text(bench: Bench) -> None:
    assert bench.run(listening("any: []"), events=[{"type": "com.example.binary", "data_base64": "aGk="}]).output == [
        "aGk="
    ]


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("wanted", "sent", "fits"),
    [
        ("type: com.example.a", event("a"), True),
        ("type: com.example", event("a"), False),
        ("type: 'com\\.example\\..*'", event("a"), True),
        ("source: 'https://shop/.+'", event("a", source="https://shop/17"), True),
        ("source: https://shop/17", event("a", source="https://shop/170"), False),
        ("subject: pets", event("a", subject="pets"), True),
        ("subject: pets", event("a"), False),
        ("custom: 'x|y'", event("a", custom="y"), True),
        ("data: '${ .temperature > 38 }'", event("a", {"temperature": 39}), True),
        ("data: '${ .temperature > 38 }'", event("a", {"temperature": 38}), False),
        ("data: '${ .a.b }'", event("a", "no object"), False),
        ("data: { n: 1 }", event("a", {"n": 1}), True),
        ("data: { n: 1 }", event("a", {"n": 2}), False),
        ("data: { n: '${ $context.n }' }", event("a", {"n": 5}), True),
        ("subject: '${ $context.name }'", event("a", subject="me"), True),
        ("subject: '${ $context.name }'", event("a", subject="you"), False),
        ("type: com.example.a, subject: x", event("a", subject="x"), True),
        ("type: com.example.a, subject: x", event("b", subject="x"), False),
        ("flag: true", event("a", flag=True), True),
        ("flag: true", event("a", flag=1), False),
        ("type: '[unclosed'", {"type": "[unclosed"}, True),
    ],
)
def test_a_filter_fits_when_every_attribute_does(bench: Bench, wanted: str, sent: dict[str, Any], fits: bool) -> None:
    live = bench.start(listening(f"one: {{ with: {{ {wanted} }} }}"), input={"n": 5, "name": "me"}).publish(sent)
    assert (live.status == "completed") is fits
    assert (live.refused == []) is fits


def test_a_filter_needs_an_attribute(bench: Bench) -> None:
    assert bench.diagnostics(listening("one: { with: {} }"))


def test_a_filter_sees_the_variables_around_the_task(bench: Bench) -> None:
    document = """
        do:
          - l:
              for: { in: '${ ["a", "b"] }' }
              do: [ { hear: { listen: { to: { one: { with: { subject: '${ $item }' } } } } } } ]
    """
    result = bench.run(
        document, events=[event("x", 0, subject="b"), event("x", 1, subject="a"), event("x", 2, subject="b")]
    )
    assert (result.output, len(result.refused)) == ([2], 1)


# ---------------------------------------------------------------- correlation


CORRELATED = """
do:
  - hear:
      listen:
        to:
          all:
            - with: { type: com.example.a }
              correlate: { room: { from: .roomid } }
            - with: { type: com.example.b }
              correlate: { room: { from: '${ .data.room }' } }
"""


def test_the_first_value_that_is_found_becomes_the_expectation(bench: Bench) -> None:
    result = bench.run(
        CORRELATED,
        events=[event("a", 1, roomid="kitchen"), event("b", {"room": "hall"}), event("b", {"room": "kitchen", "n": 2})],
    )
    assert result.output == [1, {"room": "kitchen", "n": 2}]
    assert result.refused == [event("b", {"room": "hall"})]
    assert [each.data["correlations"] for each in result.of("event.consumed") if each.data] == [{"room": "kitchen"}] * 2


def test_correlated_events_that_arrive_at_once_are_still_held_against_each_other(bench: Bench) -> None:
    live = bench.start(CORRELATED).burst(
        event("a", 1, roomid="kitchen"), event("b", {"room": "hall"}), event("b", {"room": "kitchen"})
    )
    result = live.finish()
    assert result.output == [1, {"room": "kitchen"}]
    assert result.refused == [event("b", {"room": "hall"})]


def test_an_event_without_the_correlated_value_does_not_fit(bench: Bench) -> None:
    live = bench.start(CORRELATED).publish(event("a", 1))
    assert (live.status, live.refused) == ("waiting", [event("a", 1)])


@pytest.mark.parametrize("expect", ["order-7", "'${ .order }'", "'${ $context.order }'"])
def test_an_expected_value_may_be_a_constant_or_an_expression(bench: Bench, expect: str) -> None:
    document = listening(
        f"one: {{ with: {{ type: com.example.a }}, correlate: {{ id: {{ from: .data.id, expect: {expect} }} }} }}"
    )
    result = bench.run(
        document, input={"order": "order-7"}, events=[event("a", {"id": "order-8"}), event("a", {"id": "order-7"})]
    )
    assert (result.output, len(result.refused)) == ([{"id": "order-7"}], 1)


def test_several_correlations_must_all_hold(bench: Bench) -> None:
    document = listening(
        "any: [ { with: { type: com.example.a }, correlate: { x: { from: .data.x }, y: { from: .data.y } } } ], until: length == 2"
    )
    result = bench.run(
        document,
        events=[event("a", {"x": 1, "y": 1}), event("a", {"x": 1, "y": 2}), event("a", {"x": 1, "y": 1, "n": 2})],
    )
    assert (len(result.output), len(result.refused)) == (2, 1)


def test_correlation_begins_anew_each_time_a_task_listens(bench: Bench) -> None:
    document = """
        do:
          - l:
              for: { in: '${ [1, 2] }' }
              do:
                - hear:
                    listen:
                      to: { all: [ { with: { type: com.example.a }, correlate: { k: { from: .data } } }, { with: { type: com.example.b }, correlate: { k: { from: .data } } } ] }
    """
    result = bench.run(document, events=[event("a", 1), event("b", 1), event("a", 2), event("b", 2)])
    assert result.output == [2, 2]


# ---------------------------------------------------------------- foreach


def test_each_event_is_processed_by_the_tasks_of_foreach(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - hear:
              listen: { to: { any: [ { with: { type: com.example.a } } ], until: length == 3 } }
              foreach:
                item: reading
                at: place
                do:
                  - double: { set: { n: '${ $reading.n * 2 }', place: '${ $place }', dot: '${ .n }' } }
        """,
        events=[event("a", {"n": 1}), event("a", {"n": 2}), event("a", {"n": 3})],
    )
    assert result.output == [
        {"n": 2, "place": 0, "dot": 1},
        {"n": 4, "place": 1, "dot": 2},
        {"n": 6, "place": 2, "dot": 3},
    ]


def test_the_variables_of_foreach_are_item_and_index_by_default(bench: Bench) -> None:
    result = bench.run(
        listening(f"one: {A}") + "\n    foreach: { do: [ { a: { set: '${ [$item, $index] }' } } ] }",
        events=[event("a", 7)],
    )
    assert result.output == [[7, 0]]


def test_foreach_output_and_export_apply_to_every_item(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - hear:
              listen: { to: { any: [], until: length == 2 } }
              foreach:
                do: [ { a: { set: { n: '${ $item.n }' } } } ]
                output: { as: '${ .n + $index }', schema: { document: { type: number } } }
                export: { as: '${ $context + [ { output: $output, item: $item.n, raw: $task.output } ] }', schema: { document: { type: array } } }
          - look: { set: { out: '${ . }', context: '${ $context }' } }
        """,
        input=[],
        events=[event("x", {"n": 10}), event("y", {"n": 20})],
    )
    assert result.output == {
        "out": [10, 21],
        "context": [{"output": 10, "item": 10, "raw": {"n": 10}}, {"output": 21, "item": 20, "raw": {"n": 20}}],
    }


def test_foreach_without_tasks_transforms_the_events(bench: Bench) -> None:
    result = bench.run(
        listening("any: [], until: length == 2") + "\n    foreach: { output: { as: '${ .n } ' } }".replace("} '", "}'"),
        events=[event("x", {"n": 1}), event("y", {"n": 2})],
    )
    assert result.output == [1, 2]


def test_an_empty_foreach_leaves_the_events_as_they_are(bench: Bench) -> None:
    assert bench.run(listening(f"one: {A}") + "\n    foreach: { do: [] }", events=[event("a", 7)]).output == [7]


def test_the_condition_of_until_sees_what_the_item_exported(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - hear:
              listen: { to: { any: [], until: '($context.messages | length) == 2' } }
              foreach: { item: message, export: { as: { messages: '${ $context.messages + [$message] }' } } }
        """,
        input={"messages": []},
        events=[event("x", 1), event("x", 2), event("x", 3)],
    )
    assert (result.output, result.refused) == ([1, 2], [event("x", 3)])


def test_events_queue_first_in_first_out_while_one_is_processed(bench: Bench) -> None:
    document = """
        do:
          - hear:
              listen: { to: { any: [], until: length == 4 } }
              foreach: { do: [ { w: { wait: PT10S } }, { a: { set: '${ $item * 10 }' } } ] }
    """
    live = bench.start(document).publish(event("x", 1))
    live.publish(event("x", 2), event("x", 3), event("x", 4))
    result = live.finish()
    assert result.output == [10, 20, 30, 40]
    order = [
        each.type for each in result.events if each.type in ("event.consumed", "event.delivered", "event.accepted")
    ]
    assert order[:5] == ["event.consumed", "event.delivered", "event.consumed", "event.consumed", "event.consumed"]
    assert order.count("event.accepted") == 4


def test_an_event_that_ends_listening_waits_for_those_before_it(bench: Bench) -> None:
    document = f"""
        do:
          - hear:
              listen: {{ to: {{ any: [ {A} ], until: {{ one: {B} }} }} }}
              foreach: {{ do: [ {{ w: {{ wait: PT10S }} }}, {{ a: {{ set: '${{ $item * 10 }}' }} }} ] }}
    """
    live = bench.start(document).publish(event("a", 1), event("a", 2), event("b"), event("a", 3))
    result = live.finish()
    assert (result.output, result.refused) == ([10, 20], [event("a", 3)])


def test_all_with_foreach_processes_each_event(bench: Bench) -> None:
    document = (
        listening(f"all: [ {A}, {B} ]")
        + "\n    foreach: { do: [ { w: { wait: PT10S } }, { a: { set: '${ $item + 1 }' } } ] }"
    )
    live = bench.start(document).publish(event("b", 1), event("b", 5), event("a", 2))
    result = live.finish()
    assert (result.output, result.refused) == ([2, 3], [event("b", 5)])


def test_an_error_while_an_event_is_processed_faults_the_listener(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - t:
              try:
                - hear:
                    listen: { to: { any: [], until: '${ false }' } }
                    foreach: { do: [ { bad: { if: $item == 2, raise: { error: { type: https://example.com/bad, status: 418 } } } } ] }
              catch: { do: [ { c: { set: '${ $error.instance }' } } ] }
        """,
        events=[event("x", 1), event("x", 2), event("x", 3)],
    )
    assert (result.output, result.refused) == ("/do/0/t/try/0/hear/foreach/do/0/bad", [event("x", 3)])


def test_exit_in_foreach_goes_on_with_the_next_event(bench: Bench) -> None:
    result = bench.run(
        listening("any: [], until: length == 2")
        + "\n    foreach: { do: [ { a: { set: '${ $item }', then: exit } }, { never: { set: '${ 0 }' } } ] }",
        events=[event("x", 1), event("x", 2)],
    )
    assert (result.output, "never" in result.order) == ([1, 2], False)


def test_effects_run_for_each_event(bench: Bench, service: Service) -> None:
    """The example of listening to gossip: what is heard is posted to a service."""
    service.answers["/room/7"] = lambda asked: Answer({"posted": asked.json()["event"]})
    result = bench.run(
        f"""
        do:
          - listenToGossips:
              listen: {{ to: {{ any: [], until: length == 2 }} }}
              foreach:
                item: event
                at: i
                do:
                  - postToChatApi:
                      call: http
                      with: {{ method: post, endpoint: '{service.url}/room/7', body: {{ event: '${{ $event }}' }} }}
        """,
        events=[event("x", "she said"), event("x", "he said")],
    )
    assert result.output == [{"posted": "she said"}, {"posted": "he said"}]


# ---------------------------------------------------------------- among other tasks


def test_two_listeners_of_a_run_both_get_an_event(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ f: {{ fork: {{ branches: [ {{ x: {{ listen: {{ to: {{ one: {A} }} }} }} }}, {{ y: {{ listen: {{ to: {{ any: [] }} }} }} }} ] }} }} }} ]",
        events=[event("a", 1)],
    )
    assert result.output == [[1], [1]]


def test_of_competing_listeners_the_first_to_hear_wins(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ f: {{ fork: {{ compete: true, branches: [ {{ x: {{ listen: {{ to: {{ one: {A} }} }} }} }}, {{ y: {{ listen: {{ to: {{ one: {B} }} }} }} }} ] }} }} }} ]",
        events=[event("b", 2), event("a", 1)],
    )
    assert (result.output, result.refused) == ([2], [event("a", 1)])


def test_competing_listeners_for_the_same_event_give_one_winner(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ f: {{ fork: {{ compete: true, branches: [ {{ x: {{ listen: {{ to: {{ one: {A} }} }} }} }}, {{ y: {{ listen: {{ to: {{ one: {A} }} }} }} }} ] }} }} }} ]",
        events=[event("a", 1)],
    )
    assert result.output == [1]
    assert len(result.of("event.consumed")) == 1


def test_an_event_or_a_deadline_whichever_comes_first(bench: Bench) -> None:
    document = f"""
        do:
          - either:
              fork:
                compete: true
                branches:
                  - hear: {{ listen: {{ to: {{ one: {A} }} }} }}
                  - tooLate: {{ do: [ {{ w: {{ wait: PT1H }} }}, {{ s: {{ set: '${{ "too late" }}' }} }} ] }}
    """
    assert bench.run(document, events=[event("a", 1)]).output == [1]
    assert bench.run(document).output == "too late"


def test_a_listener_that_times_out_can_be_caught(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ hear: {{ listen: {{ to: {{ one: {A} }} }}, timeout: {{ after: PT5M }} }} }} ], catch: {{ do: [ {{ c: {{ set: '${{ $error.type }}' }} }} ] }} }} }} ]"
    )
    assert result.output == STANDARD + "timeout"


def test_a_listening_run_goes_on_after_the_node_was_closed(bench: Bench, tmp_path: Any) -> None:
    home = tmp_path / "home"
    first = Bench(home)
    live = first.start(listening(f"all: [ {A}, {B} ]")).publish(event("a", 1))
    run = live.id
    first.close()
    second = Bench(home)
    try:
        assert second.do(second.node.recover()) == [run]
        again = second.attach(run)
        assert again.publish(event("a", 9), event("b", 2)).finish().output == [1, 2]
        assert again.refused == [event("a", 9)]
    finally:
        second.close()


def test_an_event_that_is_too_large_to_record_is_nobodys(bench: Bench) -> None:
    live = bench.start(listening(f"one: {A}")).settle().publish(event("a", "x" * 1_100_000))
    assert (len(live.refused), live.status) == (1, "waiting")
    assert live.publish(event("a", 1)).finish().output == [1]
