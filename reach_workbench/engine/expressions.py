"""From the text of a document to compiled expressions and templates (dsl.md, Runtime Expressions).

Only `${ … }` is an expression in strict mode; in loose mode every string is tried as one.
Evaluating is in `engine.evaluate`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from reach_workbench.engine import bounds, libjq, paths
from reach_workbench.engine.costs import FORMATS
from reach_workbench.engine.evaluate import InProcess, evaluate, holds
from reach_workbench.engine.jq_tokens import Token, UnreadableText, closing, tokens
from reach_workbench.engine.purity import MAX_TOKENS, Impure, may_bind, refuse_impure, secret_names, variable_names
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

__all__ = [
    "ExpressionSyntaxError",
    "InProcess",
    "compile_condition",
    "compile_expression",
    "compile_template",
    "compile_uri_template",
    "evaluate",
    "holds",
]

Interpolation: TypeAlias = Literal["whole", "embedded", "shell", "none"]

_SHELL_OPENS: Final = ' \t\r\n.$([{"'
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE_NAME: Final = re.compile(r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*")


class ExpressionSyntaxError(Exception):
    """An expression that can't be run.

    `offset` counts characters in the text it stands in, from 0; `path` leads to that text
    inside the template it was found in; `hint` says what to do next, or is empty.
    """

    def __init__(self, message: str, *, hint: str = "", offset: int = 0, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset
        self.path = path


def compile_expression(source: str, *, loose: bool = False) -> Expression:
    """Compile jq text that stands without `${ }`. Raises ExpressionSyntaxError."""
    compiled = _compiled(source, loose)
    if isinstance(compiled, ExpressionSyntaxError):
        raise ExpressionSyntaxError(compiled.message, hint=compiled.hint, offset=compiled.offset)
    return compiled


@lru_cache(maxsize=8192)
def _compiled(source: str, loose: bool) -> Expression | ExpressionSyntaxError:
    try:
        return _compile(source, loose)
    except ExpressionSyntaxError as wrong:
        return wrong


def _compile(source: str, loose: bool) -> Expression:
    try:
        found = tokens(source)
    except UnreadableText as wrong:
        raise ExpressionSyntaxError(wrong.message, offset=wrong.offset) from None
    if not found:
        raise ExpressionSyntaxError("the expression is empty", hint="write ${ . } for the data as it is")
    if len(found) > MAX_TOKENS:
        raise ExpressionSyntaxError(
            f"the expression has {len(found)} parts, more than {MAX_TOKENS}",
            hint="split it: let a `set` task keep a part of the result",
        )
    try:
        refuse_impure(found, source)
    except Impure as wrong:
        raise ExpressionSyntaxError(wrong.message, hint=wrong.hint, offset=wrong.offset) from None
    for token in found:
        if token.kind == "format" and token.text not in FORMATS:
            known = ", ".join(f"@{name}" for name in FORMATS)
            raise ExpressionSyntaxError(f"jq has no format @{token.text}", hint=f"known: {known}", offset=token.start)
    path = paths.parse(found)
    if path is not None:
        names = frozenset({path[0]} - {""})
    else:
        names = _check(found, source)
    return Expression(
        source=source if loose else source[found[0].start : found[-1].end],
        variables=names,
        secrets=secret_names(found),
        path=path,
        bounded=path is not None or bounds.limit(source) > 0,
        loose=loose,
    )


def _check(found: list[Token], source: str) -> frozenset[str]:
    """Let jq judge the text; the names of the variables it needs. Raises ExpressionSyntaxError."""
    text = _without_folding(found, source)
    needed = variable_names(found)
    if needed and may_bind(found):
        needed &= libjq.undefined_variables(text)
    try:
        libjq.check(text, sorted(needed))
    except libjq.Refused as wrong:
        offset = min(wrong.offset or 0, len(source))
        raise ExpressionSyntaxError(wrong.message, hint=_hint(wrong.message), offset=offset) from None
    return needed


def _without_folding(found: list[Token], source: str) -> str:
    """The text to be judged: jq works out `"x" * 1000000000` while compiling, so `*` gives way to `/`."""
    end = found[-1].end
    if not any(token.kind == "string-start" for token in found):
        return source[:end]
    letters = list(source[:end])
    for token in found:
        if token.kind == "operator" and token.text in ("*", "*="):
            letters[token.start] = "/"
    return "".join(letters)


def _hint(message: str) -> str:
    if "is not defined" in message:
        if message.startswith("$"):
            return "check the spelling of the variable"
        return "check the spelling; text stands in quotes, a property is written with a dot before it"
    if "more than" in message or "unexpected" in message:
        return "check brackets, quotes and commas; the language is jq 1.8"
    return ""


def compile_condition(text: str, *, loose: bool = False) -> Expression:
    """Compile a condition, written with or without `${ }`. Raises ExpressionSyntaxError."""
    inner = _whole(text)
    if inner is None:
        return compile_expression(text, loose=loose)
    return _at(inner[1], inner[0], loose)


def compile_template(value: Json, *, loose: bool = False, interpolate: Interpolation = "embedded") -> Template:
    """Compile a value with expressions in it; one without any is a Constant.

    `interpolate`: "whole" knows only strings that are one expression, "embedded" also
    expressions inside text, "shell" leaves `${NAME}` and the like inside text to the shell,
    "none" knows no expressions. Raises ExpressionSyntaxError with its `path`.
    """
    return _template(value, loose, interpolate, ())


def _template(value: Json, loose: bool, interpolate: Interpolation, path: tuple[str | int, ...]) -> Template:
    if interpolate == "none":
        return Constant(value)
    if isinstance(value, str):
        try:
            return _string(value, loose, interpolate)
        except ExpressionSyntaxError as wrong:
            raise ExpressionSyntaxError(wrong.message, hint=wrong.hint, offset=wrong.offset, path=path) from None
    if isinstance(value, dict):
        members = tuple((key, _template(part, loose, interpolate, (*path, key))) for key, part in value.items())
        if all(isinstance(part, Constant) for _, part in members):
            return Constant(value)
        return ObjectTemplate(members)
    if isinstance(value, list):
        items = tuple(_template(part, loose, interpolate, (*path, place)) for place, part in enumerate(value))
        if all(isinstance(part, Constant) for part in items):
            return Constant(value)
        return ArrayTemplate(items)
    return Constant(value)


def _string(text: str, loose: bool, interpolate: Interpolation) -> Template:
    if "${" not in text:
        if loose:
            compiled = _compiled(text, True)
            return compiled if isinstance(compiled, Expression) else Constant(text)
        return Constant(text)
    if not loose:
        return _interpolated(text, False, interpolate)
    try:
        return _interpolated(text, True, interpolate)
    except ExpressionSyntaxError:
        return Constant(text)


def _interpolated(text: str, loose: bool, interpolate: Interpolation) -> Template:
    if not (interpolate == "shell" and not _opens(text, text.find("${"))):
        inner = _whole(text)
        if inner is not None:
            return _at(inner[1], inner[0], loose)
    if interpolate == "whole":
        return Constant(text)
    parts: list[str | Expression] = []
    kept = 0
    place = text.find("${")
    while place != -1:
        if interpolate == "shell" and not _opens(text, place):
            place = text.find("${", place + 2)
            continue
        end = _end(text, place + 2)
        if place > kept:
            parts.append(text[kept:place])
        parts.append(_at(text[place + 2 : end], place + 2, loose))
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


def _at(source: str, offset: int, loose: bool) -> Expression:
    """Compile what stands at `offset` of a text."""
    try:
        return compile_expression(source, loose=loose)
    except ExpressionSyntaxError as wrong:
        raise ExpressionSyntaxError(wrong.message, hint=wrong.hint, offset=offset + wrong.offset) from None


def compile_uri_template(text: str, *, loose: bool = False) -> Template:
    """Compile a URI: an expression, text with expressions, or a template such as `/pets/{petId}` (RFC 6570, level 1).

    Raises ExpressionSyntaxError.
    """
    template = _string(text, loose, "embedded")
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
                mixed.append(compile_expression(f'.["{piece}"] | if . == null then "" else tostring | @uri end'))
            elif piece:
                mixed.append(piece)
    return Text(tuple(mixed))


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
