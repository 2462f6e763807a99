"""OpenAPI documents: fetched, parsed, kept, and their local references followed."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import orjson

from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.effects.web import Web, local_path
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_MOST: Final = 64
"""Documents kept; the one not used for longest goes first."""

_HOPS: Final = 32


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed Swagger 2.0 or OpenAPI 3 document. `uri` is where it was found."""

    uri: str
    root: dict[str, Json]

    @property
    def swagger(self) -> bool:
        return "swagger" in self.root

    def resolve(self, value: Json) -> dict[str, Json]:
        """The object that `value` is or refers to through local `$ref`s, however many; empty for None.

        Raises Fault `configuration` for a reference to another document, to nothing or in a circle.
        """
        for _ in range(_HOPS):
            if value is None:
                return {}
            if not isinstance(value, dict):
                raise self.flawed("an object is expected where there is none")
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        raise self.flawed(f"the reference {reference} goes in a circle")

    def flawed(self, flaw: str) -> Fault:
        return Fault("configuration", f"the OpenAPI document {self.uri} can't be used: {flaw}", code="bad-document")

    def _at(self, reference: str) -> Json:
        if not reference.startswith("#"):
            raise self.flawed(
                f"it refers to another document ({reference}), and only references within it are followed; bundle it"
            )
        value: Json = self.root
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            else:
                raise self.flawed(f"nothing is at {reference}")
        return value


class Documents:
    """Documents by URI and credentials, kept as long as the node lives; a file is read again when it changed."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._kept: dict[str, Document] = {}

    async def load(
        self, uri: str, policy: dict[str, Json] | None, surroundings: Surroundings, scrubber: Scrubber
    ) -> Document:
        """Raises Fault `configuration` for what is not an OpenAPI document, and what `Web.fetch` raises."""
        key = _key(uri, policy, surroundings)
        document = self._kept.pop(key, None)
        if document is None:
            found = await self._web.fetch(uri, policy, surroundings, scrubber)
            root = await asyncio.to_thread(_parsed, found.text(), found.uri)
            document = Document(found.uri, root)
        self._kept[key] = document
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        return document


def _key(uri: str, policy: dict[str, Json] | None, surroundings: Surroundings) -> str:
    state: list[Json] = [uri, policy]
    if not uri.lower().startswith(("http:", "https:")):
        path = local_path(uri, surroundings.base)
        try:
            status = path.stat()
            state = [str(path.absolute()), status.st_mtime_ns, status.st_size]
        except OSError:
            state = [str(path)]  # reading it will say what is wrong
    return hashlib.sha256(orjson.dumps(state, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _parsed(written: str, uri: str) -> dict[str, Json]:
    try:
        root = orjson.loads(written)
    except orjson.JSONDecodeError:
        root = _yaml(written, uri)
    version = str(root.get("openapi") or root.get("swagger")) if isinstance(root, dict) else ""
    if not (version.startswith("3.") or version == "2.0"):
        raise Fault(
            "configuration",
            f"{uri} is not an OpenAPI document: it must say `openapi: 3.…` or `swagger: '2.0'`",
            code="bad-document",
        )
    assert isinstance(root, dict)
    return root


def _yaml(written: str, uri: str) -> Json:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(written)
    except (YAMLError, ValueError, RecursionError) as broken:
        reason = " ".join(str(broken).split())[:300]
        raise Fault("configuration", f"{uri} is neither JSON nor YAML: {reason}", code="bad-document") from None
