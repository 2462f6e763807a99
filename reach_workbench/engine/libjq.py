"""The jq library: compiled programs, and values in and out of them without loss.

A value is handed to jq in one fixed form, whatever way it came to be in memory: members
sorted, 1.0 written as 1. So an expression gives the same result on a value that was just
made and on the same value read back from a store.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import jq
import orjson

from reach_workbench.engine.faults import Fault
from reach_workbench.engine.jq_tokens import tokens
from reach_workbench.engine.paths import NoStep
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json

LARGEST: Final = 1.7976931348623157e308
"""What jq makes of a number beyond a double's range."""

MAX_DEPTH: Final = 250
"""How deeply a value may be nested to go into jq or to come out of it; `canonical` takes a document around it."""

MAX_MESSAGE: Final = 600
"""Characters of jq's own words that an error keeps."""

_INTEGRAL_FLOATS: Final = (b".0,", b".0]", b".0}", b"e16", b"e17", b"e18", b"e19", b"e20")
"""Marks of a float that canonical JSON writes as an integer, the way orjson writes it. May occur in text too."""

_LONG_NUMBER: Final = re.compile(r"[0-9]{19}")
_NOTHING: Final = object()


@lru_cache(maxsize=2048)  # some 15 KB each
def _program(source: str, variables: tuple[str, ...]) -> Any:
    found = tokens(source)  # a comment at the end could swallow what follows
    end = found[-1].end if found else 0
    return jq.compile(f"{head(variables)}(\n{source[:end]}\n) | tojson")


def head(variables: Sequence[str]) -> str:
    """The start of every program: its input is an array of what `.` is to be and of the variables' values."""
    names = "".join(f",${name}" for name in variables)
    return f". as [$__in{names}] | $__in | "


def evaluate(expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
    """Run an expression here and now, for as long as it takes. Raises Fault."""
    names, values = arguments(expression, data, variables)
    return decode(run_text(expression.source, names, encode(values)))


def arguments(expression: Expression, data: Json, variables: Mapping[str, Json]) -> tuple[tuple[str, ...], list[Json]]:
    """The names of the variables an expression needs, and the data with their values after it. Raises Fault."""
    names = tuple(sorted(expression.variables))
    values = [data]
    for name in names:
        if name not in variables:
            raise no_value(name)
        values.append(variables[name])
    return names, values


def no_value(name: str) -> Fault:
    return Fault("expression", f"${name} has no value here")


def run_text(source: str, names: tuple[str, ...], text: str) -> str:
    """Evaluate `source`, from JSON text to JSON text: an array of what `.` is and of the values of `names`.

    Raises Fault.
    """
    try:
        results = iter(_program(source, names).input_text(text))
        result = next(results, _NOTHING)
        if result is _NOTHING:
            return "null"
        if next(results, _NOTHING) is not _NOTHING:
            raise Fault(
                "expression",
                "the expression gives more than one result: wrap it in [ ] for all of them, or in first( ) for one",
            )
    except UnicodeEncodeError:
        raise Fault("expression", "the data holds half a surrogate pair, which is no text") from None
    except ValueError as wrong:
        raise Fault("expression", _brief(str(wrong))) from None
    assert isinstance(result, str)
    return result


def _brief(message: str) -> str:
    """jq quotes the whole text that `fromjson` can't read: its ends are enough for an error that is recorded."""
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE // 2]} … {message[-MAX_MESSAGE // 2 :]}"


def index_error(wrong: NoStep) -> Fault:
    """The fault jq raises for a step into a value of the wrong kind."""
    kind = wrong.found
    stand_in: Json = 0 if isinstance(kind, (int, float)) and not isinstance(kind, bool) else kind
    if isinstance(kind, (str, list, dict)):
        stand_in = type(kind)()
    try:
        run_text(".[0][.[1]]", (), encode([[stand_in, wrong.step]]))
    except Fault as fault:
        return fault
    raise AssertionError("jq follows a step that a path walk refuses")


def encode(value: Json) -> str:
    """JSON text for jq, in the fixed form. Raises Fault for what JSON can't carry."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if any(mark in text for mark in _INTEGRAL_FLOATS):
            text = orjson.dumps(_plain_numbers(value), option=orjson.OPT_SORT_KEYS)
        return text.decode()
    except (TypeError, RecursionError):
        pass  # an integer beyond 64 bits, more than 254 levels, or not JSON at all
    if _deeper(value, MAX_DEPTH + 1):  # one more for the array around the data
        raise Fault("expression", f"the data is nested deeper than {MAX_DEPTH} levels")
    try:
        return json.dumps(
            _plain_numbers(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as wrong:
        raise Fault("expression", f"the data holds what JSON can't carry: {wrong}") from None


def decode(text: str) -> Json:
    """JSON text as a value; integers keep all their digits. Raises Fault when it is nested too deeply."""
    try:
        value = orjson.loads(text) if _LONG_NUMBER.search(text) is None else _loads(text)
    except orjson.JSONDecodeError:  # a number beyond a double's range, or very deep
        value = _loads(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise Fault("expression", f"the result is nested deeper than {MAX_DEPTH} levels")
    return value


def _loads(text: str) -> Json:
    try:
        return json.loads(text, parse_int=_integer, parse_float=_double)
    except RecursionError:
        raise Fault("expression", f"the result is nested deeper than {MAX_DEPTH} levels") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 4300 else _double(digits)  # Python's own bound on digits


def _double(digits: str) -> float:
    return max(-LARGEST, min(LARGEST, float(digits)))


def _plain_numbers(value: Json) -> Json:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, (list, tuple)):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    return value


def _deeper(value: Json, levels: int) -> bool:
    """Whether there are more than `levels` arrays and objects inside each other."""
    level: list[Json] = [[value]]
    for _ in range(levels + 1):
        level = [
            part
            for item in level
            for part in (item.values() if isinstance(item, dict) else item)
            if isinstance(part, (dict, list))
        ]
        if not level:
            return False
    return True
