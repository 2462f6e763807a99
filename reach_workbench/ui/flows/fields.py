"""A form's fields from a JSON Schema, and the JSON value from what was typed. Pure but for the schema's own check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Json: TypeAlias = Any
"""A JSON value."""

Kind = Literal["string", "integer", "number", "boolean", "enum", "json"]


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object. `options` are the values of an enum."""

    name: str
    kind: Kind
    required: bool = False
    default: Json = None
    description: str = ""
    options: tuple[Json, ...] = ()

    @property
    def hint(self) -> str:
        """What is wanted, in a few words."""
        parts: list[str] = ["JSON" if self.kind == "json" else self.kind]
        if self.default is not None:
            parts.append(f"default {json.dumps(self.default, ensure_ascii=False)}")
        parts.append("required" if self.required else "may be left empty")
        return ", ".join(parts)


_PLAIN: Final[dict[str, Kind]] = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}


def fields(schema: Json) -> tuple[Field, ...] | None:
    """A field for each property of an object's schema; None when the schema is not that of a flat form."""
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        return None
    wanted = schema.get("type", "object")
    if wanted != "object" and not (isinstance(wanted, list) and "object" in wanted):
        return None
    required = schema.get("required", [])
    return tuple(_field(name, part, name in required) for name, part in schema["properties"].items())


def _field(name: str, part: Json, required: bool) -> Field:
    if not isinstance(part, dict):
        return Field(name, "json", required)
    kinds = part.get("type")
    names = [kinds] if isinstance(kinds, str) else list(kinds) if isinstance(kinds, list) else []
    kept = [each for each in names if each != "null"]
    kind: Kind = _PLAIN.get(kept[0], "json") if len(kept) == 1 else "json"
    options = part.get("enum")
    if isinstance(options, list) and options:
        kind = "enum"
    return Field(
        name=name,
        kind=kind,
        required=required,
        default=part.get("default"),
        description=str(part.get("description") or part.get("title") or ""),
        options=tuple(options) if kind == "enum" and isinstance(options, list) else (),
    )


def written(field: Field, value: Json) -> str:
    """A value as the form shows it."""
    if value is None:
        return ""
    return value if field.kind == "string" and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parsed(field: Field, text: str) -> Json:
    """The value that a text stands for. Raises ValueError with words for the person."""
    if field.kind == "string":
        return text
    try:
        value = json.loads(text)
    except ValueError as wrong:
        raise ValueError(f"{field.name}: {_wanted(field)}") from wrong
    if field.kind == "integer" and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"{field.name}: a whole number is wanted")
    if field.kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{field.name}: a number is wanted")
    return value


def _wanted(field: Field) -> str:
    return {"integer": "a whole number is wanted", "number": "a number is wanted"}.get(field.kind, "this is not JSON")


def value_of(form: tuple[Field, ...], texts: Mapping[str, str]) -> dict[str, Json]:
    """The object that the form stands for; what is empty is left out. Raises ValueError."""
    value = {}
    for field in form:
        text = texts.get(field.name, "")
        if text != "":
            value[field.name] = parsed(field, text)
        elif field.required:
            raise ValueError(f"{field.name}: is required")
    return value


def objection(schema: Json, value: Json) -> str | None:
    """Why a value does not fit its schema, or None. A schema that is no schema objects to nothing: the node will."""
    if schema is None:
        return None
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(schema)
        error = next(iter(validator.iter_errors(value)), None)
    except (ValueError, TypeError, jsonschema_rs.ReferencingError):
        return None
    if error is None:
        return None
    where = "/".join(str(step) for step in error.instance_path)
    return f"{where}: {error.message}" if where else error.message
