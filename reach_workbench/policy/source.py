"""A policy file in its statements and tokens, so that a flaw can be told by its place: Cedar's parser gives none."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|//[^\n\r]*)|"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[=!<>]=|&&|\|\||::|(?P<other>.)""",
    re.DOTALL,
)
"""Cedar's tokens (https://docs.cedarpolicy.com/policies/syntax-grammar.html), blanks and comments included."""

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class Token(NamedTuple):
    start: int
    end: int
    text: str


class Statement(NamedTuple):
    """The tokens of one policy with its annotations, the semicolon included if there is one."""

    tokens: tuple[Token, ...]
    text: str

    @property
    def start(self) -> int:
        return self.tokens[0].start

    def first(self, count: int) -> str:
        """The text up to and with the token of that number, counted from 1."""
        return self.text[: self.tokens[count - 1].end - self.start]

    def place_of(self, name: str) -> Token | None:
        """The first token that is this word, text or sign."""
        return next((token for token in self.tokens if token.text == name), None)


class Source:
    """One file. `unfinished` is where a text begins that never ends: what follows it is no statement."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.unfinished: int | None = None
        self._lines = [0, *(end.end() for end in _LINE_END.finditer(text))]
        self.statements: tuple[Statement, ...] = tuple(self._split())

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, counted from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _split(self) -> list[Statement]:
        statements: list[Statement] = []
        tokens: list[Token] = []
        for found in _TOKEN.finditer(self.text):
            if found["blank"]:
                continue
            if found["other"] == '"':
                self.unfinished = found.start()
                return statements
            tokens.append(Token(found.start(), found.end(), found[0]))
            if found["other"] == ";":
                statements.append(self._statement(tokens))
                tokens = []
        if tokens:
            statements.append(self._statement(tokens))
        return statements

    def _statement(self, tokens: list[Token]) -> Statement:
        return Statement(tuple(tokens), self.text[tokens[0].start : tokens[-1].end])
