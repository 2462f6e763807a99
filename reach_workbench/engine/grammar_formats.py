"""Formats of texts: versions, names, URIs, durations, cron expressions."""

from __future__ import annotations

import re
from typing import Final

from reach_workbench.engine.durations import milliseconds
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.grammar_shapes import Flaw

# Patterns are compiled when first needed: together they take 2 ms.
_EXPRESSION: Final = r"(?s)\s*\$\{.+\}\s*"
_SEMVER: Final = (
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?"
_VARIABLE: Final = r"[a-zA-Z_][a-zA-Z0-9_]*"
_URI: Final = r"\S+"
_DATE_TIME: Final = (
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
)
_POINTER: Final = r"(/([^/~]|~[01])*)*"
_LONGEST: Final = 10_000 * 365 * 86_400_000
"""Ten thousand years: later moments have no date to show."""

FIRST_DSL, LAST_DSL = (1, 0, 0), (1, 0, 3)
"""The versions of the DSL whose documents are accepted, pre-releases included."""


def is_expression(text: str) -> bool:
    """Whether the whole text is one `${ }`, as far as its look tells (schema: runtimeExpression)."""
    return re.fullmatch(_EXPRESSION, text) is not None


def semantic_version(text: str) -> Flaw | None:
    if re.fullmatch(_SEMVER, text):
        return None
    return Flaw("bad-version", f"is no semantic version: {text!r}", "write three numbers, such as '0.1.0'")


def dsl_version(text: str) -> Flaw | None:
    found = re.fullmatch(_SEMVER, text)
    if found is None:
        return Flaw("dsl-version", f"is no version of the DSL: {text!r}", "write dsl: '1.0.3'")
    if FIRST_DSL <= (int(found[1]), int(found[2]), int(found[3])) <= LAST_DSL:
        return None
    return Flaw("dsl-version", f"names version {text} of the DSL, which is not supported", "use 1.0.0 to 1.0.3")


def label(text: str) -> Flaw | None:
    if re.fullmatch(_LABEL, text):
        return None
    hint = "use up to 63 letters, digits and hyphens, no hyphen at either end"
    return Flaw("bad-name", f"is no valid name: {text!r}", hint)


def host(text: str) -> Flaw | None:
    if re.fullmatch(_HOST, text):
        return None
    return Flaw("bad-name", f"is no host name: {text!r}", "use letters, digits, dots and hyphens")


def variable(text: str) -> Flaw | None:
    if re.fullmatch(_VARIABLE, text):
        return None
    hint = "use letters, digits and underscores, without a leading $"
    return Flaw("bad-name", f"is no name for a variable: {text!r}", hint)


def filled(text: str) -> Flaw | None:
    return None if text else Flaw("wrong-value", "can't be empty", "give it a value")


def uri(text: str) -> Flaw | None:
    """A URI reference (RFC 3986) or template (RFC 6570, level 1), in which expressions may stand."""
    if "${" in text or re.fullmatch(_URI, text):
        return None
    return Flaw("bad-uri", f"is no URI: {text!r}", "a URI holds no spaces; write them as %20")


def duration(text: str) -> Flaw | None:
    """An ISO 8601 duration."""
    hint = "write ISO 8601 such as PT30S or P1DT12H, or an object such as seconds: 30"
    try:
        if len(text) <= 100 and milliseconds(text) <= _LONGEST:
            return None
    except Fault:
        return Flaw("bad-duration", f"is no duration: {text[:100]!r}", hint)
    return Flaw("bad-duration", "is longer than ten thousand years", hint)


def date_time(text: str) -> Flaw | None:
    if re.fullmatch(_DATE_TIME, text):
        return None
    return Flaw("wrong-value", f"is no date and time: {text!r}", "write RFC 3339 such as 2025-03-01T12:00:00Z")


def pointer(text: str) -> Flaw | None:
    if re.fullmatch(_POINTER, text):
        return None
    return Flaw("wrong-value", f"is no JSON pointer: {text!r}", "start it with /, as in /do/0/getPet")


def schema_format(text: str) -> Flaw | None:
    if text.partition(":")[0].lower() == "json":
        return None
    return Flaw("schema-format", f"{text!r} is not supported", "use json (JSON Schema)")


def language(text: str) -> Flaw | None:
    if text == "jq":
        return None
    return Flaw("unsupported-language", f"{text!r} is not supported", "write the expressions in jq")


_CRON_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of the week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)


def cron(text: str) -> Flaw | None:
    """Five fields of `*`, numbers, names, ranges, steps and lists of them."""
    fields = text.split()
    if len(fields) != len(_CRON_FIELDS):
        hint = "give minute, hour, day of the month, month and day of the week, such as 0 9 * * MON-FRI"
        return Flaw("bad-cron", f"has {len(fields)} fields instead of 5", hint)
    for field, (name, least, most, words) in zip(fields, _CRON_FIELDS, strict=True):
        for part in field.split(","):
            if not _cron_part(part, least, most, words):
                hint = f"use * or {least} to {most}, ranges such as {least}-{most}, steps such as */2"
                return Flaw("bad-cron", f"has no valid {name}: {field!r}", hint)
    return None


def _cron_part(part: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and 0 < int(step[:9]) <= most):
        return False
    if span == "*":
        return True
    low, dash, high = span.partition("-")
    first = _cron_number(low, words, least)
    last = _cron_number(high, words, least) if dash else first
    return first is not None and last is not None and least <= first <= most and first <= last <= most


def _cron_number(text: str, words: tuple[str, ...], least: int) -> int | None:
    if text.upper() in words:
        return words.index(text.upper()) + least
    return int(text[:9]) if text.isascii() and text.isdigit() else None
