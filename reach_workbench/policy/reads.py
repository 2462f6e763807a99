"""What a policy reads of the context, found in its JSON form (https://docs.cedarpolicy.com/policies/json-format.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from reach_workbench.engine.values import Json

Path = tuple[str, ...]


class Reads(NamedTuple):
    """`values` are the paths whose values matter, `names` those that are only asked for with `has`.

    `whole` is true when the context, or a record in it, is used in a way that no path describes.
    """

    values: frozenset[Path]
    names: frozenset[Path]
    whole: bool

    @classmethod
    def of_all(cls, every: Iterable[Reads]) -> Reads:
        values: set[Path] = set()
        names: set[Path] = set()
        whole = False
        for each in every:
            values |= each.values
            names |= each.names
            whole = whole or each.whole
        return cls(frozenset(values), frozenset(names), whole)


_RECORDS = ((), ("args",), ("run",))


def reads_of(policy: dict[str, Json]) -> Reads:
    """What the conditions of a policy read."""
    values: set[Path] = set()
    names: set[Path] = set()
    for kind, path in _found(policy.get("conditions", [])):
        (values if kind == "." else names).add(path)
    return Reads(frozenset(values), frozenset(names), any(path in _RECORDS for path in values))


def _found(node: Any) -> Iterator[tuple[str, Path]]:
    if isinstance(node, list):
        for part in node:
            yield from _found(part)
        return
    if not isinstance(node, dict) or node.keys() == {"Value"}:
        return
    path = _path(node)
    if path is not None:
        yield ".", path
        return
    asked = node.get("has")
    if node.keys() == {"has"} and isinstance(asked, dict) and asked.keys() == {"left", "attr"}:
        path = _path(asked["left"])
        if path is not None:
            yield "has", (*path, asked["attr"])
            return
    for part in node.values():
        yield from _found(part)


def _path(node: Any) -> Path | None:
    """The path of an expression that is nothing but attributes of the context."""
    names: list[str] = []
    while isinstance(node, dict) and node.keys() == {"."} and node["."].keys() == {"left", "attr"}:
        names.append(node["."]["attr"])
        node = node["."]["left"]
    return tuple(reversed(names)) if node == {"Var": "context"} else None
