"""Performs `openapi.call` (dsl-reference.md, OpenAPI Call)."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

import orjson

from reach_workbench.effects import content, http
from reach_workbench.effects.arguments import choice, endpoint, flag, mapping, revealed, text, wrong
from reach_workbench.effects.deadline import deadline
from reach_workbench.effects.documents import Documents
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.exchange import Headers
from reach_workbench.effects.operations import Body, Operation, find
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.effects.web import Web
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")
_MOST: Final = 1_000
"""Operations whose method is remembered."""


class OpenApiCalls:
    """Calls operations of Swagger 2.0 and OpenAPI 3.0 and 3.1 documents.

    `parameters` go by name to where the document wants them. The body is the parameter `body`
    (in Swagger 2.0 also by the name it has there), or an object of the parameters left over.
    """

    kinds: tuple[str, ...] = ("openapi.call",)

    def __init__(self, web: Web) -> None:
        self._web = web
        self._documents = Documents(web)
        self._methods: dict[tuple[str, str], str] = {}

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        """Raises Fault `validation` for missing or unknown parameters, and what http.call raises."""
        scrubber = Scrubber(surroundings.secrets)
        try:
            arguments = revealed(command, surroundings)
            name = text(arguments, "operationId")
            uri, policy = endpoint(mapping(arguments, "document"), where="document.")
            async with deadline(surroundings.limits, f"fetching {uri}"):
                document = await self._documents.load(uri, policy, surroundings, scrubber)
            operation = find(document, name)
            self._remember(command, operation)
            call = _call(operation, arguments)
            return await http.send(self._web, call, command, surroundings, scrubber)
        except Fault as fault:
            raise scrubber.fault(fault) from None

    def idempotent(self, command: Command) -> bool:
        """True only if this node has performed the operation before and knows its method to be idempotent."""
        return self._methods.get(_key(command), "").upper() in http.IDEMPOTENT

    async def close(self) -> None:
        """Nothing of its own to close: the connections belong to `Web`."""

    def _remember(self, command: Command, operation: Operation) -> None:
        if len(self._methods) >= _MOST:
            self._methods.clear()
        self._methods[_key(command)] = operation.method


def _key(command: Command) -> tuple[str, str]:
    arguments = command.arguments if isinstance(command.arguments, dict) else {}
    return orjson.dumps(arguments.get("document")).decode(), str(arguments.get("operationId"))


def _call(operation: Operation, arguments: dict[str, Json]) -> http.Call:
    given = {name: value for name, value in mapping(arguments, "parameters").items() if value is not None}
    used: set[str] = set()
    missing: list[str] = []
    path = operation.path
    query: list[str] = []
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    for parameter in operation.parameters:
        value = given.get(parameter.name)
        if value is None and parameter.required:
            value = parameter.default
        if value is None:
            if parameter.required:
                missing.append(parameter.name)
            continue
        used.add(parameter.name)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", parameter.segment(value))
        elif parameter.place == "query":
            query += parameter.pairs(value)
        elif parameter.place == "header":
            headers.append((parameter.name, parameter.header(value)))
        else:
            cookies += parameter.pairs(value)
    left = {name: value for name, value in given.items() if name not in used}
    body, content_type = None, None
    if operation.body is not None:
        body, content_type = _body(operation.body, left, missing)
    _check(operation, path, left, missing)
    if cookies:
        headers.append(("Cookie", "; ".join(cookies)))
    if operation.accepts:
        headers.append(("Accept", ", ".join(operation.accepts)))
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    return http.Call(
        method=operation.method,
        uri=operation.server + path + ("?" + "&".join(query) if query else ""),
        headers=_once(headers),
        body=body,
        policy=mapping(arguments, "authentication") or None,
        output=choice(arguments, "output", http.OUTPUTS, "content"),
        redirect=flag(arguments, "redirect", False),
    )


def _body(declared: Body, left: dict[str, Json], missing: list[str]) -> tuple[bytes | None, str | None]:
    """The body and its content type; takes what it uses out of `left` and notes what is `missing`."""
    value: Json = None
    for name in (declared.name, "body"):
        if name in left and name not in declared.properties:
            value = left.pop(name)
            break
    else:
        if declared.form:
            for field in declared.form:
                if field.name not in left and field.required:
                    missing.append(field.name)
            known = {field.name: field for field in declared.form}
            value = {
                name: known[name].header(part) if isinstance(part, list) and not known[name].explode else part
                for name, part in left.items()
                if name in known
            }
            for name in known:
                left.pop(name, None)
        elif left:
            value = dict(left)
            left.clear()
    if value is None or (declared.form and not value):
        if declared.required:
            missing.append(declared.name)
        return None, None
    media = content.media_type(declared.media)
    if isinstance(value, str) and not declared.structured and media is not None and media.endswith("json"):
        return orjson.dumps(value), declared.media
    if not isinstance(value, (str, dict)) and media in (content.FORM, content.MULTIPART):
        raise wrong("parameters.body", "an object of form fields", value)
    if not isinstance(value, str) and media and not media.endswith("json") and "form" not in media:
        raise Fault(
            "validation", f"the operation takes a body of {media}: give `parameters.body` as text", code="bad-argument"
        )
    return content.encode(value, declared.media, declared.files)


def _check(operation: Operation, path: str, left: dict[str, Json], missing: list[str]) -> None:
    missing = missing + [name for name in _VARIABLE.findall(path) if name not in missing]
    if missing:
        raise Fault(
            "validation",
            f"the operation {operation.name} needs the parameter{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            code="missing-parameter",
        )
    if left:
        known = [parameter.name for parameter in operation.parameters]
        known += sorted(operation.body.properties | {operation.body.name}) if operation.body else []
        name = next(iter(left))
        close = get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(known) or 'none'}"
        raise Fault(
            "validation", f"the operation {operation.name} has no parameter {name!r}; {hint}", code="unknown-parameter"
        )


def _once(headers: list[tuple[str, str]]) -> Headers:
    """Each header once; what the author gave as a parameter comes first and wins."""
    kept: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        kept.setdefault(name.lower(), (name, value))
    return tuple(kept.values())
