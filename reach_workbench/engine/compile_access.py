"""Endpoints, external resources and the authentication they need (dsl-reference.md, Authentication)."""

from __future__ import annotations

import re
from typing import Final

import orjson

from reach_workbench.engine.compile_session import Names, Session, fold
from reach_workbench.engine.expressions import compile_expression
from reach_workbench.engine.grammar_values import SCHEMES
from reach_workbench.engine.program import Resource
from reach_workbench.engine.templates import Constant, Template
from reach_workbench.engine.tree import Place

_PLAIN: Final = r"[A-Za-z_][A-Za-z0-9_]*"


def resource(session: Session, place: Place | None, names: Names) -> Resource | None:
    """An external resource, whose endpoint gives {uri, authentication?}."""
    endpoint_place = place.get("endpoint") if place is not None else None
    if place is None or endpoint_place is None:
        return None
    return Resource(place.text_of("name") or None, endpoint(session, endpoint_place, names))


def described(session: Session, place: Place, names: Names) -> Template:
    """An external resource as an argument: {name?, endpoint: {uri, authentication?}}."""
    members: list[tuple[str, Template]] = []
    for name, member in place.members():
        if name == "endpoint":
            members.append((name, endpoint(session, member, names)))
        else:
            members.append((name, session.template(member, names)))
    return fold(members)


def endpoint(session: Session, place: Place, names: Names) -> Template:
    """An endpoint, or the URI of one, as {uri, authentication?}."""
    if place.text is not None:
        return fold([("uri", session.uri(place, names))])
    members: list[tuple[str, Template]] = []
    if (uri := place.get("uri")) is not None:
        members.append(("uri", session.uri(uri, names)))
    if (policy := place.get("authentication")) is not None:
        members.append(("authentication", authentication(session, policy, names)))
    return fold(members)


def authentication(session: Session, place: Place, names: Names) -> Template:
    """An authentication policy with its references put in: {SCHEME: {…}}.

    A scheme that uses a secret becomes an expression that gives the secret's value.
    """
    reference = place if place.text is not None else place.get("use")
    if reference is not None:
        found = session.lookup(reference, "authentications", "authentication")
        return policy(session, found, names) if found is not None else Constant({})
    return policy(session, place, names)


def policy(session: Session, place: Place, names: Names) -> Template:
    """A policy that refers to no other one, as those under `use.authentications`."""
    members: list[tuple[str, Template]] = []
    for scheme, settings in place.members():
        secret = settings.get("use")
        if scheme not in SCHEMES:
            continue
        if secret is not None and secret.text:
            session.secret(secret, secret.text)
            members.append((scheme, compile_expression(secret_path(secret.text))))
        else:
            members.append((scheme, _settings(session, settings, names)))
    return fold(members)


def _settings(session: Session, place: Place, names: Names) -> Template:
    members: list[tuple[str, Template]] = []
    for name, member in place.members():
        if name == "authority":
            members.append((name, session.uri(member, names)))
        elif name == "endpoints":
            members.append((name, fold([(each, session.uri(uri, names)) for each, uri in member.members()])))
        else:
            members.append((name, session.template(member, names)))
    return fold(members)


def secret_path(name: str) -> str:
    """The expression that gives the whole secret `name`."""
    return f"$secrets.{name}" if re.fullmatch(_PLAIN, name) else f"$secrets[{orjson.dumps(name).decode()}]"
