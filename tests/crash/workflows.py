"""Workflows whose effects leave marks outside, for a process that is killed again and again."""

from __future__ import annotations

import json
from typing import Any, Final

Json = Any


def _call(name: str, number: Json) -> Json:
    return {"call": f"{name}:1.0.0@python", "with": {"n": number}}


def _shell(number: Json) -> Json:
    command = 'printf "%s\\n" "$REACH_COMMAND" >> "$MARKS"'
    return {"run": {"shell": {"command": command, "environment": {"MARKS": "${ $workflow.input.marks }"}}}}


def _http(method: str) -> Json:
    return {"call": "http", "with": {"method": method, "endpoint": {"uri": "${ $workflow.input.server }"}}}


def _named(name: str, task: Json, **more: Json) -> Json:
    return {name: {**task, **more}}


CHAIN: Final = [_named(f"step{number}", _call(("mark", "mark_again")[number % 2], number)) for number in range(12)]
"""Effects one after another, in turns such that may and such that may not be repeated."""

LOOP: Final = [
    {
        "loop": {
            "for": {"each": "i", "in": "${ [range(6)] }"},
            "do": [
                _named("first", _call("mark", "${ $i }")),
                _named("slow", _call("mark_slowly", "${ $i }")),
                {"count": {"set": {"n": "${ $i }"}, "export": {"as": "${ { done: (($context.done? // 0) + 1) } }"}}},
            ],
        }
    },
    {"total": {"set": {"done": "${ $context.done }"}}},
]

FORK: Final = [
    {
        "both": {
            "fork": {
                "branches": [
                    {"left": {"do": [_named("a", _call("mark_waiting", 1)), _named("b", _call("mark", 2))]}},
                    {
                        "middle": {
                            "do": [{"pause": {"wait": {"milliseconds": 15}}}, _named("c", _call("mark_again", 3))]
                        }
                    },
                    {"right": _shell(4)},
                ]
            }
        }
    },
    {"end": {"set": {"branches": "${ length }"}}},
]

RETRY: Final = [
    {
        "attempt": {
            "try": [_named("shaky", _call("mark_or_fail", 0))],
            "catch": {
                "retry": {
                    "delay": {"milliseconds": 5},
                    "jitter": {"from": {"milliseconds": 1}, "to": {"milliseconds": 9}},
                    "limit": {"attempt": {"count": 3}},
                },
                "do": [_named("instead", _call("mark", 1))],
            },
        }
    },
    _named("after", _call("mark", 2)),
    {"end": {"set": {"tried": True}}},
]

EVENTS: Final = [
    {
        "talk": {
            "fork": {
                "branches": [
                    {
                        "hear": {
                            "listen": {
                                "to": {"one": {"with": {"type": "crash.said", "subject": "${ . == $workflow.id }"}}}
                            }
                        }
                    },
                    {
                        "say": {
                            "do": [
                                {"breathe": {"wait": {"milliseconds": 10}}},
                                _named("before", _call("mark", 1)),
                                {
                                    "speak": {
                                        "emit": {
                                            "event": {
                                                "with": {
                                                    "source": "/crash",
                                                    "type": "crash.said",
                                                    "subject": "${ $workflow.id }",
                                                    "data": {"n": 1},
                                                }
                                            }
                                        }
                                    }
                                },
                                _named("afterwards", _call("mark", 2)),
                            ]
                        }
                    },
                ]
            }
        }
    },
    {"end": {"set": {"heard": "${ .[0] }"}}},
]

OUTSIDE: Final = [
    _named("post", _http("post")),
    _named("put", _http("put")),
    _named("shell", _shell(0)),
    _named("declared", _shell(1), metadata={"idempotent": True}),
    {"end": {"set": {"outside": 4}}},
]

CHILD: Final = [_named(f"inner{number}", _call("mark", number)) for number in range(3)] + [
    {"end": {"set": {"child": True}}}
]

PARENT: Final = [
    _named("before", _call("mark", 0)),
    {"sub": {"run": {"workflow": {"namespace": "crash", "name": "child", "version": "1.0.0"}}}},
    _named("after", _call("mark", 1)),
    {"end": {"set": {"parent": True}}},
]

BODIES: Final[dict[str, tuple[list[Json], Json]]] = {
    "chain": (CHAIN, {"n": 11}),
    "loop": (LOOP, {"done": 6}),
    "fork": (FORK, {"branches": 3}),
    "retry": (RETRY, {"tried": True}),
    "events": (EVENTS, {"heard": [{"n": 1}]}),
    "outside": (OUTSIDE, {"outside": 4}),
    "parent": (PARENT, {"parent": True}),
}
"""Each workflow with the output it must have, however often it was killed."""


def source(name: str) -> str:
    """The document of that name."""
    body = CHILD if name == "child" else BODIES[name][0]
    about = {"dsl": "1.0.3", "namespace": "crash", "name": name, "version": "1.0.0"}
    return json.dumps({"document": about, "do": body})
