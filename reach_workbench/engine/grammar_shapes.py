"""The vocabulary of the grammar tables: what a value of a document may look like.

A shape is immutable data; `engine.grammar` walks a document and the shapes side by side. They
are named tuples because a dozen dataclasses would take 5 ms to define in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from reach_workbench.engine.findings import Findings
from reach_workbench.engine.tree import Place


class Flaw(NamedTuple):
    """What is wrong with a text; see `Diagnostic` for the parts."""

    code: str
    message: str
    hint: str = ""


class Text(NamedTuple):
    """A string: one of `choices` if there are any, and without a flaw that `test` finds.

    `expression`: it must be a `${ }` expression. `computed`: it may be one, and is then not
    tested. In loose mode any text is an expression.
    """

    says: str = "text"
    choices: tuple[str, ...] = ()
    test: Callable[[str], Flaw | None] | None = None
    expression: bool = False
    computed: bool = False


class Whole(NamedTuple):
    """An integer between `least` and `most`."""

    least: int | None = None
    most: int | None = None


class Truth(NamedTuple):
    """true or false."""


class Anything(NamedTuple):
    """Any JSON value."""


class Table(NamedTuple):
    """An object with names of the author's own, at least `least` of them."""

    values: Shape
    least: int = 0


class Series(NamedTuple):
    """A list with at least `least` items."""

    items: Shape
    least: int = 0


class Named(NamedTuple):
    """A list of objects with one member each, whose key is the name of a `noun`."""

    noun: str
    item: Shape
    least: int = 0


class Either(NamedTuple):
    """The first of `options` that takes a value of the sort at hand."""

    says: str
    options: tuple[Shape, ...]


class OneOf(NamedTuple):
    """Of `names`, at least `least` and at most `most` are given (None: as many as you like)."""

    names: tuple[str, ...]
    least: int = 1
    most: int | None = 1


class Instead(NamedTuple):
    """Either `name` alone is given, or all of `of`, perhaps with others."""

    name: str
    of: tuple[str, ...]


class Needs(NamedTuple):
    """Where `name` is given (and is `value`, if one is named), `other` is needed as well."""

    name: str
    other: str
    value: str | None = None
    code: str = "missing-property"


class OnlyWith(NamedTuple):
    """`name` makes sense only where `other` is `value`."""

    name: str
    other: str
    value: str


Rule: TypeAlias = OneOf | Instead | Needs | OnlyWith


class Record(NamedTuple):
    """An object with known properties. `says` names it in messages.

    `others`: whether unknown properties are refused, allowed, or allowed with a warning.
    """

    says: str
    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    others: Literal["refuse", "warn", "allow"] = "refuse"


class Chosen(NamedTuple):
    """An object whose shape depends on what it holds; None after reporting that nothing fits."""

    choose: Callable[[Place, Findings], Record | None]


Shape: TypeAlias = Text | Whole | Truth | Anything | Table | Series | Named | Either | Record | Chosen
