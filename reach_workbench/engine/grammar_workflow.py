"""Grammar of a whole document (dsl-reference.md, Workflow)."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine import grammar_formats as formats
from reach_workbench.engine.grammar_events import READ, STRATEGY
from reach_workbench.engine.grammar_shapes import Named, Needs, OneOf, Record, Series, Table, Text
from reach_workbench.engine.grammar_tasks import TASK, TASKS
from reach_workbench.engine.grammar_values import (
    AUTHENTICATION,
    CATALOG,
    CONDITION,
    DURATION,
    ERROR,
    INPUT,
    NAME,
    OBJECT,
    OUTPUT,
    RETRY,
    TEXT,
    TIMEOUT,
    TIMEOUT_OR_NAME,
)

_DOCUMENT: Final = Record(
    "document",
    {
        "dsl": Text("the version of the DSL as text", test=formats.dsl_version),
        "namespace": Text(test=formats.label),
        "name": Text(test=formats.label),
        "version": Text("a semantic version as text", test=formats.semantic_version),
        "title": TEXT,
        "summary": TEXT,
        "tags": OBJECT,
        "metadata": OBJECT,
    },
    required=("dsl", "namespace", "name", "version"),
)

_EXTENDED: Final = (
    "call",
    "composite",
    "emit",
    "for",
    "listen",
    "raise",
    "run",
    "set",
    "switch",
    "try",
    "wait",
    "all",
)

_EXTENSION: Final = Record(
    "an extension",
    {"extend": Text(choices=_EXTENDED), "when": CONDITION, "before": TASKS, "after": TASKS},
    required=("extend",),
)

_USE: Final = Record(
    "use",
    {
        "authentications": Table(AUTHENTICATION),
        "catalogs": Table(CATALOG),
        "errors": Table(ERROR),
        "extensions": Named("extension", _EXTENSION),
        "functions": Table(TASK),
        "retries": Table(RETRY),
        "secrets": Series(NAME),
        "timeouts": Table(TIMEOUT),
    },
)

_STARTS: Final = ("every", "cron", "after", "on")

_SCHEDULE: Final = Record(
    "a schedule",
    {
        "every": DURATION,
        "cron": Text("a cron expression", test=formats.cron),
        "after": DURATION,
        "on": STRATEGY,
        "read": READ,
    },
    rules=(OneOf(_STARTS, most=None), Needs("read", "on", code="read-without-on")),
)

_EVALUATE: Final = Record(
    "evaluate",
    {"language": Text(test=formats.language), "mode": Text(choices=("strict", "loose"))},
)

WORKFLOW: Final = Record(
    "a workflow",
    {
        "document": _DOCUMENT,
        "input": INPUT,
        "use": _USE,
        "do": TASKS,
        "timeout": TIMEOUT_OR_NAME,
        "output": OUTPUT,
        "schedule": _SCHEDULE,
        "evaluate": _EVALUATE,
    },
    required=("document", "do"),
)
