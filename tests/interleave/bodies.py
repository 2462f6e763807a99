"""The workflows whose runs are interleaved: branches, loops, retries, timeouts and sub-workflows around held calls."""

from __future__ import annotations

import json
from typing import Any, Final

Json = Any


def _call(name: str, n: Json) -> Json:
    return {"call": f"{name}:1.0.0@python", "with": {"n": n}}


def _caught(task: Json, **more: Json) -> Json:
    return {"try": [{"risky": task}], "catch": more or {"do": [{"instead": _call("plain", 900)}]}}


_LOOP: Final = {
    "for": {"each": "i", "in": "${ [range(3)] }"},
    "do": [{"one": _call("gated", "${ $i }")}, {"two": _call("plain", "${ $i + 10 }")}],
}
_BRANCHES: Final = [
    {"left": _call("gated", 1)},
    {"middle": {"do": [{"a": _call("paced", 2)}, {"b": _call("pair", 3)}]}},
]
_CHILD: Final = {"run": {"workflow": {"namespace": "tests", "name": "child", "version": "1.0.0", "input": {"k": 1}}}}

BODIES: Final[dict[str, list[Json]]] = {
    "chain": [{"a": _call("plain", 1)}, {"b": _call("gated", 2)}, {"c": _call("own", 3)}],
    "loop": [{"loop": _LOOP}],
    "branches": [{"both": {"fork": {"branches": [*_BRANCHES, {"right": _call("again", 4)}]}}}],
    "race": [{"first": {"fork": {"compete": True, "branches": [*_BRANCHES, {"right": _call("slow", 5)}]}}}],
    "caught": [{"x": _caught(_call("never", 1))}, {"y": _caught(_call("gated", 2))}, {"z": _call("again", 3)}],
    "retried": [
        {
            "x": _caught(
                _call("flaky", 1),
                retry={"delay": {"milliseconds": 500}, "limit": {"attempt": {"count": 3}}},
            )
        },
        {"y": _caught(_call("gated", 7), retry={"delay": {"seconds": 1}, "limit": {"attempt": {"count": 2}}})},
    ],
    "timed": [{"x": {**_call("pair", 1), "timeout": {"after": {"seconds": 30}}}}],
    "paced": [{"loop": {"for": {"each": "i", "in": "${ [range(4)] }"}, "do": [{"one": _call("paced", "${ $i }")}]}}],
    "both": [{"loop": {"for": {"each": "i", "in": "${ [range(3)] }"}, "do": [{"one": _call("both", "${ $i }")}]}}],
    "slow": [{"a": _call("slow", 1)}, {"b": _call("pair", 2)}],
    "parent": [{"sub": _CHILD}, {"after": _call("gated", 2)}],
    "sheds": [
        {"both": {"fork": {"branches": [{"sub": _CHILD}, {"bad": _call("never", 1)}, {"g": _call("again", 1)}]}}}
    ],
}
CHILD: Final[list[Json]] = [{"a": _call("gated", 21)}, {"b": _call("plain", 22)}]


def source(name: str, body: list[Json]) -> str:
    return json.dumps(
        {"document": {"dsl": "1.0.3", "namespace": "tests", "name": name, "version": "1.0.0"}, "do": body}
    )
