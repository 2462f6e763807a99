"""Calls of functions: of the document's own, of catalogs, by URL (dsl.md, Catalogs and Custom Functions)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import orjson

from reach_workbench.engine import bounds, compile_approve
from reach_workbench.engine.compile_access import endpoint
from reach_workbench.engine.compile_scope import Ground
from reach_workbench.engine.compile_session import Names, Session, fold
from reach_workbench.engine.grammar import guess
from reach_workbench.engine.program import Call, CallFunction, Resource, Task
from reach_workbench.engine.templates import Constant, Expression, ObjectTemplate, Template, Text, UriTemplate
from reach_workbench.engine.tree import Place, pointer_step

_CATALOGED: Final = r"(?P<name>[^:@/\s]+):(?P<version>[^:@/\s]+)@(?P<catalog>[^@/\s]+)"
_URL: Final = r"(?:https?|file)://\S+|[^\s:]+\.(?:yaml|yml|json)"
"""A URL, or the path of a file relative to the document."""


def call_function(session: Session, place: Place, arguments: Place | None, ground: Ground) -> Call | CallFunction:
    """The call of the function that the text at `place` names; reports one that is not known."""
    name = place.text or ""
    given = session.template(arguments, ground.definition) if arguments is not None else None
    if (definition := session.declared("functions", name)) is not None:
        return CallFunction(name, given, _own(session, name, definition, place, ground), None)
    if re.fullmatch(_URL, name):
        return CallFunction(name, given, None, Resource(None, Constant({"uri": name})))
    found = re.fullmatch(_CATALOGED, name)
    if found is None:
        _unknown(session, place, name)
        return CallFunction(name, given, None, None)
    function, version, catalog = found.group("name", "version", "catalog")
    described = session.declared("catalogs", catalog)
    if described is None and catalog == "python":
        return _python(f"{function}:{version}", given)
    if (
        described is None
        and catalog == "default"
        and (function, version) == (compile_approve.NAME, compile_approve.VERSION)
    ):
        return compile_approve.approve(session, arguments, given, place)
    if described is None and catalog == "default":
        uri = f"catalog:default/{function}/{version}"
        return CallFunction(f"{function}:{version}@default", given, None, Resource(None, Constant({"uri": uri})))
    title = f"{function}:{version}@{catalog}"
    if described is None:
        known = [*(name for name, _ in _members(session, "catalogs")), "default", "python"]
        message = f"no catalog {catalog!r} is defined under use.catalogs"
        session.findings.error(place, "unknown-catalog", message, guess(catalog, known))
        return CallFunction(title, given, None, None)
    root = described.get("endpoint")
    path = f"/functions/{function}/{version}/function.yaml"
    where = _below(session, root, path, ground.definition) if root is not None else Constant({})
    return CallFunction(title, given, None, Resource(None, where))


def _own(session: Session, name: str, definition: Place, place: Place, ground: Ground) -> Task | None:
    if name in session.calling:
        way = " → ".join([*session.calling[session.calling.index(name) :], name])
        hint = "use a loop, or run a workflow instead"
        session.findings.error(place, "recursive-function", f"the function {name!r} calls itself: {way}", hint)
        return None
    return own_function(session, name, definition, extended=ground.extended)


def own_function(session: Session, name: str, definition: Place, *, extended: bool) -> Task:
    """The function `name` of the document. It sees none of its caller's variables, so one task serves all callers."""
    key = (name, extended)
    if key not in session.functions:
        session.calling.append(name)
        reference = "/use/functions" + pointer_step(name)
        session.functions[key] = session.task(session, definition, reference, Ground(extended=extended))
        session.calling.pop()
    return session.functions[key]


def _python(function: str, given: Template | None) -> Call:
    """A Python function registered with the node. Whether it is there is no part of the program, so that a
    history compiles to the same one on a machine that has no such function."""
    members: list[tuple[str, Template]] = [("function", Constant(function))]
    if given is not None:
        members.append(("arguments", given))
    return Call("function.call", fold(members))


def _unknown(session: Session, place: Place, name: str) -> None:
    if not name:
        return
    known = [each for each, _ in _members(session, "functions")]
    hint = guess(name, [*known, "http", "openapi", "grpc", "asyncapi", "a2a", "mcp"])
    if not hint.startswith("did"):
        hint = "define it under use.functions, or write NAME:VERSION@CATALOG, a URL or a file such as ./greet.yaml"
    session.findings.error(place, "unknown-function", f"there is no function {name!r}", hint)


def _members(session: Session, group: str) -> list[tuple[str, Place]]:
    place = session.use.get(group)
    return list(place.members()) if place is not None else []


def _below(session: Session, root: Place, path: str, names: Names) -> Template:
    """The endpoint of what lies below the root of a catalog."""
    template = endpoint(session, root, names)
    if isinstance(template, Constant):
        return Constant({**template.value, "uri": _joined(str(template.value.get("uri", "")), path)})
    assert isinstance(template, ObjectTemplate)
    return ObjectTemplate(
        tuple((name, _extended(member, path) if name == "uri" else member) for name, member in template.members)
    )


def _joined(root: str, path: str) -> str:
    return root.rstrip("/") + path


def _extended(uri: Template, path: str) -> Template:
    if isinstance(uri, Constant):
        return Constant(_joined(str(uri.value), path))
    if isinstance(uri, UriTemplate):
        return UriTemplate((*uri.parts[:-1], _joined(uri.parts[-1], path)))
    if isinstance(uri, Expression):
        written = orjson.dumps(path).decode()  # a backslash before `(` comes out as two: no interpolation
        source = f'((\n{uri.source}\n) | tostring | rtrimstr("/")) + {written}'
        return replace(uri, source=source, path=None, bounded=bounds.limit(source) > 0, loose=False)
    assert isinstance(uri, Text)
    last = uri.parts[-1]
    if isinstance(last, str):
        return Text((*uri.parts[:-1], _joined(last, path)))
    return Text((*uri.parts, path))
