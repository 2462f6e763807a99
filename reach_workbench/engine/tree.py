"""A parsed document: nodes that know where they were written, and places that know how they were reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from reach_workbench.engine.values import Json

Sort: TypeAlias = Literal["object", "array", "text", "number", "boolean", "null"]


class Node:
    """A JSON value with its position.

    `line` and `column` count from 1, `start` and `end` are offsets into the source. `keys` holds
    the position of each key of an object. `plain` is the value without positions; aliases of one
    anchor share their nodes. `size` and `letters` count the nodes and the characters in it with
    aliases expanded, `height` is how deep it nests (0 for a scalar).
    """

    __slots__ = ("column", "end", "height", "keys", "letters", "line", "plain", "size", "sort", "start", "value")

    def __init__(
        self,
        sort: Sort,
        value: str | int | float | bool | dict[str, Node] | list[Node] | None,
        line: int,
        column: int,
        *,
        start: int = 0,
        end: int = 0,
    ) -> None:
        self.sort: Sort = sort
        self.value = value
        self.line = line
        self.column = column
        self.start = start
        self.end = end
        self.keys: dict[str, tuple[int, int]] = {}
        self.plain: Json = value
        self.size = 1
        self.letters = len(value) if isinstance(value, str) else 1
        self.height = 0


class Place:
    """A node as reached on one way through the document.

    Reading is lenient: asking a node of another sort for members, items or text gives nothing.
    What is wrong with its form is for the grammar to say.
    """

    __slots__ = ("node", "parent", "step")

    def __init__(self, node: Node, parent: Place | None = None, step: str | int = "") -> None:
        self.node = node
        self.parent = parent
        self.step = step

    @property
    def pointer(self) -> str:
        """The JSON pointer (RFC 6901) of this place."""
        steps = []
        place = self
        while place.parent is not None:
            steps.append(pointer_step(place.step))
            place = place.parent
        return "".join(reversed(steps))

    @property
    def plain(self) -> Json:
        return self.node.plain

    @property
    def text(self) -> str | None:
        """The string at this place; None if it is none."""
        value = self.node.value
        return value if isinstance(value, str) else None

    def get(self, name: str) -> Place | None:
        """The member `name` of the object at this place; None if there is none."""
        value = self.node.value
        node = value.get(name) if isinstance(value, dict) else None
        return Place(node, self, name) if node is not None else None

    def dig(self, *names: str) -> Place | None:
        """The member of a member of …; None if there is none."""
        place: Place | None = self
        for name in names:
            place = place.get(name) if place is not None else None
        return place

    def text_of(self, name: str, default: str = "") -> str:
        """The string that is the member `name`, or the default."""
        place = self.get(name)
        text = place.text if place is not None else None
        return default if text is None else text

    def members(self) -> Iterator[tuple[str, Place]]:
        value = self.node.value
        if isinstance(value, dict):
            for name, node in value.items():
                yield name, Place(node, self, name)

    def items(self) -> Iterator[Place]:
        value = self.node.value
        if isinstance(value, list):
            for index, node in enumerate(value):
                yield Place(node, self, index)

    def named(self) -> Iterator[tuple[str, Place]]:
        """The entries of a list of objects that have one member each, such as a list of tasks."""
        for item in self.items():
            yield from item.members()

    def at(self, path: tuple[str | int, ...]) -> Place:
        """The place down `path`, as far as it leads."""
        place = self
        for step in path:
            value = place.node.value
            if isinstance(value, dict) and step in value:
                place = Place(value[str(step)], place, step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                place = Place(value[step], place, step)
            else:
                break
        return place


def pointer_step(step: str | int) -> str:
    """A name or an index as one step of a JSON pointer (RFC 6901, section 3)."""
    return "/" + str(step).replace("~", "~0").replace("/", "~1")


def plant(value: Json) -> Node:
    """The tree of a value that was never text; all its nodes are at line 1, column 1."""
    if isinstance(value, dict):
        members = {name: plant(part) for name, part in value.items()}
        node = Node("object", members, 1, 1)
        node.keys = dict.fromkeys(members, (1, 1))
    elif isinstance(value, list):
        node = Node("array", [plant(part) for part in value], 1, 1)
    elif isinstance(value, str):
        node = Node("text", value, 1, 1)
    elif isinstance(value, bool):
        node = Node("boolean", value, 1, 1)
    elif value is None:
        node = Node("null", None, 1, 1)
    else:
        node = Node("number", value, 1, 1)
    node.plain = value
    return node
