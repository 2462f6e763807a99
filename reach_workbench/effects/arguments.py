"""Reading a command's arguments: secrets put in, shapes checked, scalars written as text."""

from __future__ import annotations

import orjson

from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import reveal
from reach_workbench.engine.values import Json


def revealed(command: Command, surroundings: Surroundings) -> dict[str, Json]:
    """The command's arguments with the values of secrets put in: never record or log what this returns.

    Raises Fault `configuration` when a secret was not given to the run.
    """
    arguments = command.arguments
    try:
        arguments = reveal(arguments, surroundings.secrets)
    except (KeyError, IndexError, TypeError, ValueError) as missing:
        raise Fault(
            "configuration",
            f"the secret {missing} is used here but was not given to this run",
            code="secret-missing",
        ) from None
    if not isinstance(arguments, dict):
        raise wrong("arguments", "an object", arguments)
    return arguments


def wrong(name: str, wanted: str, given: Json) -> Fault:
    """The fault for an argument of the wrong shape; it tells the type of what was given, never the value."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return Fault(
        "validation",
        f"`{name}` must be {wanted}, not {kinds.get(type(given), 'a number')}",
        code="bad-argument",
    )


def text(holder: dict[str, Json], name: str, where: str = "") -> str:
    """The string `holder[name]`; `where` is the path before `name` in messages."""
    value = holder.get(name)
    if not isinstance(value, str):
        raise wrong(where + name, "a string", value)
    return value


def optional_text(holder: dict[str, Json], name: str, where: str = "") -> str | None:
    return None if holder.get(name) is None else text(holder, name, where)


def mapping(holder: dict[str, Json], name: str, where: str = "") -> dict[str, Json]:
    """The object `holder[name]`, empty when it is absent or null."""
    value = holder.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(where + name, "an object", value)
    return value


def texts(holder: dict[str, Json], name: str, where: str = "") -> list[str]:
    """The array of strings `holder[name]`, empty when it is absent or null."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong(where + name, "an array of strings", value)
    return value


def flag(holder: dict[str, Json], name: str, default: bool, where: str = "") -> bool:
    value = holder.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong(where + name, "a boolean", value)
    return value


def choice(holder: dict[str, Json], name: str, options: tuple[str, ...], default: str, where: str = "") -> str:
    """One of `options`, `default` when absent or null."""
    value = holder.get(name)
    if value is None:
        return default
    if value not in options:
        raise Fault(
            "validation", f"`{where}{name}` must be one of: {', '.join(options)}; not {value!r}", code="bad-argument"
        )
    return str(value)


def endpoint(holder: dict[str, Json], name: str = "endpoint", where: str = "") -> tuple[str, dict[str, Json] | None]:
    """The URI and the authentication policy of an endpoint (dsl-reference.md, Endpoint), a bare URI allowed."""
    value = holder.get(name)
    if isinstance(value, str):
        return value, None
    if not isinstance(value, dict):
        raise wrong(where + name, "a URI or an object with `uri`", value)
    path = f"{where}{name}."
    return text(value, "uri", path), mapping(value, "authentication", path) or None


def word(value: Json) -> str:
    """A JSON value as the text of a header, a query parameter, an argument or a variable.

    Strings stay as they are, null is empty, whole numbers have no fraction; objects and arrays
    become compact JSON.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return orjson.dumps(value).decode()
