"""The workflows that are measured. JSON is YAML, and quicker to read."""

from __future__ import annotations

import json
from typing import Any

Json = Any
_ABOUT = {"dsl": "1.0.3", "namespace": "bench", "version": "1.0.0"}


def _text(name: str, do: list[Json]) -> str:
    return json.dumps({"document": {**_ABOUT, "name": name}, "do": do})


def _step(number: Json) -> Json:
    return {"call": "noop:1.0.0@python", "with": {"i": number}}


def listed_steps(count: int) -> str:
    """A workflow of `count` effects, one task after another."""
    return _text("listed", [{f"step{number}": _step(number)} for number in range(count)])


def looped_steps(count: int) -> str:
    """A workflow of one effect in a loop over `count` items."""
    loop = {"for": {"each": "i", "in": f"${{ [range({count})] }}"}, "do": [{"step": _step("${ $i }")}]}
    return _text("looped", [{"loop": loop}])


def long_steps(count: int) -> str:
    """`count` effects, then the one at which the process is stopped: the input `last` decides what it does."""
    loop = {"for": {"each": "i", "in": f"${{ [range({count})] }}"}, "do": [{"step": _step("${ $i }")}]}
    return _text("long", [{"loop": loop}, {"last": {"call": "last:1.0.0@python"}}])


def pure_loop(tasks: int) -> str:
    """About `tasks` pure tasks: each turn of the loop is a `set` and a `switch`, the loop itself is the `for`."""
    turns = max(tasks // 2, 1)
    turn = [
        {"count": {"set": {"n": "${ $i }", "seen": True}}},
        {"look": {"switch": [{"even": {"when": "${ .n % 2 == 0 }", "then": "continue"}}, {"odd": {"then": "exit"}}]}},
    ]
    return _text("pure", [{"loop": {"for": {"each": "i", "in": f"${{ [range({turns})] }}"}, "do": turn}}])


def million_events(events: int) -> str:
    """A pure run of about `events` events: two loops, one inside the other, five events a turn of the inner one."""
    inner = 200
    outer = max(events // (inner * 5 + 5), 1)
    turn = [
        {"count": {"set": {"row": "${ $row }", "n": "${ $i }", "seen": True}}},
        {"look": {"switch": [{"even": {"when": "${ .n % 2 == 0 }", "then": "continue"}}, {"odd": {"then": "exit"}}]}},
    ]
    loop = {"for": {"each": "i", "in": f"${{ [range({inner})] }}"}, "do": turn}
    rows = {"for": {"each": "row", "in": f"${{ [range({outer})] }}"}, "do": [{"columns": loop}]}
    return _text("million", [{"rows": rows}])


def forked_events(events: int) -> str:
    """About `events` events of three branches side by side: two with loops inside loops, one that waits."""
    inner = 50
    outer = max(events // (2 * (inner * 3 + 5)), 1)
    loop = {"for": {"each": "i", "in": f"${{ [range({inner})] }}"}, "do": [{"count": {"set": {"n": "${ $i }"}}}]}
    rows = {"for": {"each": "row", "in": f"${{ [range({outer})] }}"}, "do": [{"columns": loop}]}
    branches = [{"left": {"do": [{"rows": rows}]}}, {"right": {"do": [{"rows": rows}]}}]
    beside = {"fork": {"branches": [*branches, {"aside": {"wait": {"milliseconds": 1}}}]}}
    return _text("forked", [{"beside": beside}, {"last": {"set": {"done": True}}}])


def flat_events(events: int) -> str:
    """The same in one loop: its list of items is part of every state."""
    return pure_loop(events * 2 // 5)
