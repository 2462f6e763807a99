"""Grammar of events: what is emitted, what is waited for (dsl-reference.md, Event Properties and below)."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine import grammar_formats as formats
from reach_workbench.engine.grammar_shapes import Either, OneOf, Record, Series, Shape, Table, Text
from reach_workbench.engine.grammar_values import ANY, CONDITION, TEXT, URI

_TIME: Final = Text("a date and time", test=formats.date_time, computed=True)
_TYPE: Final = Text("an event type", test=formats.filled)

EMITTED: Final = Record(
    "an event",
    {
        "id": TEXT,
        "source": URI,
        "type": _TYPE,
        "time": _TIME,
        "subject": TEXT,
        "datacontenttype": TEXT,
        "dataschema": URI,
        "data": ANY,
    },
    required=("type",),
    others="allow",
)

_ATTRIBUTES: Final = ("id", "source", "type", "time", "subject", "datacontenttype", "dataschema")

WANTED: Final = Record(
    "an event filter's with",
    {**dict.fromkeys(_ATTRIBUTES, TEXT), "data": ANY},
    others="allow",
)
"""Texts may be regular expressions here, so they are not held against the formats of URIs and dates."""

CORRELATION: Final = Record("a correlation", {"from": CONDITION, "expect": TEXT}, required=("from",))

FILTER: Final = Record("an event filter", {"with": WANTED, "correlate": Table(CORRELATION)}, required=("with",))

_MODES: Final[dict[str, Shape]] = {"all": Series(FILTER), "any": Series(FILTER), "one": FILTER}
_ONE_MODE: Final = (OneOf(("one", "any", "all")),)

_UNTIL: Final = Record("what 'until' waits for", _MODES, rules=_ONE_MODE)
"""A strategy that stops listening has no `until` of its own."""

STRATEGY: Final = Record(
    "an event consumption strategy",
    {**_MODES, "until": Either("an expression or an event consumption strategy", (CONDITION, _UNTIL))},
    rules=_ONE_MODE,
)

READ: Final = Text(choices=("data", "envelope", "raw"))
