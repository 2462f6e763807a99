"""Expressions that are nothing but a path, such as `.a.b[0]` or `$context.user["first name"]`.

They are walked in Python: faster than libjq by far, and what they find is the very object
that was there, not a copy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import orjson

from reach_workbench.engine.jq_tokens import Token
from reach_workbench.engine.values import Json

Path: TypeAlias = tuple[str, tuple[str | int, ...]]
"""(root, steps): root is "" for `.`, else the variable's name."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_PLAIN_ESCAPES: Final = re.compile(r'(?:\\["\\/bfnrt]|[^\\"\x00-\x1f])*')


class NoStep(Exception):
    """The path leads into a value that can't be indexed that way: `found` by `step`."""

    def __init__(self, found: Json, step: str | int) -> None:
        super().__init__()
        self.found = found
        self.step = step


def parse(found: Sequence[Token]) -> Path | None:
    """The path that the tokens spell, or None when they are anything else."""
    if not found:
        return None
    steps: list[str | int] = []
    first = found[0]
    place = 1
    if first.kind == "variable":
        root = first.text
    elif first.kind == "field":
        root = ""
        steps.append(first.text)
    elif first.text == "." and first.kind == "operator":
        root = ""
        text = quoted(found, place)
        if text is not None:
            steps.append(text[0])
            place = text[1]
    else:
        return None
    while place < len(found):
        step = read_step(found, place)
        if step is None:
            return None
        steps.append(step[0])
        place = step[1]
    return root, tuple(steps)


def read_step(found: Sequence[Token], place: int) -> tuple[str | int, int] | None:
    """The step at `place` and the place after it: `.a`, `."a"`, `["a"]`, `[0]`, `[-1]`; a dot may precede a `[`."""
    token = found[place]
    if token.kind == "field":
        return token.text, place + 1
    if token.kind == "operator" and token.text == "." and place + 1 < len(found):
        text = quoted(found, place + 1)
        if text is not None:
            return text
        place += 1
        token = found[place]
    if token.kind != "open" or token.text != "[":
        return None
    text = quoted(found, place + 1)
    step: str | int
    if text is not None:
        step, place = text
    else:
        place += 1
        negative = found[place].kind == "operator" and found[place].text == "-"
        if negative:
            place += 1
        if found[place].kind != "number" or not _INDEX.fullmatch(found[place].text):
            return None
        step = -int(found[place].text) if negative else int(found[place].text)
        place += 1
    if place >= len(found) or found[place].kind != "close":
        return None
    return step, place + 1


def quoted(found: Sequence[Token], place: int) -> tuple[str, int] | None:
    """The text of the string literal at `place` and the place after it; None if it is not a plain one."""
    if place >= len(found) or found[place].kind != "string-start":
        return None
    following = found[place + 1]
    if following.kind == "string-end":
        return "", place + 2
    if following.kind != "text" or found[place + 2].kind != "string-end":
        return None
    text = following.text
    if "\\" not in text:
        return text, place + 3
    if not _PLAIN_ESCAPES.fullmatch(text):
        return None  # \u escapes, and what jq refuses, are left to jq
    return orjson.loads(f'"{text}"'), place + 3


def walk(value: Json, steps: Sequence[str | int]) -> Json:
    """Follow the steps as jq does: null leads to null, what is not there is null. Raises NoStep."""
    for step in steps:
        if isinstance(step, str):
            if isinstance(value, dict):
                value = value.get(step)
            elif value is not None:
                raise NoStep(value, step)
        elif isinstance(value, list):
            value = value[step] if -len(value) <= step < len(value) else None
        elif value is not None:
            raise NoStep(value, step)
    return value
