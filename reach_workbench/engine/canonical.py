"""Canonical JSON (RFC 8785), fast for the values that occur most."""

from __future__ import annotations

import re
from typing import Final

import orjson
import rfc8785

from reach_workbench.engine.values import Json

_NEEDS_CARE: Final = re.compile(rb"[0-9][.eE]|[0-9]{16}|[\x80-\xff]")
"""A float, an integer that may leave the safe range, or text outside ASCII (keys sort by UTF-16)."""


def canonical(value: Json) -> bytes:
    """The value as RFC 8785 bytes.

    Integers beyond ±(2**53 - 1), which the RFC leaves to doubles, are written with all their
    digits, so that two different ones never share a digest.
    Raises TypeError or ValueError for what JSON can't carry (NaN, bytes, lone surrogates, …).
    """
    try:
        fast = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _exact(value)
    if _NEEDS_CARE.search(fast) is None:
        return fast
    return _exact(value)


def _exact(value: Json) -> bytes:
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Json, parts: list[bytes]) -> None:
    if value is None or isinstance(value, (bool, str)):
        parts.append(orjson.dumps(value))
    elif isinstance(value, int):
        parts.append(b"%d" % value)
    elif isinstance(value, float):
        parts.append(rfc8785.dumps(value))
    elif isinstance(value, (list, tuple)):
        parts.append(b"[")
        for place, item in enumerate(value):
            if place:
                parts.append(b",")
            _write(item, parts)
        parts.append(b"]")
    elif isinstance(value, dict):
        parts.append(b"{")
        for place, key in enumerate(sorted(value, key=_utf16)):
            if place:
                parts.append(b",")
            parts.append(orjson.dumps(key))
            parts.append(b":")
            _write(value[key], parts)
        parts.append(b"}")
    else:
        raise TypeError(f"JSON can't carry a value of type {type(value).__name__}")


def _utf16(key: str) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"JSON can't carry an object key of type {type(key).__name__}")
    return key.encode("utf-16-be")
