"""What a YAML scalar means by the core schema (YAML 1.2.2, section 10.3), as far as JSON can carry it."""

from __future__ import annotations

import math
import re
from typing import Final

from reach_workbench.engine.tree import Sort

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INTEGER: Final = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT: Final = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_NOT_FINITE: Final = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_TAG: Final = "tag:yaml.org,2002:"
_LEAST, _MOST = -(2**63), 2**64 - 1
"""Integers beyond these are read as floating point by JSON libraries, and lose digits."""

Resolved = tuple[Sort, str | int | float | bool | None]


class BadScalar(Exception):
    """A scalar that has no JSON value."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def resolve(text: str, tag: str | None, *, plain: bool) -> Resolved:
    """The sort and value of a scalar; `plain` means without quotes, so that it may be more than text.

    Raises BadScalar for what JSON can't carry and for tags outside the core schema.
    """
    if tag == "!" or (tag is None and not plain) or tag == _TAG + "str":
        return "text", _joined(text)
    if tag is None:
        return _resolve_plain(text)
    if not tag.startswith(_TAG) or tag.removeprefix(_TAG) not in ("int", "float", "bool", "null"):
        raise BadScalar("yaml-tag", f"the tag {tag} is not of the YAML core schema", "remove the tag")
    wanted = tag.removeprefix(_TAG)
    sort, value = _resolve_plain(text)
    if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
        return "number", float(value)
    fits = {"int": isinstance(value, int) and sort == "number", "float": isinstance(value, float)}
    if not fits.get(wanted, sort == {"bool": "boolean"}.get(wanted, wanted)):
        raise BadScalar("yaml-tag", f"{text!r} is not what its tag !!{wanted} says", "remove the tag")
    return sort, value


def _resolve_plain(text: str) -> Resolved:
    if text in _NULL:
        return "null", None
    if text in _TRUE:
        return "boolean", True
    if text in _FALSE:
        return "boolean", False
    if text[0] not in "-+.0123456789":
        return "text", _joined(text)
    if re.fullmatch(_INTEGER, text):
        return "number", _integer(text)
    if re.fullmatch(_FLOAT, text):
        number = float(text)
        if math.isinf(number):
            raise BadScalar("number-too-large", "the number is too large for JSON", "put it in quotes")
        return "number", number
    if re.fullmatch(_NOT_FINITE, text):
        raise BadScalar("not-finite", f"JSON can't carry {text}", "use a finite number, or put it in quotes")
    return "text", _joined(text)


def _integer(text: str) -> int:
    if len(text) > 40:  # int() itself refuses thousands of digits
        number = _MOST + 1
    elif text.startswith(("0o", "0x")):
        number = int(text, 0)
    else:
        number = int(text)
    if not _LEAST <= number <= _MOST:
        raise BadScalar("number-too-large", "the integer does not fit in 64 bits", "put it in quotes")
    return number


def _joined(text: str) -> str:
    """Text whose escaped surrogate pairs, as JSON writes them, are one character each."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            message = "half of a surrogate pair is no character"
            raise BadScalar("lone-surrogate", message, "write both halves, or \\U and eight digits") from None
    return text
