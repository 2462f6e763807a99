"""The form of an approval step, filled in on the terminal field by field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson

from reach_workbench.cli.terminal import Terminal, brief
from reach_workbench.engine.values import Json
from reach_workbench.ui.visible import visible

Ask = Callable[[str], Awaitable[str | None]]
"""Asks a question; None when nobody answers any more."""


def form_of(arguments: Json) -> Mapping[str, Any] | None:
    """The JSON Schema of what an approval step wants filled in, None when it wants nothing."""
    form = arguments.get("form") if isinstance(arguments, dict) else None
    return form if isinstance(form, dict) else None


async def filled_in(terminal: Terminal, form: Mapping[str, Any], ask: Ask) -> dict[str, Json] | None:
    """What was typed for each field; None when the questions came to an end before. The node says whether it fits."""
    answer: dict[str, Json] = {}
    required = form.get("required") or ()
    for name, field in _fields(form):
        while True:
            typed = await ask(f"{visible(name)}{_about(field, name in required)}: ")
            if typed is None:
                return None
            if not typed:
                if "default" in field:
                    answer[name] = field["default"]
                break
            try:
                answer[name] = typed if _is_text(field) else orjson.loads(typed)
                break
            except orjson.JSONDecodeError:
                terminal.say(f"that is no {field.get('type', 'JSON')}; a text needs double quotes here")
    return answer


def _fields(form: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    properties = form.get("properties")
    for name, field in (properties if isinstance(properties, dict) else {}).items():
        yield name, field if isinstance(field, dict) else {}


def _is_text(field: Mapping[str, Any]) -> bool:
    values = field.get("enum")
    return field.get("type") == "string" or (isinstance(values, list) and all(isinstance(each, str) for each in values))


def _about(field: Mapping[str, Any], required: bool) -> str:
    said = [visible(str(field[name])) for name in ("title", "description") if field.get(name)]
    if isinstance(field.get("enum"), list):
        said.append("one of " + ", ".join(brief(value) for value in field["enum"]))
    elif field.get("type"):
        said.append(visible(str(field["type"])))
    said.append(f"{brief(field['default'])} if empty" if "default" in field else "required" if required else "or empty")
    return f" ({'; '.join(said)})"
