"""libjq's judgement of expressions: whether it compiles them, and which variables they need.

A compilation takes libjq most of a millisecond, whatever it compiles: it reads its own library
each time. So many expressions are judged in one, each in parentheses of its own, which it can't
leave: its brackets, strings and comments were found to pair up before (`jq_tokens`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import jq

from reach_workbench.engine.libjq import head

_ROUNDS: Final = 4
"""Compilations in which faulty expressions are taken out of a batch, before its rest is given up."""

_LEVELS: Final = 8
"""Functions inside each other whose own variables are looked for."""

_ERROR: Final = re.compile(r"^jq: error: ", re.M)
_UNDEFINED: Final = re.compile(r"^jq: error: \$([\w:]+) is not defined at <top-level>, line (\d+)", re.M)
_ERROR_AT: Final = re.compile(r"^jq: error: .* at <top-level>, line (\d+)", re.M)


class Refused(Exception):
    """libjq does not compile a text: `message` in jq's words, `offset` where (None: unknown)."""

    def __init__(self, message: str, offset: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def check(source: str, variables: Sequence[str]) -> None:
    """Let libjq compile `source`, which ends with no comment. Raises Refused."""
    try:
        jq.compile(f"{head(variables)}(\n{source}\n)")
    except ValueError as wrong:
        raise _refused(str(wrong), source) from None


def approved(sources: Sequence[str], variables: Sequence[str]) -> list[int]:
    """The places of those `sources` that `check` would let pass for sure; the others must be checked alone."""
    asked = list(range(len(sources)))
    for _ in range(_ROUNDS):
        program, starts = _joined([sources[place] for place in asked], variables)
        try:
            jq.compile(program)
        except ValueError as wrong:
            # After its first error the parser may have lost its way, so that an error is no proof of a fault.
            doubted = {bisect_right(starts, int(line)) - 1 for line in _ERROR_AT.findall(str(wrong))}
            left = [place for number, place in enumerate(asked) if number not in doubted]
            if not left or len(left) == len(asked):
                return []
            asked = left
        else:
            return asked
    return []


def undefined_variables(sources: Sequence[str]) -> list[frozenset[str]]:
    """The variables that each of `sources`, which libjq accepts, needs from outside, such as `secrets`.

    Of functions inside an expression libjq speaks only when all is well around them, so it is
    asked again with what it missed. What it still misses then has one name in many such functions.
    """
    needed: list[set[str]] = [set() for _ in sources]
    for _ in range(_LEVELS):
        bound = [" ".join(f"null as ${name} |" for name in sorted(names)) for names in needed]
        program, starts = _joined(sources, (), bound)
        try:
            jq.compile(program)
        except ValueError as wrong:
            text = str(wrong)
            found = _UNDEFINED.findall(text)
            if len(found) != len(_ERROR.findall(text)) and len(sources) > 1:
                return [undefined_variables([source])[0] for source in sources]
            for name, line in found:
                needed[bisect_right(starts, int(line)) - 1].add(name)
        else:
            break
    return [frozenset(names) for names in needed]


def _joined(sources: Sequence[str], variables: Sequence[str], before: Sequence[str] = ()) -> tuple[str, list[int]]:
    """A program that holds all the texts, and the line on which each begins, a line below the end of the last."""
    starts: list[int] = []
    line = 2
    for source in sources:
        starts.append(line)
        line += source.count("\n") + 2
    texts = zip(before or [""] * len(sources), sources, strict=True)
    return f"{head(variables)}[" + ",".join(f"({start}\n{source}\n)" for start, source in texts) + "]", starts


_JARGON: Final = {
    "IDENT": "a name",
    "FIELD": "a property",
    "BINDING": "a variable",
    "LITERAL": "a number",
    "FORMAT": "a format",
    "QQSTRING_START": "text in quotes",
    "QQSTRING_TEXT": "text in quotes",
    "QQSTRING_END": "the end of a text in quotes",
    "QQSTRING_INTERP_START": "`\\(`",
    "QQSTRING_INTERP_END": "`)`",
}
_PLACE: Final = re.compile(r" at <top-level>, line (\d+)(?:, column (\d+))?:?\s*$")


def _refused(text: str, source: str) -> Refused:
    """Read libjq's message; the expression starts on line 2 of what was compiled."""
    first = text.split("\n", 1)[0]
    message = first.removeprefix("jq: error: ")
    place = _PLACE.search(message)
    if place is None:
        return Refused(message, None)
    message = re.sub(r"\b[A-Z_]{5,}\b", lambda found: _JARGON.get(found[0], found[0]), message[: place.start()])
    line = int(place[1]) - 2
    lines = source.encode().split(b"\n")
    if not 0 <= line < len(lines):  # at the parenthesis put after the expression
        return Refused(message.replace("unexpected ')'", "unexpected end of the expression"), len(source))
    column = int(place[2] or 1) - 1
    before = b"\n".join(lines[:line]) + (b"\n" if line else b"") + lines[line][:column]
    return Refused(message, len(before.decode(errors="ignore")))
