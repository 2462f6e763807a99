"""What a policy's conditions read, found in its JSON form (https://docs.cedarpolicy.com/policies/json-format.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from reach_workbench.engine.values import Json

Path = tuple[str, ...]


class Reads(NamedTuple):
    """`values` are paths of the context whose values matter, `names` those that are only asked for with `has`.

    `whole` is true when the context, or a record in it, is used in a way that no path describes;
    `variables` are those of principal, action and resource that are used at all.
    """

    values: frozenset[Path]
    names: frozenset[Path]
    whole: bool
    variables: frozenset[str]

    @classmethod
    def of_all(cls, every: Iterable[Reads]) -> Reads:
        each = tuple(every)
        return cls(
            frozenset().union(*(reads.values for reads in each)),
            frozenset().union(*(reads.names for reads in each)),
            any(reads.whole for reads in each),
            frozenset().union(*(reads.variables for reads in each)),
        )


_RECORDS = ((), ("args",), ("run",))


def reads_of(policy: dict[str, Json]) -> Reads:
    """What the conditions of a policy read; its head is another matter (see `scope`)."""
    found = list(_found(policy.get("conditions", [])))
    values = frozenset(path for kind, path in found if kind == ".")
    return Reads(
        values,
        frozenset(path for kind, path in found if kind == "has"),
        any(path in _RECORDS for path in values),
        frozenset(path[0] for kind, path in found if kind == "variable"),
    )


def _found(node: Any) -> Iterator[tuple[Literal[".", "has", "variable"], Path]]:
    if isinstance(node, list):
        for part in node:
            yield from _found(part)
        return
    if not isinstance(node, dict) or node.keys() == {"Value"}:
        return
    variable = node.get("Var")
    if isinstance(variable, str) and variable != "context":
        yield "variable", (variable,)
        return
    path = path_of(node)
    if path is not None:
        yield ".", path
        return
    asked = node.get("has")
    if node.keys() == {"has"} and isinstance(asked, dict) and asked.keys() == {"left", "attr"}:
        path = path_of(asked["left"])
        if path is not None:
            yield "has", (*path, asked["attr"])
            return
    for part in node.values():
        yield from _found(part)


def path_of(node: Any) -> Path | None:
    """The path of an expression that is nothing but attributes of the context."""
    names: list[str] = []
    while isinstance(node, dict) and node.keys() == {"."} and node["."].keys() == {"left", "attr"}:
        names.append(node["."]["attr"])
        node = node["."]["left"]
    return tuple(reversed(names)) if node == {"Var": "context"} else None
