"""The command line of a shell, as far as it can be told without running it."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = r"""(?:\\.|"[^"]*"|'[^']*'|[^\s;&|<>()"'\\])"""
_WORD: Final = re.compile(f"{_PART}+", re.DOTALL)
_LEADING: Final = re.compile(rf"(?:\s|#[^\n]*(?:\n|\Z)|[A-Za-z_][A-Za-z0-9_]*={_PART}*(?=\s))*", re.DOTALL)
"""Blanks, comments and assignments to variables (POSIX.1-2017, Shell Command Language, 2.9.1)."""

_QUOTING: Final = re.compile(r"""\\(.)|["']""", re.DOTALL)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*(?:[ \t]+[A-Za-z0-9_./:@%+,=-]+)*")


def program(line: str) -> str:
    """The first word of the line that is no assignment, without its quotes; empty when there is none.

    It says how the line begins, not all that it does: `true; rm -r .` is the program `true`. Only
    with `plain` is it the one program that the line runs.
    """
    start = _LEADING.match(line)
    found = _WORD.match(line, start.end() if start else 0)
    return _QUOTING.sub(lambda mark: mark[1] or "", found[0]) if found else ""


def plain(line: str) -> bool:
    """Whether the line is nothing but one program and its words: no quotes, variables, pipes or second command."""
    words = line.strip(" \t\n")
    return _PLAIN.fullmatch(words) is not None and "=" not in words.split(maxsplit=1)[0]
