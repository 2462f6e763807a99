"""Values with runtime expressions in them, compiled.

A `Template` is evaluated with `evaluate(template, data, variables, evaluator)`: `data` is
what the expression sees as `.`, `variables` maps a name (without `$`) to its value, and is
asked only for names that the expression mentions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reach_workbench.engine.values import Json


@dataclass(frozen=True, slots=True)
class Expression:
    """A jq expression, without its `${ }`.

    `variables`: the names it mentions, without `$`. `secrets`: the top-level names it reads
    from `$secrets`. `path`: (root, steps) when it is nothing but a path such as `.a.b[0]` or
    `$context.user`: root is "" for `.` or the variable's name; such an expression is walked
    in Python and keeps the identity of the value it finds. `bounded`: it can neither loop nor
    blow up, so it may run in the caller's process. `loose`: a failing evaluation gives the
    text itself (dsl-reference.md, Evaluate).
    """

    source: str
    variables: frozenset[str]
    secrets: frozenset[str]
    path: tuple[str, tuple[str | int, ...]] | None
    bounded: bool
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    value: Json


@dataclass(frozen=True, slots=True)
class Text:
    """A string with expressions inside: strings are put in raw, other results as JSON."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class UriTemplate:
    """RFC 6570 level 1 (`{petId}`), expanded with the top-level properties of the data."""

    parts: tuple[str, ...]
    """Literal, name, literal, name, …, literal."""


@dataclass(frozen=True, slots=True)
class ObjectTemplate:
    members: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class ArrayTemplate:
    items: tuple[Template, ...]


Template: TypeAlias = Constant | Expression | Text | UriTemplate | ObjectTemplate | ArrayTemplate
