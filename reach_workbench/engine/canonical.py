"""Canonical JSON (RFC 8785), fast for the values that occur most."""

from __future__ import annotations

import re
from typing import Final

import orjson
import rfc8785

from reach_workbench.engine.values import Json

MAX_DEPTH: Final = 500
"""How deeply a value may be nested to be recorded, or to go into an expression."""

_PLAIN: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_NUMBER_WITH_CARE: Final = re.compile(rb"(?:^|[\[,]|\":)-?(?:(?:0|[1-9][0-9]*)[.eE]|[1-9][0-9]{15})")
"""A float, or an integer that may leave the safe range. May occur in text too."""

_BEYOND_16_BITS: Final = re.compile(rb"[\xf0-\xf4]")
_LAST_OF_16_BITS: Final = re.compile(rb"[\xee\xef]")
"""Keys sort by UTF-16, which differs from UTF-8 only between these two groups of characters."""


def canonical(value: Json) -> bytes:
    """The value as RFC 8785 bytes.

    Integers beyond ±(2**53 - 1), which the RFC leaves to doubles, are written with all their
    digits, so that two different ones never share a digest.
    Raises TypeError or ValueError for what JSON can't carry (NaN, bytes, lone surrogates, …)
    and for more than `MAX_DEPTH` levels.
    """
    try:
        fast = orjson.dumps(value, option=_PLAIN)
    except TypeError:
        return _exact(value)
    if _NUMBER_WITH_CARE.search(fast) is not None:
        return _exact(value)
    if _BEYOND_16_BITS.search(fast) is not None and _LAST_OF_16_BITS.search(fast) is not None:
        return _exact(value)
    if b"null" in fast:  # orjson writes NaN and Infinity so
        _refuse_non_finite(value)
    return fast


def _refuse_non_finite(value: Json) -> None:
    if isinstance(value, float):
        raise ValueError(f"JSON can't carry the number {value}")  # a finite one has a dot or an exponent
    if isinstance(value, dict):
        for part in value.values():
            _refuse_non_finite(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _refuse_non_finite(part)


def _exact(value: Json) -> bytes:
    parts: list[bytes] = []
    _write(value, parts, MAX_DEPTH)
    return b"".join(parts)


def _write(value: Json, parts: list[bytes], levels: int) -> None:
    if value is None or isinstance(value, (bool, str)):
        parts.append(orjson.dumps(value))
    elif isinstance(value, int):
        parts.append(b"%d" % value)
    elif isinstance(value, float):
        parts.append(rfc8785.dumps(value))
    elif isinstance(value, (list, tuple)):
        _descend(levels)
        parts.append(b"[")
        for place, item in enumerate(value):
            if place:
                parts.append(b",")
            _write(item, parts, levels - 1)
        parts.append(b"]")
    elif isinstance(value, dict):
        _descend(levels)
        parts.append(b"{")
        for place, key in enumerate(sorted(value, key=_utf16)):
            if place:
                parts.append(b",")
            parts.append(orjson.dumps(key))
            parts.append(b":")
            _write(value[key], parts, levels - 1)
        parts.append(b"}")
    else:
        raise TypeError(f"JSON can't carry a value of type {type(value).__name__}")


def _descend(levels: int) -> None:
    if levels == 0:
        raise ValueError(f"the value is nested deeper than {MAX_DEPTH} levels")


def _utf16(key: str) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"JSON can't carry an object key of type {type(key).__name__}")
    return key.encode("utf-16-be")
