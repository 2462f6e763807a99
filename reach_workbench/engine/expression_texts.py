"""Texts with expressions in them: conditions, templates, URIs (dsl.md, Runtime Expressions).

Only `${ … }` is an expression in strict mode; in loose mode every string is tried as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression
from reach_workbench.engine.jq_tokens import UnreadableText, closing
from reach_workbench.engine.templates import (
    ArrayTemplate,
    Constant,
    Expression,
    ObjectTemplate,
    Template,
    Text,
    UriTemplate,
)
from reach_workbench.engine.values import Json

Interpolation: TypeAlias = Literal["whole", "embedded", "shell", "none"]


class ExpressionCompiler(Protocol):
    """`compile_expression`, or one that has looked at the whole document before."""

    def __call__(self, source: str, *, loose: bool = False) -> Expression: ...


_SHELL_OPENS: Final = ' \t\r\n.$([{"'
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE_NAME: Final = re.compile(r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*")


def compile_condition(
    text: str, *, loose: bool = False, compiler: ExpressionCompiler = compile_expression
) -> Expression:
    """Compile a condition, written with or without `${ }`. Raises ExpressionSyntaxError."""
    inner = _whole(text)
    if inner is None:
        return compiler(text, loose=loose)
    return _at(inner[1], inner[0], _How(loose, compiler))


def compile_template(
    value: Json,
    *,
    loose: bool = False,
    interpolate: Interpolation = "embedded",
    compiler: ExpressionCompiler = compile_expression,
) -> Template:
    """Compile a value with expressions in it; one without any is a Constant.

    `interpolate`: "whole" knows only strings that are one expression, "embedded" also
    expressions inside text, "shell" leaves `${NAME}` and the like inside text to the shell,
    "none" knows no expressions. Raises ExpressionSyntaxError with its `path`.
    """
    return _template(value, _How(loose, compiler, interpolate), ())


def compile_uri_template(
    text: str, *, loose: bool = False, compiler: ExpressionCompiler = compile_expression
) -> Template:
    """Compile a URI: an expression, text with expressions, or a template such as `/pets/{petId}` (RFC 6570, level 1).

    Raises ExpressionSyntaxError.
    """
    template = _string(text, _How(loose, compiler))
    if isinstance(template, Expression):
        return template
    if isinstance(template, Constant):
        parts = _variables(text, 0)
        return UriTemplate(tuple(parts)) if len(parts) > 1 else template
    assert isinstance(template, Text)
    mixed: list[str | Expression] = []
    for part in template.parts:
        if isinstance(part, Expression):
            mixed.append(part)
            continue
        for place, piece in enumerate(_variables(part, text.find(part))):
            if place % 2:
                mixed.append(_expansion(piece))
            elif piece:
                mixed.append(piece)
    return Text(tuple(mixed))


def sources_in(text: str) -> Iterator[str]:
    """The expressions in a text that may be one `${ … }` or have some inside; none after one that never ends."""
    place = text.find("${")
    while place != -1:
        try:
            end = closing(text, place + 2)
        except UnreadableText:
            return
        yield text[place + 2 : end]
        place = text.find("${", end + 1)


class _How(NamedTuple):
    """How texts are to be compiled."""

    loose: bool
    compiler: ExpressionCompiler
    interpolate: Interpolation = "embedded"


def _template(value: Json, how: _How, path: tuple[str | int, ...]) -> Template:
    if how.interpolate == "none":
        return Constant(value)
    if isinstance(value, str):
        try:
            return _string(value, how)
        except ExpressionSyntaxError as wrong:
            raise ExpressionSyntaxError(wrong.message, hint=wrong.hint, offset=wrong.offset, path=path) from None
    if isinstance(value, dict):
        members = tuple((key, _template(part, how, (*path, key))) for key, part in value.items())
        if all(isinstance(part, Constant) for _, part in members):
            return Constant(value)
        return ObjectTemplate(members)
    if isinstance(value, list):
        items = tuple(_template(part, how, (*path, place)) for place, part in enumerate(value))
        if all(isinstance(part, Constant) for part in items):
            return Constant(value)
        return ArrayTemplate(items)
    return Constant(value)


def _string(text: str, how: _How) -> Template:
    if "${" not in text and not how.loose:
        return Constant(text)
    try:
        return _interpolated(text, how) if "${" in text else how.compiler(text, loose=True)
    except ExpressionSyntaxError:
        if how.loose:
            return Constant(text)
        raise


def _interpolated(text: str, how: _How) -> Template:
    shell = how.interpolate == "shell"
    if not (shell and not _opens(text, text.find("${"))):
        inner = _whole(text)
        if inner is not None:
            return _at(inner[1], inner[0], how)
    if how.interpolate == "whole":
        return Constant(text)
    parts: list[str | Expression] = []
    kept = 0
    place = text.find("${")
    while place != -1:
        if shell and not _opens(text, place):
            place = text.find("${", place + 2)
            continue
        end = _end(text, place + 2)
        if place > kept:
            parts.append(text[kept:place])
        parts.append(_at(text[place + 2 : end], place + 2, how))
        kept = end + 1
        place = text.find("${", kept)
    if not parts:
        return Constant(text)
    if kept < len(text):
        parts.append(text[kept:])
    return Text(tuple(parts))


def _opens(text: str, place: int) -> bool:
    return text[place + 2 : place + 3] != "" and text[place + 2] in _SHELL_OPENS


def _whole(text: str) -> tuple[int, str] | None:
    """The inside of a string that is one `${ … }`, and where it begins; None for any other string."""
    start = len(text) - len(text.lstrip())
    if not text.startswith("${", start):
        return None
    end = _end(text, start + 2)
    return (start + 2, text[start + 2 : end]) if not text[end + 1 :].strip() else None


def _end(text: str, start: int) -> int:
    try:
        return closing(text, start)
    except UnreadableText as wrong:
        raise ExpressionSyntaxError(
            wrong.message,
            offset=wrong.offset,
            hint='an expression is written ${ … }; for the characters themselves write ${ "${" }',
        ) from None


def _at(source: str, offset: int, how: _How) -> Expression:
    """Compile what stands at `offset` of a text."""
    try:
        return how.compiler(source, loose=how.loose)
    except ExpressionSyntaxError as wrong:
        raise ExpressionSyntaxError(wrong.message, hint=wrong.hint, offset=offset + wrong.offset) from None


def _expansion(name: str) -> Expression:
    """What a variable of a URI template expands to; its name needs no quoting (`_VARIABLE_NAME`)."""
    source = f'.["{name}"] | if . == null then "" else tostring | @uri end'
    return Expression(source, frozenset(), frozenset(), None, bounded=True)


def _variables(text: str, offset: int) -> list[str]:
    parts: list[str] = []
    kept = 0
    for found in _VARIABLE.finditer(text):
        name = found[1]
        if not _VARIABLE_NAME.fullmatch(name):
            raise ExpressionSyntaxError(
                f"`{found[0]}` is no simple URI template variable",
                hint="only {name} is understood (RFC 6570, level 1); for more use an expression: ${ … }",
                offset=offset + found.start(),
            )
        parts += [text[kept : found.start()], name]
        kept = found.end()
    parts.append(text[kept:])
    return parts
