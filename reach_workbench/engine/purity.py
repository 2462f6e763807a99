"""What an expression may not use: jq's doors to the clock, the environment and its own process.

The same facts must give the same events on any machine, so those words are refused when a
document is compiled. Here too: which variables and secrets an expression mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from reach_workbench.engine.jq_tokens import Token
from reach_workbench.engine.paths import quoted

MAX_TOKENS: Final = 1_500
"""Words of one expression; jq takes quadratic time to compile a long one."""

_HALF: Final = re.compile("[\ud800-\udfff]")

_CLOCK: Final = "hand the moment in as data: $task.startedAt and $workflow.startedAt are recorded with the run"
_ENVIRONMENT: Final = "hand the value in as input, or as a secret with `--secret`"
_STREAM: Final = "an expression sees its data as `.` and as variables; there is no other input or output"
_LOCAL: Final = "the result would depend on the machine's time zone: use the variant for UTC (gmtime, strftime)"
_PROCESS: Final = "to fail on purpose use error(…) or a `raise` task"
_LIBRARY: Final = "define functions in the expression itself with `def`"

_REFUSED: Final = {
    "now": _CLOCK,
    "localtime": _LOCAL,
    "strflocaltime": _LOCAL,
    "env": _ENVIRONMENT,
    "input": _STREAM,
    "inputs": _STREAM,
    "debug": _STREAM,
    "stderr": _STREAM,
    "input_filename": _STREAM,
    "input_line_number": _STREAM,
    "halt": _PROCESS,
    "halt_error": _PROCESS,
    "import": _LIBRARY,
    "include": _LIBRARY,
    "module": _LIBRARY,
    "modulemeta": _LIBRARY,
    "get_search_list": _LIBRARY,
    "get_prog_origin": _LIBRARY,
    "get_jq_origin": _LIBRARY,
}


class Impure(Exception):
    """A word that is refused, at `offset`."""

    def __init__(self, message: str, hint: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset


def refuse_impure(found: Sequence[Token], source: str) -> None:
    """Raise Impure if an expression uses, or defines anew, a word of the outside world."""
    if "\0" in source:
        raise Impure("the expression holds a NUL character", "remove it", source.index("\0"))
    half = _HALF.search(source)
    if half is not None:
        raise Impure("the expression holds half a surrogate pair", "write the character itself", half.start())
    for token in calls(found):
        if token.text in _REFUSED:
            raise Impure(f"`{token.text}` is not available in a workflow", _REFUSED[token.text], token.start)
    for token in found:
        if token.kind == "variable" and (token.text == "ENV" or token.text.startswith("__")):
            hint = _ENVIRONMENT if token.text == "ENV" else "names that begin with two underscores are jq's own"
            raise Impure(f"`${token.text}` is not available in a workflow", hint, token.start)


def calls(found: Sequence[Token]) -> Iterator[Token]:
    """The names that are words of the language or calls, not keys of objects or patterns."""
    nesting: list[str] = []
    for place, token in enumerate(found):
        if token.kind in ("open", "string-start"):
            nesting.append(token.text)
        elif token.kind in ("close", "string-end"):
            while nesting and nesting.pop() == "if":
                pass
        elif token.kind == "name" and not _is_key(found, place, nesting):
            if token.text == "if":
                nesting.append("if")
            elif token.text == "end" and nesting and nesting[-1] == "if":
                nesting.pop()
            yield token


def _is_key(found: Sequence[Token], place: int, nesting: list[str]) -> bool:
    if not nesting or nesting[-1] != "{" or place + 1 >= len(found):
        return False
    before, after = found[place - 1], found[place + 1]
    return (
        before.kind in ("open", "operator")
        and before.text in ("{", ",")
        and after.kind in ("close", "operator")
        and after.text in (":", ",", "}")
    )


def variable_names(found: Sequence[Token]) -> frozenset[str]:
    """The variables that an expression mentions, wherever they get their value."""
    return frozenset(
        token.text
        for place, token in enumerate(found)
        if token.kind == "variable" and not (place and found[place - 1].text in ("label", "break"))
    )


def may_bind(found: Sequence[Token]) -> bool:
    """Whether an expression may give a variable a value itself."""
    return any(token.kind == "name" and token.text in ("as", "def") for token in found)


def bound_names(found: Sequence[Token]) -> frozenset[str]:
    """The variables that an expression may give a value itself, and perhaps some more; labels are not among them."""
    bound: set[str] = set()
    in_pattern = False
    for token in found:
        if token.kind == "name" and token.text in ("as", "def"):
            in_pattern = True
        elif token.kind == "operator" and token.text in ("|", ";"):
            in_pattern = False
        elif in_pattern and token.kind == "variable":
            bound.add(token.text)
    return frozenset(bound)


def secret_names(found: Sequence[Token]) -> frozenset[str]:
    """The top-level names read from `$secrets`; one that is computed is not among them."""
    names: set[str] = set()
    for place, token in enumerate(found):
        if token.kind != "variable" or token.text != "secrets" or place + 1 >= len(found):
            continue
        following = found[place + 1]
        if following.kind == "field":
            names.add(following.text)
            continue
        after = place + 1
        if following.kind == "operator" and following.text == ".":
            after += 1
        if after < len(found) and found[after].text == "[" and found[after].kind == "open":
            after += 1
        text = quoted(found, after) if after > place + 1 else None
        if text is not None:
            names.add(text[0])
    return frozenset(names)
