"""Placeholders that stand for secrets wherever a run records something.

The engine never sees a secret's value. `$secrets` holds, for each secret the run was given,
its shape with every leaf replaced by a placeholder string. Expressions may move and
concatenate placeholders; adapters put the values in when they perform a command. What a
workflow records, prints or exports can therefore never hold a secret.
"""

from __future__ import annotations

import re
from typing import Final

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.values import Json

PLACEHOLDER: Final = re.compile("⟦secret:([^⟧]*)⟧")
"""The name of the secret and the JSON pointer of the leaf inside it, e.g. `⟦secret:github/token⟧`.

Beside the pointer's own escapes (RFC 6901) `~2` stands for the closing bracket.
"""

_FEIGNED: Final = re.compile(r"⟦(?=secret:|\\)|\\u27[eE]6")
"""What would be taken for a placeholder, or become one once the text is read as JSON."""

_ESCAPES: Final = {"~": "~0", "/": "~1", "⟧": "~2"}
_ESCAPED: Final = re.compile("~[012]")
_PLAIN: Final = {escape: letter for letter, escape in _ESCAPES.items()}


def shape(name: str, value: Json) -> Json:
    """A secret's value with each leaf replaced by its placeholder; objects and arrays keep their form."""
    return _shape(_escape(name), value)


def _shape(path: str, value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _shape(f"{path}/{_escape(key)}", part) for key, part in value.items()}
    if isinstance(value, list):
        return [_shape(f"{path}/{place}", part) for place, part in enumerate(value)]
    return f"⟦secret:{path}⟧"


def defuse(value: Json) -> Json:
    """A value from outside, in which nothing can be taken for a placeholder: it would be given the secret.

    A space is put behind the bracket, so that it can still be read.
    """
    if isinstance(value, str):
        return _FEIGNED.sub(r"\g<0> ", value) if "⟦" in value or "\\u27" in value else value
    if isinstance(value, dict):
        return {defuse(key): defuse(part) for key, part in value.items()}
    if isinstance(value, list):
        return [defuse(part) for part in value]
    return value


def reveal(value: Json, secrets: dict[str, Json]) -> Json:
    """`value` with every placeholder replaced, in the names of members too.

    A string that is one placeholder takes the leaf's type; inside other text a leaf that is
    no string stands as JSON. Raises KeyError when a placeholder names nothing in `secrets`.
    """
    if isinstance(value, str):
        if "⟦secret:" not in value:
            return value
        whole = PLACEHOLDER.fullmatch(value)
        if whole:
            return _find(whole[1], secrets)
        return PLACEHOLDER.sub(lambda found: _text(_find(found[1], secrets)), value)
    if isinstance(value, dict):
        return {_text(reveal(key, secrets)): reveal(part, secrets) for key, part in value.items()}
    if isinstance(value, list):
        return [reveal(part, secrets) for part in value]
    return value


def _text(leaf: Json) -> str:
    return leaf if isinstance(leaf, str) else canonical(leaf).decode()


def _escape(key: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in key)


def _find(path: str, secrets: dict[str, Json]) -> Json:
    value: Json = secrets
    for step in path.split("/"):
        key = _ESCAPED.sub(lambda found: _PLAIN[found[0]], step)
        if isinstance(value, dict):
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise KeyError(key)
    return value
