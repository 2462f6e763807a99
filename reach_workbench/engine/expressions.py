"""From jq text to compiled expressions (dsl.md, Runtime Expressions).

Texts with expressions in them are compiled in `engine.expression_texts`, many expressions at
once in `engine.expression_survey`, evaluated in `engine.evaluate`.
"""

from __future__ import annotations

from typing import NamedTuple

from reach_workbench.engine import bounds, jq_check, paths
from reach_workbench.engine.costs import FORMATS
from reach_workbench.engine.jq_tokens import Token, UnreadableText, tokens
from reach_workbench.engine.jq_words import unknown_call
from reach_workbench.engine.purity import MAX_TOKENS, Impure, may_bind, refuse_impure, secret_names, variable_names
from reach_workbench.engine.templates import Expression


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


class Reading(NamedTuple):
    """An expression as far as it can be read without libjq: `path` if it is nothing but one."""

    source: str
    tokens: list[Token]
    path: paths.Path | None

    @property
    def unknown(self) -> Token | None:
        """A call of a function that nobody defines, so that libjq will refuse the expression."""
        return unknown_call(self.tokens) if self.path is None else None

    @property
    def judged(self) -> str:
        """What libjq is to judge: it works out `"x" * 1000000000` while compiling, so `*` gives way to `/`."""
        end = self.tokens[-1].end
        if not any(token.kind == "string-start" for token in self.tokens):
            return self.source[:end]
        letters = list(self.source[:end])
        for token in self.tokens:
            if token.kind == "operator" and token.text in ("*", "*="):
                letters[token.start] = "/"
        return "".join(letters)


def compile_expression(source: str, *, loose: bool = False) -> Expression:
    """Compile jq text that stands without `${ }`. Raises ExpressionSyntaxError."""
    reading = read(source)
    if loose and (unknown := reading.unknown) is not None:  # as in most texts that are none
        message = f"{unknown.text} is not defined"
        raise ExpressionSyntaxError(message, hint=_hint(message), offset=unknown.start)
    needed = frozenset({reading.path[0]} - {""}) if reading.path is not None else needed_variables(reading)
    return finish(reading, needed, loose=loose)


def read(source: str) -> Reading:
    """Judge all of an expression but its grammar. Raises ExpressionSyntaxError."""
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
    return Reading(source, found, path)


def needed_variables(reading: Reading) -> frozenset[str]:
    """Let jq judge the grammar; the names of the variables an expression needs. Raises ExpressionSyntaxError."""
    text = reading.judged
    mentioned = variable_names(reading.tokens)
    try:
        jq_check.check(text, sorted(mentioned))
    except jq_check.Refused as wrong:
        offset = min(wrong.offset or 0, len(reading.source))
        raise ExpressionSyntaxError(wrong.message, hint=_hint(wrong.message), offset=offset) from None
    if mentioned and may_bind(reading.tokens):
        return mentioned & jq_check.undefined_variables([text])[0]
    return mentioned


def finish(reading: Reading, needed: frozenset[str], *, loose: bool) -> Expression:
    """The expression that was read and found right."""
    source, found = reading.source, reading.tokens
    return Expression(
        source=source if loose else source[found[0].start : found[-1].end],
        variables=needed,
        secrets=secret_names(found),
        path=reading.path,
        bounded=reading.path is not None or bounds.limit(source) > 0,
        loose=loose,
    )


def _hint(message: str) -> str:
    if "is not defined" in message:
        if message.startswith("$"):
            return "check the spelling of the variable"
        return "check the spelling; text stands in quotes, a property is written with a dot before it"
    if "more than" in message or "unexpected" in message:
        return "check brackets, quotes and commas; the language is jq 1.8"
    return ""
