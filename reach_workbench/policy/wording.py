"""JSON values in the few types that a policy can read: texts, sets of texts, whole numbers.

Nothing here raises, whatever it is given: a policy must be able to speak about every command.
"""

from __future__ import annotations

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.values import Json


def text(value: Json) -> str:
    """A text as it is, nothing for null, anything else as canonical JSON (RFC 8785).

    Half a surrogate pair, which no UTF-8 can hold, is written as `\\udXXX`.
    """
    if value is None:
        return ""
    written = value if isinstance(value, str) else json_text(value)
    return written if written.isascii() else written.encode("utf-8", "backslashreplace").decode()


def json_text(value: Json) -> str:
    """The value as canonical JSON; for what JSON can't carry, which the engine refuses to record, its type's name."""
    try:
        return canonical(value).decode()
    except (TypeError, ValueError, RecursionError):
        return f"⟦not JSON: {type(value).__name__}⟧"


def texts(values: Json) -> list[str]:
    """The different items of an array, or names of an object's members, as sorted texts; others are one item."""
    if values is None:
        return []
    if isinstance(values, (list, tuple, dict)):
        return sorted({text(value) for value in values})
    return [text(values)]


def member(value: Json, name: str) -> Json:
    """`value[name]`, null when the value is no object or has no such member."""
    return value.get(name) if isinstance(value, dict) else None
