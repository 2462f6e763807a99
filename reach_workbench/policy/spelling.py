"""Texts in a policy that no command has, since what they are compared with is always spelled in another way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import language_of
from reach_workbench.policy.address import address
from reach_workbench.policy.reads import path_of


class Misspelt(NamedTuple):
    """`text` as it stands in the policy, with what it is and how that is spelled."""

    text: str
    what: str
    hint: str


class _Spelling(NamedTuple):
    what: str
    right: Callable[[str], str]
    rule: str


def _host(name: str) -> str:
    """The host as `address` gives it, of a name, a name with a port or path, or a whole URI."""
    if "://" not in name and name.count(":") > 1 and "[" not in name:
        return name.lower()  # IPv6 as it is compared, without brackets
    return address(name if "://" in name else f"http://{name}").host


_HOST: Final = _Spelling("host", _host, "hosts are compared in lower case, without scheme, port and path")
_LANGUAGE: Final = _Spelling("language", language_of, "languages are `python` and `js`")
_ATTRIBUTES: Final = {
    "host": _HOST,
    "language": _LANGUAGE,
    "method": _Spelling("method", str.upper, "methods are compared in capitals"),
    "scheme": _Spelling("scheme", str.lower, "schemes are compared in lower case"),
    "headers": _Spelling("header", str.lower, "the names of headers are compared in lower case"),
}
"""By the names of `context.args`."""

_TYPES: Final = {"Host": _HOST, "Language": _LANGUAGE}
_COMPARING: Final = ("==", "!=", "contains", "containsAll", "containsAny")


def misspelt(policy: dict[str, Json]) -> Iterator[Misspelt]:
    """All such texts of a policy in Cedar's JSON form. A comparison with one is never true, and nothing says so."""
    head = policy["resource"]
    named = (head.get("in") or head).get("entity")
    if named is not None:
        yield from _entity(named)
    yield from _found(policy.get("conditions", []))


def _found(node: Any) -> Iterator[Misspelt]:
    if isinstance(node, list):
        for part in node:
            yield from _found(part)
    if not isinstance(node, dict):
        return
    if isinstance(entity := node.get("__entity"), dict):
        yield from _entity(entity)
        return
    for operator, sides in node.items():
        if operator in _COMPARING:
            for side, other in (("left", "right"), ("right", "left")):
                if (spelling := _spelling(sides[side])) is not None:
                    for text in _texts(sides[other]):
                        yield from _wrong(text, spelling)
        elif operator == "like" and (spelling := _spelling(sides["left"])) is not None:
            yield from _pattern(sides["pattern"], spelling)
        yield from _found(sides)


def _entity(entity: Any) -> Iterator[Misspelt]:
    spelling = _TYPES.get(entity["type"])
    if spelling is not None:
        yield from _wrong(entity["id"], spelling, entity["type"] + "::")


def _spelling(node: Any) -> _Spelling | None:
    """How the attribute that this expression is, if it is one, is always spelled."""
    path = path_of(node)
    return _ATTRIBUTES.get(path[1]) if path is not None and len(path) == 2 and path[0] == "args" else None


def _texts(node: Any) -> Iterator[str]:
    if not isinstance(node, dict):
        return
    for each in node.get("Set", [node]):
        if isinstance(value := each.get("Value"), str):
            yield value


def _pattern(pattern: Any, spelling: _Spelling) -> Iterator[Misspelt]:
    """Only the case of a pattern is looked at: what its stars stand for may be anything."""
    text = "".join("*" if part == "Wildcard" else part["Literal"] for part in pattern)
    right = text.upper() if spelling.what == "method" else text.lower()
    if text != right:
        yield Misspelt(text, spelling.what, _hint(right, spelling))


def _wrong(text: str, spelling: _Spelling, before: str = "") -> Iterator[Misspelt]:
    if "*" in text and spelling is _HOST:
        yield Misspelt(
            text, spelling.what, f"a star is one only in a condition: context.args.host like {_quoted(text)}"
        )
    elif text and text != (right := spelling.right(text)):
        yield Misspelt(text, spelling.what, _hint(right, spelling, before))


def _hint(right: str, spelling: _Spelling, before: str = "") -> str:
    return f"write {before}{_quoted(right)}: {spelling.rule}" if right else spelling.rule


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
