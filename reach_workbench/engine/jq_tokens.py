"""jq's words: splits an expression the way jq's own lexer does (jq 1.8, `src/lexer.l`).

Needed to find where a `${ … }` ends, to tell names from text, and to judge an expression
before libjq sees it. A string with interpolation comes out as `string-start`, `text`,
`open` (`\\(`), the tokens inside, `close`, `string-end`.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

Kind = Literal[
    "name", "field", "variable", "number", "format", "operator", "open", "close", "string-start", "text", "string-end"
]


class Token(NamedTuple):
    """`text` is `source[start:end]`, without the dot of a field, the `$` of a variable, the `@` of a format."""

    kind: Kind
    text: str
    start: int
    end: int


class UnreadableText(Exception):
    """What follows `offset` is no jq."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


_CODE: Final = re.compile(
    r"""
      (?P<space>   [ \r\n\t]+ )
    | (?P<comment> \#(?:\\(?:\\|\r?\n)|(?!\r?\n)[^\n])* )
    | (?P<operator>\?//|//=|!=|==|//|\|=|\+=|-=|\*=|/=|%=|<=|>=|\.\.)
    | (?P<format>  @[a-zA-Z0-9_]+ )
    | (?P<number>  (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
    | (?P<quote>   " )
    | (?P<field>   \.[a-zA-Z_][a-zA-Z_0-9]* )
    | (?P<variable>\$(?:[a-zA-Z_][a-zA-Z_0-9]*::)*[a-zA-Z_][a-zA-Z_0-9]* )
    | (?P<name>    (?:[a-zA-Z_][a-zA-Z_0-9]*::)*[a-zA-Z_][a-zA-Z_0-9]* )
    | (?P<open>    [\[{(] )
    | (?P<close>   [\]})] )
    | (?P<single>  [.?=;,:|+\-*/%$<>] )
    """,
    re.VERBOSE | re.ASCII,
)
_STRING: Final = re.compile(
    r'(?P<interpolation>\\\()|(?P<quote>")|(?P<text>(?:\\[^u(]|\\u[a-zA-Z0-9]{0,4}|[^\\"]++)++)', re.S
)
_PARTNER: Final = {"(": ")", "\\(": ")", "[": "]", "{": "}"}


def tokens(source: str) -> list[Token]:
    """The tokens of `source`, whose brackets and strings all pair up. Raises UnreadableText."""
    return _scan(source, 0, False)[0]


def closing(source: str, start: int) -> int:
    """The offset of the `}` that ends the expression which begins at `start`. Raises UnreadableText."""
    _, end = _scan(source, start, True)
    if end is None:
        raise UnreadableText("the closing `}` is missing", start)
    return end


def _scan(source: str, start: int, until_brace: bool) -> tuple[list[Token], int | None]:
    found: list[Token] = []
    nesting: list[tuple[str, int]] = []
    place = start
    length = len(source)
    while place < length:
        if nesting and nesting[-1][0] == '"':
            match = _STRING.match(source, place)
            if match is None:
                raise UnreadableText("an escape in a string is not complete", place)
            place = match.end()
            if match.lastgroup == "text":
                found.append(Token("text", match[0], match.start(), place))
            elif match.lastgroup == "quote":
                nesting.pop()
                found.append(Token("string-end", '"', match.start(), place))
            else:
                nesting.append(("\\(", match.start()))
                found.append(Token("open", "\\(", match.start(), place))
            continue
        match = _CODE.match(source, place)
        if match is None:
            raise UnreadableText(f"jq has no such character: {source[place]!r}", place)
        group, text, begin = match.lastgroup, match[0], place
        place = match.end()
        if group in ("space", "comment"):
            continue
        if group == "open":
            nesting.append((text, begin))
            found.append(Token("open", text, begin, place))
        elif group == "close":
            if not nesting:
                if until_brace and text == "}":
                    return found, begin
                raise UnreadableText(f"`{text}` closes nothing", begin)
            opener, _ = nesting.pop()
            if _PARTNER[opener] != text:
                raise UnreadableText(f"`{text}` where `{_PARTNER[opener]}` is due", begin)
            found.append(Token("close", text, begin, place))
        elif group == "quote":
            nesting.append(('"', begin))
            found.append(Token("string-start", '"', begin, place))
        elif group == "field":
            found.append(Token("field", text[1:], begin, place))
        elif group == "variable":
            found.append(Token("variable", text[1:], begin, place))
        elif group in ("operator", "single"):
            found.append(Token("operator", text, begin, place))
        elif group == "name":
            found.append(Token("name", text, begin, place))
        elif group == "number":
            found.append(Token("number", text, begin, place))
        else:
            found.append(Token("format", text[1:], begin, place))
    if nesting:
        opener, begin = nesting[-1]
        what = "the string is not closed" if opener == '"' else f"`{opener}` is not closed"
        raise UnreadableText(what, begin)
    return found, None
