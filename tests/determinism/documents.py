"""Random valid workflows over all pure constructs: the same seed, the same document, on any machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

Json = Any
Tasks = list[dict[str, Any]]

EVENT_TYPES: Final = ("made.a", "made.b", "made.c")
"""The types of the events that workflows emit and listen to."""

FUNCTION: Final = "act:1.0.0@python"
"""A function whose outcome the world invents (see `world`)."""

_SCALARS: Final[tuple[Json, ...]] = (
    None, True, False, 0, 1, -7, 2**53, -(2**63), 0.1, -0.5, 1e21, 1.5e-9,
    "", "plain", "ünï", "😀", "a\tb\"c\\", "\u2028",
)  # fmt: skip

_ANYWHERE: Final = (
    ".", "$context", "type", "tostring", "[.]", "{a: .}", "(.a? // 0)", ".b?", "$task.name", "$task.input",
    "$workflow.id", "$workflow.input", "$workflow.startedAt.epoch.milliseconds", "$task.startedAt.iso8601",
    "$runtime.name", "[1, 2.5, 1e3]", "{z: 1, a: {c: 2, b: 3}}", ". as $x | {x: $x}", "tojson | length",
    "$context.n?", "[range(3)]", "[.. | numbers] | length", "to_entries? // []", '"text \\(type)"', "keys? // 0",
    "{(\"k\" + type): 1}",
)  # fmt: skip

_OF_WORKFLOW: Final = (".", "{a: .}", "[., 1]", "type", "$workflow.id", "$runtime.name", "(.a? // {n: 1})", ".a.b.c")
"""Expressions for the workflow's own input and output, where there is no task."""

_FAILING: Final = (".a.b.c", 'error("made")', "1 / (length - length)", ".[0]", ". + {}", "tonumber")
"""Expressions that fail on some data or all: faults are outcomes too."""

_CONDITIONS: Final = (
    "true", "false", ".a? == 1", "type == \"object\"", "(length? // 0) > 1", "$context != null",
    "(.n? // 0) < 3", ". == $context",
)  # fmt: skip

_ERRORS: Final = ("validation", "timeout", "runtime", "communication", "expression", "authentication")


class Generator:
    """Draws one document. Names are unique, so that any task may be jumped to within its block."""

    def __init__(self, seed: int, *, size: int = 24) -> None:
        self._random = random.Random(seed)
        self._left = size
        self._names = 0
        self._variables: tuple[str, ...] = ()
        self._trying = False

    def document(self) -> Json:
        """A document with its optional parts."""
        draw = self._random
        whole: dict[str, Json] = {
            "document": {
                "dsl": draw.choice(("1.0.0", "1.0.1", "1.0.3")),
                "namespace": "made",
                "name": "case",
                "version": "0.1.0",
            }
        }
        if self._chance(0.3):
            whole["input"] = {"from": self._expression(of_task=False)}
        if self._chance(0.3):
            whole["output"] = {"as": self._expression(of_task=False)}
        if self._chance(0.1):
            whole["timeout"] = {"after": self._duration(200, 9000)}
        use: dict[str, Json] = {}
        if self._chance(0.35):
            use["functions"] = {"helper": self._task("set", 1)}
            self._functions = True
        else:
            self._functions = False
        if self._chance(0.3):
            use["extensions"] = [{f"more{number}": self._extension()} for number in range(draw.randint(1, 2))]
        if use:
            whole["use"] = use
        whole["do"] = self._block(3, low=3, high=7)
        return whole

    # ------------------------------------------------------------ parts

    def _chance(self, odds: float) -> bool:
        return self._random.random() < odds

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}" + self._random.choice(("", "", "", " ~/x"))

    def value(self, depth: int = 2) -> Json:
        """Any JSON value."""
        draw = self._random
        sort = draw.random()
        if depth == 0 or sort < 0.5:
            return draw.choice(_SCALARS)
        if sort < 0.7:
            return [self.value(depth - 1) for _ in range(draw.randint(0, 3))]
        return {draw.choice(("a", "b", "n", "é", "")): self.value(depth - 1) for _ in range(draw.randint(0, 3))}

    def _jq(self, of_task: bool) -> str:
        draw = self._random
        if not of_task:
            return draw.choice(_OF_WORKFLOW)
        if self._variables and self._chance(0.25):
            return "$" + draw.choice(self._variables)
        if self._chance(0.15 if self._trying else 0.006):
            return draw.choice(_FAILING)
        first = draw.choice(_ANYWHERE)
        return f"{first} | {draw.choice(_ANYWHERE)}" if self._chance(0.15) and " as " not in first else first

    def _expression(self, *, of_task: bool = True) -> str:
        return "${ " + self._jq(of_task) + " }"

    def _condition(self) -> str:
        return "${ " + self._random.choice(_CONDITIONS) + " }"

    def _duration(self, low: int, high: int) -> Json:
        length = self._random.randint(low, high)
        if self._chance(0.3):
            return f"PT{length / 1000:.3f}S"
        return {"milliseconds": length}

    def _block(self, depth: int, *, low: int = 1, high: int = 4) -> Tasks:
        tasks: Tasks = []
        for _ in range(self._random.randint(low, high)):
            kind = self._random.choice(_KINDS if depth > 0 and self._left > 0 else _SIMPLE)
            if self._trying and self._chance(0.2):
                kind = "raise"
            self._left -= 1
            tasks.append({self._name(kind): self._task(kind, depth - 1)})
        names = [next(iter(task)) for task in tasks]
        for place, task in enumerate(tasks):
            body = next(iter(task.values()))
            if "switch" in body:
                self._aim(body, names[place + 1 :])
            elif self._chance(0.12):
                body["then"] = self._target(names[place + 1 :])
        return tasks

    def _target(self, later: list[str]) -> str:
        choices = ["continue", *(("exit", "end") if self._chance(0.15) else ()), *later, *later]
        return self._random.choice(choices)

    def _aim(self, body: dict[str, Json], later: list[str]) -> None:
        for case in body["switch"]:
            next(iter(case.values()))["then"] = self._target(later)

    def _task(self, kind: str, depth: int) -> dict[str, Json]:
        body = _MAKERS[kind](self, max(depth, 0))
        if self._chance(0.12):
            body["if"] = self._condition()
        if self._chance(0.12):
            body["input"] = {"from": self._random.choice((self._expression(), {"a": self._expression(), "n": 1}))}
        elif self._chance(0.015):
            body["input"] = {
                "schema": {"format": "json", "document": {"type": self._random.choice(("object", "array", "null"))}}
            }
        if self._chance(0.15):
            body["output"] = {"as": self._random.choice((self._expression(), {"out": self._expression()}))}
        elif self._chance(0.015):
            body["output"] = {"schema": {"format": "json", "document": {"not": {"type": "string"}}}}
        if self._chance(0.15):
            body["export"] = {
                "as": self._random.choice((self._expression(), {"n": 1, "last": "${ . }"}, "${ $output }"))
            }
        if self._chance(0.08):
            body["timeout"] = {"after": self._duration(1, 900)}
        return body

    def _extension(self) -> dict[str, Json]:
        left, self._left = self._left, 0
        made: dict[str, Json] = {"extend": self._random.choice(("all", "set", "call", "composite", "wait", "switch"))}
        if self._chance(0.4):
            made["when"] = self._random.choice(("${ $task.name | length > 4 }", self._condition()))
        parts = self._random.choice((("before",), ("after",), ("before", "after")))
        for part in parts:
            made[part] = self._block(0)
        self._left = left
        return made

    def _within(self, names: tuple[str, ...], make: Callable[[], Json]) -> Json:
        before = self._variables
        self._variables = before + names
        try:
            return make()
        finally:
            self._variables = before

    # ------------------------------------------------------------ one maker a kind

    def _set(self, depth: int) -> dict[str, Json]:
        if self._chance(0.2):
            return {"set": self._expression()}
        return {
            "set": {
                key: self._random.choice((self.value(), self._expression())) for key in self._random.sample("abnxyz", 2)
            }
        }

    def _do(self, depth: int) -> dict[str, Json]:
        return {"do": self._block(depth)}

    def _for(self, depth: int) -> dict[str, Json]:
        draw = self._random
        loop: dict[str, Json] = {
            "in": draw.choice(
                (
                    "${ [1, 2, 3] }",
                    "${ [range(4)] }",
                    "${ [., .] }",
                    "${ [] }",
                    "${ .a? // [null] }",
                    [1, "two", {"three": 3}],
                )
            )
        }
        each, at = "item", "index"
        if self._chance(0.5):
            each = loop["each"] = f"each{self._names}"
        if self._chance(0.5):
            at = loop["at"] = f"at{self._names}"
        body: dict[str, Json] = {"for": loop, "do": self._within((each, at), lambda: self._block(depth))}
        if self._chance(0.3):
            body["while"] = self._within((each, at), lambda: draw.choice((self._condition(), f"${{ ${at} < 2 }}")))
        return body

    def _fork(self, depth: int) -> dict[str, Json]:
        branches = [
            {self._name("branch"): self._task(self._random.choice(_SIMPLE if depth == 0 else _KINDS), depth - 1)}
            for _ in range(self._random.randint(1, 4))
        ]
        for branch in branches:
            body = next(iter(branch.values()))
            if "switch" in body:
                self._aim(body, [])
        fork: dict[str, Json] = {"branches": branches}
        if self._chance(0.4):
            fork["compete"] = self._chance(0.8)
        return {"fork": fork}

    def _switch(self, depth: int) -> dict[str, Json]:
        cases: Tasks = [
            {self._name("case"): {"when": self._condition(), "then": "continue"}}
            for _ in range(self._random.randint(1, 3))
        ]
        if self._chance(0.6):
            cases.append({self._name("case"): {"then": "continue"}})
        return {"switch": cases}

    def _try(self, depth: int) -> dict[str, Json]:
        draw = self._random
        catch: dict[str, Json] = {}
        variable = "error"  # the default name (dsl-reference.md, Catch)
        if self._chance(0.3):
            variable = catch["as"] = f"caught{self._names}"
        if self._chance(0.3):
            wanted: dict[str, Json] = {"status": draw.choice((400, 408, 500))}
            if self._chance(0.5):
                wanted = {"type": f"https://open-workflow-specification.org/spec/1.0.0/errors/{draw.choice(_ERRORS)}"}
            catch["errors"] = {"with": wanted}
        if self._chance(0.2):
            catch["when"] = "${ $" + variable + ".status >= 400 }"
        if self._chance(0.15):
            catch["exceptWhen"] = "${ $" + variable + ".status == 401 }"
        if self._chance(0.6):
            catch["retry"] = self._retry()
        if self._chance(0.6) or not catch.get("retry"):
            catch["do"] = self._within((variable,), lambda: self._block(min(depth, 1)))
        if self._chance(0.1):
            catch["then"] = draw.choice(("continue", "exit", "end"))
        trying, self._trying = self._trying, True
        attempted = self._block(depth)
        self._trying = trying
        return {"try": attempted, "catch": catch}

    def _retry(self) -> dict[str, Json]:
        policy: dict[str, Json] = {}
        if self._chance(0.8):
            policy["delay"] = self._duration(1, 60)
        if self._chance(0.7):
            policy["backoff"] = {self._random.choice(("constant", "linear", "exponential")): {}}
        limit: dict[str, Json] = {"attempt": {"count": self._random.randint(1, 3)}}
        if self._chance(0.2):
            limit["attempt"]["duration"] = self._duration(1, 300)
        if self._chance(0.2):
            limit["duration"] = self._duration(1, 500)
        policy["limit"] = limit
        if self._chance(0.5):
            policy["jitter"] = {"from": {"milliseconds": 1}, "to": {"milliseconds": self._random.randint(2, 90)}}
        return policy

    def _raise(self, depth: int) -> dict[str, Json]:
        kind = self._random.choice(_ERRORS)
        return {
            "raise": {
                "error": {
                    "type": f"https://open-workflow-specification.org/spec/1.0.0/errors/{kind}",
                    "status": self._random.choice((400, 401, 408, 500)),
                    "title": "Made",
                    "detail": self._random.choice(("made up", '${ "from " + type }')),
                }
            }
        }

    def _wait(self, depth: int) -> dict[str, Json]:
        if self._chance(0.2):
            return {"wait": {"milliseconds": 0}}
        return {"wait": self._duration(1, 400)}

    def _emit(self, depth: int) -> dict[str, Json]:
        event: dict[str, Json] = {"source": "https://made.example", "type": self._random.choice(EVENT_TYPES)}
        if self._chance(0.7):
            event["data"] = {"n": self._expression(), "k": self._random.randint(0, 3)}
        return {"emit": {"event": {"with": event}}}

    def _listen(self, depth: int) -> dict[str, Json]:
        draw = self._random

        def wanted() -> dict[str, Json]:
            attributes: dict[str, Json] = {"type": draw.choice((*EVENT_TYPES, "made\\..*"))}
            if self._chance(0.2):
                attributes["data"] = "${ (.k? // 0) > 0 }"
            found: dict[str, Json] = {"with": attributes}
            if self._chance(0.2):
                found["correlate"] = {"k": {"from": "${ .data.k? }"}}
            return found

        shape = draw.choice(("one", "any", "all", "until", "until-event"))
        if shape == "one":
            to: dict[str, Json] = {"one": wanted()}
        elif shape == "all":
            to = {"all": [wanted(), wanted()]}
        elif shape == "any":
            to = {"any": [wanted(), wanted()]}
        elif shape == "until":
            to = {"any": [wanted()], "until": "${ length >= 2 }"}
        else:
            to = {"any": [wanted()], "until": {"one": {"with": {"type": "made.c"}}}}
        body: dict[str, Json] = {"listen": {"to": to}}
        if self._chance(0.3):
            body["listen"]["read"] = draw.choice(("data", "envelope"))
        if self._chance(0.4):
            item = f"event{self._names}"
            foreach: dict[str, Json] = {"item": item, "do": self._within((item,), lambda: self._block(0))}
            if self._chance(0.3):
                foreach["output"] = {"as": self._expression()}
            if self._chance(0.3):
                foreach["export"] = {"as": "${ { heard: . } }"}
            body["foreach"] = foreach
        return body

    def _call(self, depth: int) -> dict[str, Json]:
        if self._functions and self._chance(0.3):
            return (
                {"call": "helper", "with": {"a": self._expression(), "n": 2}}
                if self._chance(0.7)
                else {"call": "helper"}
            )
        body: dict[str, Json] = {"call": FUNCTION}
        if self._chance(0.8):
            body["with"] = {"given": self._expression(), "k": self._random.randint(0, 9)}
        if self._chance(0.3):
            body["metadata"] = {"idempotent": self._chance(0.5)}
        return body


_MAKERS: Final[dict[str, Callable[[Generator, int], dict[str, Json]]]] = {
    "set": Generator._set,
    "do": Generator._do,
    "for": Generator._for,
    "fork": Generator._fork,
    "switch": Generator._switch,
    "try": Generator._try,
    "raise": Generator._raise,
    "wait": Generator._wait,
    "emit": Generator._emit,
    "listen": Generator._listen,
    "call": Generator._call,
}

_SIMPLE: Final = ("set", "set", "set", "switch", "wait", "emit", "call", "call")
_KINDS: Final = (
    "set", "set", "set", "switch", "wait", "emit", "call", "call", "call", "do", "do", "for", "for", "fork", "fork",
    "try", "try", "try", "try", "listen",
)  # fmt: skip


def document(seed: int) -> Json:
    """The document of that seed."""
    return Generator(seed).document()


def input_of(seed: int) -> Json:
    """The input for the document of that seed."""
    return Generator(seed ^ 0x5EED).value(3)
