"""The body of a call task (dsl-reference.md, Call)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reach_workbench.engine.compile_access import authentication, described, endpoint
from reach_workbench.engine.compile_data import duration
from reach_workbench.engine.compile_events import foreach
from reach_workbench.engine.compile_functions import call_function
from reach_workbench.engine.compile_scope import Ground
from reach_workbench.engine.compile_session import Names, Session, Site, fold
from reach_workbench.engine.grammar_tasks import BUILT_IN_CALLS
from reach_workbench.engine.program import Call, CallFunction, Unsupported
from reach_workbench.engine.templates import Template
from reach_workbench.engine.tree import Place, plant

_COMMANDS: Final = {"http": "http.call", "openapi": "openapi.call"}


def call(site: Site) -> Call | CallFunction | Unsupported:
    session, task, place, reference, ground = site.session, site.task, site.place, site.reference, site.ground
    name, arguments = place.text or "", task.get("with")
    if name not in BUILT_IN_CALLS:
        return call_function(session, place, arguments, ground)
    given = _arguments(session, arguments or Place(plant({})), site.names)
    if name in _COMMANDS:
        return Call(_COMMANDS[name], given)
    subscription = arguments.get("subscription") if arguments is not None else None
    if name == "asyncapi" and subscription is not None:
        _subscription(session, subscription, f"{reference}/with/subscription", ground)
    return Unsupported(f"call: {name}")


def _arguments(session: Session, place: Place, names: Names) -> Template:
    """The whole `with`, with references to authentication policies put in."""
    members: list[tuple[str, Template]] = []
    for name, member in place.members():
        builder = _SPECIAL.get(name) if member.node.sort in ("object", "text") else None
        if builder is not None:
            members.append((name, builder(session, member, names)))
        elif name != "subscription":
            members.append((name, session.template(member, names)))
    return fold(members)


def _service(session: Session, place: Place, names: Names) -> Template:
    return fold(
        [
            (name, (authentication if name == "authentication" else Session.template)(session, member, names))
            for name, member in place.members()
        ]
    )


def _transport(session: Session, place: Place, names: Names) -> Template:
    if (http := place.get("http")) is not None and (address := http.get("endpoint")) is not None:
        endpoint(session, address, names)
    return session.template(place, names)


_SPECIAL: Final[dict[str, Callable[[Session, Place, Names], Template]]] = {
    "endpoint": endpoint,
    "server": lambda session, place, names: (endpoint if place.text or place.get("uri") else Session.template)(
        session, place, names
    ),
    "authentication": authentication,
    "document": described,
    "proto": described,
    "agentCard": described,
    "service": _service,
    "transport": _transport,
}
"""The arguments that are more than values with expressions; a name means the same in all calls."""


def _subscription(session: Session, place: Place, reference: str, ground: Ground) -> None:
    session.condition(place.get("filter"), ground.definition)
    for name in ("while", "until"):
        session.condition(place.dig("consume", name), ground.definition)
    duration(session, place.dig("consume", "for"), ground.definition)
    iterator = place.get("foreach")
    if iterator is not None:
        foreach(session, iterator, f"{reference}/foreach", ground)
