"""Constructs inside each other: what holds of each must hold of all of them together."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import Bench

ORDERS = """
use:
  extensions:
    - count: { extend: try, after: [ { c: { wait: PT0S, export: { as: '${ $context + { tries: (($context.tries // 0) + 1) } }' } } } ] }
  retries:
    twice: { delay: PT1S, backoff: { exponential: {} }, limit: { attempt: { count: 2, duration: PT30S } } }
  functions:
    price:
      try: [ { ask: { call: 'price:1.0.0@python', with: { name: '${ .name }' } } } ]
      catch: { retry: twice, do: [ { none: { set: '${ 0 }' } } ] }
do:
  - each:
      for: { each: order, in: .orders }
      do:
        - handle:
            fork:
              branches:
                - total:
                    do:
                      - start: { set: { sum: 0 } }
                      - lines:
                          for: { each: line, in: '${ $order.lines }' }
                          do:
                            - price: { call: price, with: { name: '${ $line }' }, output: { as: '${ { price: . } }' } }
                            - add: { set: { sum: '${ ($context.sums[$order.id] // 0) + .price }' }, export: { as: '${ $context | .sums[$order.id] = ((.sums[$order.id] // 0) + $output.sum - (.sums[$order.id] // 0)) }' } }
                - paid:
                    fork:
                      compete: true
                      branches:
                        - event: { listen: { to: { one: { with: { type: com.example.paid }, correlate: { id: { from: .data.id, expect: '${ $order.id }' } } } } }, output: { as: '${ "paid" }' } }
                        - late: { do: [ { w: { wait: PT1H } }, { l: { set: '${ "late" }' } } ] }
            timeout: { after: PT2H }
        - sum: { set: { orders: '${ $workflow.input.orders }', done: '${ ($context.done // []) + [ { id: $order.id, sum: $context.sums[$order.id], paid: .[1] } ] }' }, export: { as: '${ $context + { done: .done } }' } }
output: { as: { done: '${ .done }', tries: '${ $context.tries }' } }
"""


def test_a_loop_of_forks_that_retry_listen_and_race(bench: Bench) -> None:
    calls: list[str] = []

    def price(given: Any) -> Any:
        calls.append(given["name"])
        if given["name"] == "flaky" and calls.count("flaky") < 3:
            raise RuntimeError("again")
        if given["name"] == "gone":
            raise RuntimeError("never")
        return len(given["name"])

    orders = [{"id": "a", "lines": ["pen", "flaky"]}, {"id": "b", "lines": ["gone", "ink"]}]
    result = bench.run(
        ORDERS,
        input={"orders": orders, "sums": {}},
        functions={"price:1.0.0": price},
        events=[{"type": "com.example.paid", "data": {"id": "b"}}, {"type": "com.example.paid", "data": {"id": "a"}}],
    )
    assert result.status == "completed", result.error
    assert result.output == {
        "done": [{"id": "a", "sum": 8, "paid": "paid"}, {"id": "b", "sum": 3, "paid": "late"}],
        "tries": 4,
    }
    assert (calls.count("flaky"), calls.count("gone")) == (3, 3)


NESTED = """
do:
  - outer:
      try:
        - f:
            fork:
              branches:
                - listens:
                    listen: {{ to: {{ any: [], until: '${{ length == 3 }}' }} }}
                    foreach:
                      do:
                        - t:
                            try:
                              - inner:
                                  fork:
                                    compete: true
                                    branches:
                                      - slow: {{ wait: PT1H }}
                                      - work: {{ do: [ {{ w: {{ wait: PT10S }} }}, {{ r: {{ if: $item == 2, raise: {{ error: {{ type: https://example.com/two, status: 418 }} }} }} }}, {{ s: {{ set: '${{ $item * 10 }}' }} }} ] }}
                            catch: {catch}
                - ticks: {{ for: {{ in: '${{ [range(3)] }}' }}, do: [ {{ w: {{ wait: PT1M }} }} ] }}
      catch: {{ as: e, do: [ {{ c: {{ set: '${{ $e.status }}' }} }} ] }}
      timeout: {{ after: PT10M }}
"""


@pytest.mark.parametrize(
    ("catch", "output"),
    [
        ("{ do: [ { c: { set: '${ \"caught\" }' } } ] }", [[10, "caught", 30], {"k": 1}]),
        ("{ errors: { with: { status: 1 } } }", 418),
        ("{ do: [ { again: { raise: { error: { type: https://example.com/again, status: 419 } } } } ] }", 419),
        ("{ do: [ { over: { set: '${ \"over\" }', then: end } } ] }", "over"),
        ("{ retry: { delay: PT1S, limit: { attempt: { count: 2 } } } }", 418),
        (
            "{ retry: { limit: { attempt: { duration: PT5S, count: 1 } } }, do: [ { c: { set: '${ $error.status }' } } ] }",
            [[408] * 3, {"k": 1}],
        ),
    ],
)
def test_errors_in_a_race_in_a_try_in_a_listener_in_a_fork(bench: Bench, catch: str, output: Any) -> None:
    live = bench.start(NESTED.format(catch=catch), input={"k": 1})
    live.publish(*({"type": "com.example.n", "data": n} for n in (1, 2, 3)))
    result = live.finish()
    assert result.output == output, result.error
    started, ended = len(result.of("task.started")), 0
    ended = sum(len(result.of(f"task.{how}")) for how in ("completed", "faulted", "cancelled"))
    assert started == ended


@pytest.mark.parametrize("moment", range(0, 12))
def test_cancelling_at_any_moment_ends_every_task(bench: Bench, moment: int) -> None:
    document = NESTED.format(catch="{ retry: { delay: PT7S, limit: { attempt: { count: 9 } } } }")
    live = bench.start(document, input={"k": 1}).settle()
    for step in range(moment):
        if step % 3 == 0:
            live.publish({"type": "com.example.n", "data": 2})
        else:
            live.pass_time(6_000)
    result = live.cancel().finish()
    assert result.status == "cancelled"
    open_tasks = {event.seq for event in result.of("task.started")}
    for how in ("completed", "faulted", "cancelled"):
        open_tasks -= {event.frame for event in result.of(f"task.{how}")}
    assert open_tasks == set()


@pytest.mark.parametrize("moment", range(0, 9))
def test_suspending_at_any_moment_changes_nothing_but_the_time(bench: Bench, moment: int) -> None:
    document = NESTED.format(catch="{ do: [ { c: { set: '${ \"caught\" }' } } ] }")
    live = bench.start(document, input={"k": 1}).settle()
    for step, data in enumerate((1, 2, 3)):
        for part in range(3):
            if part == 0:
                live.publish({"type": "com.example.n", "data": data})
            else:
                live.pass_time(6_000)
            if 3 * step + part == moment:
                live.suspend().resume().settle()
    assert live.finish().output == [[10, "caught", 30], {"k": 1}]
