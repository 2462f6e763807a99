"""Parameters of OpenAPI operations and how each style writes a value (OpenAPI 3.1, Style Values)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import orjson

from reach_workbench.effects.arguments import word
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_DELIMITERS: Final = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
_COLLECTIONS: Final = {
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
"""The collection formats of Swagger 2.0 as styles; tabs have no style in OpenAPI 3."""

_PLACES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple", "formData": "form"}
"""The default style of each place."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter. `json` means its value is sent as JSON text, whatever the style."""

    name: str
    place: str
    required: bool = False
    style: str = "form"
    explode: bool = False
    reserved: bool = False
    json: bool = False
    default: Json = None

    @classmethod
    def of(cls, declared: dict[str, Json]) -> Parameter:
        """From a parameter object of OpenAPI 3, or of Swagger 2.0 if it is not a body."""
        name, place = str(declared.get("name")), str(declared.get("in"))
        if place not in _PLACES:
            raise Fault("configuration", f"the parameter {name} is in {place}, which is unknown", code="bad-document")
        schema = declared.get("schema")
        default = declared.get("default", schema.get("default") if isinstance(schema, dict) else None)
        required = place == "path" or declared.get("required") is True
        if "collectionFormat" in declared or "type" in declared:
            style, explode = _COLLECTIONS.get(declared.get("collectionFormat", "csv"), ("form", False))
            if place in ("path", "header"):
                style = "simple" if style == "form" else style
            return cls(name, place, required, style, explode, default=default)
        style = str(declared.get("style", _PLACES[place]))
        explode = declared.get("explode", style == "form") is True
        content = declared.get("content")
        json = isinstance(content, dict) and any("json" in media for media in content)
        return cls(name, place, required, style, explode, declared.get("allowReserved") is True, json, default)

    def pairs(self, value: Json) -> list[str]:
        """The value as encoded `name=value` parts of a query string."""
        name = quote(self.name, safe="[]")
        if self.json:
            return [f"{name}={self._encoded(orjson.dumps(value).decode())}"]
        if self.style == "deepObject" and isinstance(value, dict):
            return list(self._deep(name, value))
        if isinstance(value, list):
            if self.explode:
                return [f"{name}={self._encoded(item)}" for item in value]
            return [f"{name}={self._delimiter().join(map(self._encoded, value))}"]
        if isinstance(value, dict):
            if self.explode:
                return [f"{quote(key, safe='')}={self._encoded(item)}" for key, item in value.items()]
            return [f"{name}={self._delimiter().join(self._flat(value))}"]
        return [f"{name}={self._encoded(value)}"]

    def segment(self, value: Json) -> str:
        """The value as encoded text of a path: the styles simple, label and matrix."""
        if self.json:
            return self._encoded(orjson.dumps(value).decode())
        if self.style == "label":
            return "." + self._items(value, "." if self.explode else ",")
        if self.style != "matrix":
            return self._items(value, "," if self.style == "simple" else self._delimiter())
        name = quote(self.name, safe="")
        if self.explode and isinstance(value, list):
            return "".join(f";{name}={self._encoded(item)}" for item in value)
        if self.explode and isinstance(value, dict):
            return ";" + self._items(value, ";")
        return f";{name}={self._items(value, ',')}"

    def header(self, value: Json) -> str:
        """The value as text of a header or form field, with nothing percent-encoded."""
        if self.json:
            return orjson.dumps(value).decode()
        delimiter = {"spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}.get(self.style, ",")
        if isinstance(value, list):
            return delimiter.join(map(word, value))
        if isinstance(value, dict):
            joint = "=" if self.explode else ","
            return ",".join(f"{key}{joint}{word(item)}" for key, item in value.items())
        return word(value)

    def _items(self, value: Json, delimiter: str) -> str:
        if isinstance(value, list):
            return delimiter.join(map(self._encoded, value))
        if isinstance(value, dict):
            if self.explode:
                return delimiter.join(f"{quote(key, safe='')}={self._encoded(item)}" for key, item in value.items())
            return delimiter.join(self._flat(value))
        return self._encoded(value)

    def _flat(self, value: dict[str, Json]) -> list[str]:
        return [part for key, item in value.items() for part in (quote(key, safe=""), self._encoded(item))]

    def _deep(self, name: str, value: Json) -> list[str]:
        if isinstance(value, dict):
            return [part for key, item in value.items() for part in self._deep(f"{name}[{quote(key, safe='')}]", item)]
        if isinstance(value, list):
            return [part for item in value for part in self._deep(name, item)]
        return [f"{name}={self._encoded(value)}"]

    def _delimiter(self) -> str:
        return _DELIMITERS.get(self.style, ",")

    def _encoded(self, value: Json) -> str:
        # Reserved characters may stay where the document allows them, but not those that would end the value.
        return quote(word(value), safe=":/?[]@!$'()*,;=" if self.reserved else "")
