"""The JSON form of what goes through a node's door: requests, views and errors, generic over their dataclasses.

A member that the reader does not know is passed over, one that is missing takes its default: so an
older client reads what a newer node writes, as long as `system.PROTOCOL` is the same. A node passes over nothing of
what it is asked for, see `api.bodies`.
"""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput

Kind = TypeVar("Kind")
_Reader = Callable[[Json], Any]

_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")
"""Digits that may be an integer beyond 64 bits, which the quick parser would make a float. May occur in text too."""


def dumps(value: object) -> bytes:
    """The JSON text of a view, of a sequence of views, or of plain JSON."""
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:  # an integer beyond 64 bits, or nested deeper than the quick writer goes
        return json.dumps(tree(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def given(value: object) -> bytes:
    """The JSON text of what a caller gave. Raises BadInput naming the place of what JSON has no form for.

    The quick writer makes null of a number that is none; where no null was written there is nothing to look for.
    """
    try:
        try:
            text = orjson.dumps(value, default=_plain)
        except TypeError:
            _require_form(value, "")
            return dumps(value)
        if b"null" in text:
            _require_form(value, "")
        return text
    except RecursionError:
        raise BadInput("this is nested too deeply, or holds itself") from None


def _require_form(value: object, place: str) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
            raise BadInput("JSON has no form for half of a character (a lone surrogate)", where=place or None)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput(f"JSON has no form for the number {value}", where=place or None)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if not isinstance(name, str):
                raise BadInput(f"a member's name is text in JSON, not {_named(name)}", where=place or None)
            _require_form(name, place)
            _require_form(part, f"{place}.{name}" if place else name)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _require_form(part, f"{place}[{index}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            _require_form(getattr(value, each.name), f"{place}.{each.name}" if place else each.name)
    elif not isinstance(value, bool | int | Path) and value is not None:
        try:
            orjson.dumps(value)  # it knows a time, say
        except TypeError:
            raise BadInput(f"JSON has no form for {_named(value)}", where=place or None) from None


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"JSON can't carry a {type(value).__name__}")


def tree(value: object) -> Json:
    """The same as plain dicts and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: tree(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: tree(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [tree(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def parse(text: bytes) -> Json:
    """JSON text as a value; numbers keep all their digits. Raises BadInput."""
    try:
        if _LONG_NUMBER.search(text) is None:
            return orjson.loads(text)
        orjson.loads(text)  # is stricter: no NaN, no half of a character
        return json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise BadInput(f"this is not JSON: {wrong}") from None


def loads(kind: type[Kind], text: bytes) -> Kind:
    """A view of that kind from its JSON text. Raises BadInput when it is not one."""
    return decode(kind, parse(text))


def load_all(kind: type[Kind], text: bytes) -> list[Kind]:
    """Views of that kind from a JSON array. Raises BadInput when it is not one."""
    value = parse(text)
    if not isinstance(value, list):
        raise BadInput(f"an array was expected, not {_named(value)}")
    return [decode(kind, each) for each in value]


def decode(kind: type[Kind], value: Json) -> Kind:
    """A view of that kind from plain JSON. Raises BadInput naming the member that is missing or of another type."""
    return cast(Kind, _reader(cast(Any, kind))(value))


@cache
def _reader(kind: Any) -> _Reader:
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return lambda value: value
    if is_dataclass(kind):
        return _dataclass(kind)
    if origin is Literal:
        return _literal
    if origin in (Union, types.UnionType):
        return _optional(kind)
    if origin is tuple or kind is tuple:
        return _tuple(kind)
    if origin in (dict, Mapping) or kind in (dict, Mapping):
        return _mapping
    if origin in (list, Sequence):
        part = _reader(get_args(kind)[0])
        return lambda value: [part(each) for each in _array(value)]
    if kind is Path:
        return lambda value: Path(_exactly(str, value))
    if kind is float:
        return lambda value: float(_exactly((int, float), value))
    if kind in (bool, int, str):
        return lambda value: _exactly(kind, value)
    if kind is type(None):
        return lambda value: _exactly(type(None), value)
    raise TypeError(f"{kind!r} has no JSON form")


def _dataclass(kind: Any) -> _Reader:
    hints = get_type_hints(kind)
    parts = [
        (each.name, _reader(hints[each.name]), each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    ]

    def read(value: Json) -> Any:
        if not isinstance(value, dict):
            raise BadInput(f"an object was expected, not {_named(value)}", where=kind.__name__)
        given: dict[str, Any] = {}
        for name, reader, required in parts:
            if name in value:
                try:
                    given[name] = reader(value[name])
                except BadInput as wrong:
                    place = f"{name}.{wrong.where}" if wrong.where else name
                    raise BadInput(wrong.message, where=place) from None
            elif required:
                raise BadInput(f"{kind.__name__} has no {name!r}", where=name)
        return kind(**given)

    return read


def _literal(value: Json) -> Any:
    """Words that only a newer side knows are passed on as they are."""
    return _exactly((str, int), value)


def _optional(kind: Any) -> _Reader:
    kinds = [each for each in get_args(kind) if each is not type(None)]
    if len(kinds) != 1 or len(kinds) == len(get_args(kind)):
        raise TypeError(f"{kind!r} has no JSON form that tells its kinds apart")
    reader = _reader(kinds[0])
    return lambda value: None if value is None else reader(value)


def _tuple(kind: Any) -> _Reader:
    parts = get_args(kind)
    if len(parts) == 2 and parts[1] is Ellipsis:
        part = _reader(parts[0])
        return lambda value: tuple(part(each) for each in _array(value))
    readers = [_reader(each) for each in parts]

    def read(value: Json) -> tuple[Any, ...]:
        given = _array(value)
        if len(given) != len(readers):
            raise BadInput(f"{len(readers)} values were expected, not {len(given)}")
        return tuple(reader(each) for reader, each in zip(readers, given, strict=True))

    return read


def _mapping(value: Json) -> Any:
    return _exactly(dict, value)


def _array(value: Json) -> list[Json]:
    return cast("list[Json]", _exactly(list, value))


def _exactly(kind: type | tuple[type, ...], value: Json) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = kind if isinstance(kind, type) else kind[-1]
        raise BadInput(f"{_WORDS.get(wanted, wanted.__name__)} was expected, not {_named(value)}")
    return value


_WORDS: Final = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _named(value: Json) -> str:
    return _WORDS.get(type(value), type(value).__name__)
