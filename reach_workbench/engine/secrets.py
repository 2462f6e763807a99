"""Placeholders that stand for secrets wherever a run records something.

The engine never sees a secret's value. `$secrets` holds, for each secret the run was given,
its shape with every leaf replaced by a placeholder string. Expressions may move and
concatenate placeholders; adapters put the values in when they perform a command. What a
workflow records, prints or exports can therefore never hold a secret.
"""

from __future__ import annotations

import re
from typing import Final

from reach_workbench.engine.values import Json

PLACEHOLDER: Final = re.compile("⟦secret:([^⟧]*)⟧")
"""The name of the secret and the JSON pointer of the leaf inside it, e.g. `⟦secret:github/token⟧`."""


def shape(name: str, value: Json) -> Json:
    """A secret's value with each leaf replaced by its placeholder; objects and arrays keep their form."""
    if isinstance(value, dict):
        return {key: shape(f"{name}/{_escape(key)}", part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(f"{name}/{place}", part) for place, part in enumerate(value)]
    return f"⟦secret:{name}⟧"


def reveal(value: Json, secrets: dict[str, Json]) -> Json:
    """`value` with every placeholder replaced; a string that is one placeholder keeps the leaf's type.

    Raises KeyError when a placeholder names a secret that is not among `secrets`.
    """
    if isinstance(value, str):
        if "⟦secret:" not in value:
            return value
        whole = PLACEHOLDER.fullmatch(value)
        if whole:
            return _find(whole[1], secrets)
        return PLACEHOLDER.sub(lambda found: str(_find(found[1], secrets)), value)
    if isinstance(value, dict):
        return {key: reveal(part, secrets) for key, part in value.items()}
    if isinstance(value, list):
        return [reveal(part, secrets) for part in value]
    return value


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _find(path: str, secrets: dict[str, Json]) -> Json:
    name, *steps = path.split("/")
    value = secrets[name]
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value
