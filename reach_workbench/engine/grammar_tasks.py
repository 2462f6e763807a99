"""Grammar of the tasks (dsl-reference.md, Task)."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.findings import Findings
from reach_workbench.engine.grammar import guess
from reach_workbench.engine.grammar_calls import CALLS, asyncapi
from reach_workbench.engine.grammar_events import EMITTED, READ, STRATEGY
from reach_workbench.engine.grammar_shapes import (
    Chosen,
    Either,
    Named,
    OneOf,
    Record,
    Series,
    Shape,
    Table,
    Text,
)
from reach_workbench.engine.grammar_values import (
    ANY,
    CONDITION,
    DURATION,
    ERROR,
    ERROR_FILTER,
    EXPORT,
    EXPRESSION,
    INPUT,
    LIFETIME,
    NAME,
    OBJECT,
    OUTPUT,
    RESOURCE,
    RETRY,
    TEXT,
    TIMEOUT_OR_NAME,
    TRUTH,
    VARIABLE,
)
from reach_workbench.engine.tree import Place

COMMON: Final[dict[str, Shape]] = {
    "if": CONDITION,
    "input": INPUT,
    "output": OUTPUT,
    "export": EXPORT,
    "timeout": TIMEOUT_OR_NAME,
    "then": NAME,
    "metadata": Record("metadata", {"idempotent": TRUTH}, others="allow"),
}
"""What every task has. `metadata.idempotent` is ours: whether repeating the task's effect does no harm."""


def _task(place: Place, findings: Findings) -> Record | None:
    """The grammar of the task at `place`, by the property that says its kind."""
    members = [name for name, _ in place.members()]
    kinds = [name for name in members if name in KINDS]
    if not kinds:
        _no_kind(place, findings, members)
        return Record("a task", {**COMMON, **dict.fromkeys(members, ANY)})
    kind = kinds[0]
    for name in ("for", "try", "listen"):
        # `do` belongs to a loop and `catch` to an attempt, wherever they stand among the properties.
        if name in kinds and all(other == name or other in OWN[name].fields for other in kinds):
            kind = name
    others = [name for name in kinds if name != kind and name not in OWN[kind].fields]
    if others:
        message = f"a task has one kind, but here {others[0]!r} follows {kind!r}"
        hint = f"make {others[0]!r} a task of its own: start it with '- ' and a name"
        findings.error_at_member(place, others[0], "several-task-kinds", message, hint)
    grammar = _call(place) if kind == "call" else OWN[kind]
    fields = {**COMMON, **grammar.fields, **dict.fromkeys(others, ANY)}
    return Record(grammar.says, fields, grammar.required, grammar.rules)


def _no_kind(place: Place, findings: Findings, members: list[str]) -> None:
    unknown = [name for name in members if name not in COMMON]
    hint = "give it one of: " + ", ".join(KINDS)
    message = "this task does not say what to do"
    if unknown:
        hint = guess(unknown[0], KINDS)
        message = f"a task has no property {unknown[0]!r}, and this one does not say what to do"
        findings.error_at_member(place, unknown[0], "no-task-kind", message, hint)
    else:
        findings.error(place, "no-task-kind", message, hint, key=True)


TASK: Final = Chosen(_task)
TASKS: Final = Named("task", TASK)

ITERATOR: Final = Record(
    "a subscription iterator", {"item": VARIABLE, "at": VARIABLE, "do": TASKS, "output": OUTPUT, "export": EXPORT}
)

_CALLS: Final = {**CALLS, "asyncapi": asyncapi(ITERATOR)}

BUILT_IN_CALLS: Final = frozenset(_CALLS)


def _call(place: Place) -> Record:
    arguments = _CALLS.get(place.text_of("call"))
    if arguments is None:
        return Record("a call", {"call": NAME, "with": OBJECT})
    return Record("a call", {"call": NAME, "with": arguments}, required=("with",))


_PROCESS: Final[dict[str, Shape]] = {
    "stdin": TEXT,
    "arguments": Either("a list of texts", (Series(TEXT), EXPRESSION)),
    "environment": OBJECT,
}

_SCRIPT_ARGUMENTS: Final = Either("a list of texts or an object", (Series(TEXT), OBJECT, EXPRESSION))
"""The members of an object are the script's variables (dsl.md, Creating a Custom Function)."""

_PROCESSES: Final[dict[str, Shape]] = {
    "container": Record(
        "a container",
        {
            **_PROCESS,
            "image": NAME,
            "name": NAME,
            "command": TEXT,
            "ports": OBJECT,
            "volumes": OBJECT,
            "lifetime": LIFETIME,
            "pullPolicy": Text(choices=("ifNotPresent", "always", "never")),
        },
        required=("image",),
    ),
    "script": Record(
        "a script",
        {**_PROCESS, "arguments": _SCRIPT_ARGUMENTS, "language": NAME, "code": TEXT, "source": RESOURCE},
        required=("language",),
        rules=(OneOf(("code", "source")),),
    ),
    "shell": Record("a shell command", {**_PROCESS, "command": NAME}, required=("command",)),
    "workflow": Record(
        "a workflow to run",
        {"namespace": NAME, "name": NAME, "version": NAME, "input": ANY},
        required=("namespace", "name", "version"),
    ),
}

_LOOP: Final = Record(
    "a loop",
    {"each": VARIABLE, "in": Either("an expression or a list", (CONDITION, Series(ANY))), "at": VARIABLE},
    required=("in",),
)

_CATCH: Final = Record(
    "a catch",
    {
        "errors": Record("catch.errors", {"with": ERROR_FILTER}),
        "as": VARIABLE,
        "when": CONDITION,
        "exceptWhen": CONDITION,
        "retry": Either("a retry policy or the name of one", (NAME, RETRY)),
        "do": TASKS,
        "then": NAME,
    },
)

_CASE: Final = Record("a case", {"when": CONDITION, "then": NAME}, required=("then",))

OWN: Final[dict[str, Record]] = {
    "call": Record("a call", {"call": NAME, "with": OBJECT}),
    "do": Record("a do task", {"do": TASKS}),
    "fork": Record(
        "a fork task",
        {"fork": Record("a fork", {"branches": Named("branch", TASK), "compete": TRUTH}, required=("branches",))},
    ),
    "emit": Record(
        "an emit task",
        {
            "emit": Record(
                "emit",
                {"event": Record("an event to emit", {"with": EMITTED}, required=("with",))},
                required=("event",),
            )
        },
    ),
    "for": Record("a for task", {"for": _LOOP, "while": CONDITION, "do": TASKS}, required=("do",)),
    "listen": Record(
        "a listen task",
        {"listen": Record("listen", {"to": STRATEGY, "read": READ}, required=("to",)), "foreach": ITERATOR},
    ),
    "raise": Record(
        "a raise task",
        {"raise": Record("raise", {"error": Either("an error or the name of one", (NAME, ERROR))}, ("error",))},
    ),
    "run": Record(
        "a run task",
        {
            "run": Record(
                "a process to run",
                {
                    **_PROCESSES,
                    "await": TRUTH,
                    "return": Text(choices=("stdout", "stderr", "code", "all", "none")),
                },
                rules=(OneOf(tuple(_PROCESSES)),),
            )
        },
    ),
    "set": Record("a set task", {"set": Either("an object or an expression", (Table(ANY, least=1), NAME))}),
    "switch": Record("a switch task", {"switch": Named("case", _CASE, least=1)}),
    "try": Record("a try task", {"try": TASKS, "catch": _CATCH}, required=("catch",)),
    "wait": Record("a wait task", {"wait": DURATION}),
}
"""What the tasks of each kind have of their own."""

KINDS: Final = tuple(OWN)
