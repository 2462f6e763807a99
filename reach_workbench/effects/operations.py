"""Operations of an OpenAPI document in one form, whether it is Swagger 2.0 or OpenAPI 3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from reach_workbench.effects import content
from reach_workbench.effects.documents import Document
from reach_workbench.effects.parameters import Parameter
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")
_IGNORED: Final = frozenset({"accept", "content-type", "authorization"})
"""Header parameters that OpenAPI 3 says shall be ignored."""


@dataclass(frozen=True, slots=True)
class Body:
    """What an operation takes as its body. `media` is the content type to send it with.

    `name` is the parameter that holds it; `form` are the declared form fields of Swagger 2.0;
    `properties` names the fields its schema knows; `files` those sent as files; `structured`
    says that its schema is an object or array.
    """

    media: str | None
    required: bool = False
    name: str = "body"
    form: tuple[Parameter, ...] = ()
    properties: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    structured: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation to call: `method` in lower case, `server` the absolute URI its `path` is appended to."""

    name: str
    method: str
    server: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    accepts: tuple[str, ...]


def find(document: Document, name: str) -> Operation:
    """The operation with this operationId.

    Raises Fault `configuration`: code `unknown-operation` with the names that come close, or
    `bad-document`.
    """
    known: list[str] = []
    for written in _operations(document):
        found = written.operation.get("operationId")
        if found == name:
            return _operation(document, name, written)
        if isinstance(found, str):
            known.append(found)
    close = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(sorted(known)[:10])}"
    raise Fault(
        "configuration",
        f"the OpenAPI document {document.uri} has no operation {name!r}; {hint}",
        code="unknown-operation",
    )


class _Written(NamedTuple):
    """An operation as it stands in the document, and the path item it belongs to."""

    path: str
    item: dict[str, Json]
    method: str
    operation: dict[str, Json]


def _operations(document: Document) -> Iterator[_Written]:
    for path, declared in document.resolve(document.root.get("paths")).items():
        if not path.startswith("/"):
            continue
        item = document.resolve(declared)
        for method in METHODS:
            if method in item:
                yield _Written(path, item, method, document.resolve(item[method]))


def _operation(document: Document, name: str, written: _Written) -> Operation:
    path, item, method, operation = written
    declared: dict[tuple[str, str], dict[str, Json]] = {}
    for source in (item, operation):  # those of the operation win over those of its path
        for parameter in source.get("parameters") or []:
            resolved = document.resolve(parameter)
            declared[str(resolved.get("name")), str(resolved.get("in"))] = resolved
    plain = [found for found in declared.values() if found.get("in") not in ("body", "formData")]
    parameters = [Parameter.of(found) for found in plain]
    if not document.swagger:
        parameters = [each for each in parameters if each.place != "header" or each.name.lower() not in _IGNORED]
    taken = {(each.name, each.place) for each in parameters}
    parameters += [each for each in _keys(document, operation) if (each.name, each.place) not in taken]
    return Operation(
        name=name,
        method=method,
        server=_server(document, item, operation),
        path=path,
        parameters=tuple(parameters),
        body=_old_body(document, operation, list(declared.values()))
        if document.swagger
        else _body(document, operation),
        accepts=_accepts(document, operation),
    )


def _keys(document: Document, operation: dict[str, Json]) -> Iterator[Parameter]:
    """API keys that the operation's security asks for: they can be given as parameters."""
    components = document.root if document.swagger else document.resolve(document.root.get("components"))
    schemes = document.resolve(components.get("securityDefinitions" if document.swagger else "securitySchemes"))
    for requirement in operation.get("security", document.root.get("security")) or []:
        for scheme in requirement:
            declared = document.resolve(schemes.get(scheme))
            if declared.get("type") == "apiKey":
                yield Parameter.of({"name": declared.get("name"), "in": declared.get("in")})


def _server(document: Document, item: dict[str, Json], operation: dict[str, Json]) -> str:
    if document.swagger:
        return _old_server(document, operation)
    servers = operation.get("servers") or item.get("servers") or document.root.get("servers") or [{"url": "/"}]
    server = document.resolve(servers[0])
    variables = document.resolve(server.get("variables"))

    def default(found: re.Match[str]) -> str:
        return str(document.resolve(variables.get(found[1])).get("default", ""))

    return _absolute(document, urljoin(document.uri, _VARIABLE.sub(default, str(server.get("url", "/")))))


def _old_server(document: Document, operation: dict[str, Json]) -> str:
    found = urlsplit(document.uri)
    offered = [str(scheme) for scheme in operation.get("schemes") or document.root.get("schemes") or [found.scheme]]
    scheme = next((one for one in (found.scheme, "https", "http") if one in offered), offered[0])
    host = document.root.get("host") or found.netloc
    path = str(document.root.get("basePath") or "/")
    return _absolute(document, f"{scheme}://{host}/{path.lstrip('/')}" if host else "")


def _absolute(document: Document, server: str) -> str:
    if not server.startswith(("http://", "https://")):
        raise document.flawed("it names no http or https server, and was not fetched from one")
    return server.rstrip("/")


def _body(document: Document, operation: dict[str, Json]) -> Body | None:
    declared = document.resolve(operation.get("requestBody"))
    if not declared:
        return None
    offered = document.resolve(declared.get("content"))
    media = _preferred(list(offered))
    schema = document.resolve(document.resolve(offered.get(media or "")).get("schema"))
    properties = document.resolve(schema.get("properties"))
    files = {name for name, part in properties.items() if document.resolve(part).get("format") == "binary"}
    return Body(
        media=None if media is None or "*" in media else media,
        required=declared.get("required") is True,
        properties=frozenset(properties),
        files=frozenset(files),
        structured=bool(properties) or schema.get("type") in ("object", "array"),
    )


def _old_body(document: Document, operation: dict[str, Json], declared: list[dict[str, Json]]) -> Body | None:
    consumed = operation.get("consumes") or document.root.get("consumes") or []
    whole = next((each for each in declared if each.get("in") == "body"), None)
    if whole is not None:
        schema = document.resolve(whole.get("schema"))
        properties = document.resolve(schema.get("properties"))
        return Body(
            media=_preferred([str(each) for each in consumed]) or content.JSON,
            required=whole.get("required") is True,
            name=str(whole.get("name")),
            properties=frozenset(properties),
            structured=bool(properties) or schema.get("type") in ("object", "array"),
        )
    form = [each for each in declared if each.get("in") == "formData"]
    if not form:
        return None
    files = frozenset(str(each.get("name")) for each in form if each.get("type") == "file")
    parts = files or (content.MULTIPART in consumed and content.FORM not in consumed)
    fields = tuple(Parameter.of(each) for each in form)
    return Body(
        media=content.MULTIPART if parts else content.FORM,
        form=fields,
        properties=frozenset(each.name for each in fields),
        files=files,
    )


def _preferred(offered: list[str]) -> str | None:
    """The content type we can write best among those offered."""

    def rank(media: str) -> int:
        plain = content.media_type(media) or ""
        if plain == content.JSON:
            return 0
        if plain.endswith("+json"):
            return 1
        if plain in (content.FORM, content.MULTIPART):
            return 2
        if plain in ("*/*", "application/*"):
            return 3
        return 4

    return min(offered, key=rank, default=None)


def _accepts(document: Document, operation: dict[str, Json]) -> tuple[str, ...]:
    """The content types of its good answers, JSON first."""
    if document.swagger:
        offered = [str(each) for each in operation.get("produces") or document.root.get("produces") or []]
    else:
        offered = []
        for status, response in document.resolve(operation.get("responses")).items():
            if str(status).startswith("2") or status == "default":
                offered += document.resolve(document.resolve(response).get("content"))
    return tuple(sorted(dict.fromkeys(offered), key=lambda media: "json" not in media))
