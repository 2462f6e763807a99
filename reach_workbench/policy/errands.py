"""Where a call goes besides where it says: to those who give it a token (dsl-reference.md, OAuth2, OpenID Connect)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reach_workbench.engine.values import Json
from reach_workbench.policy.address import address
from reach_workbench.policy.decision import Decision
from reach_workbench.policy.terms import combine
from reach_workbench.policy.wording import member

_PLACED: Final = {"http.call": (), "resource.get": (), "openapi.call": ("document",)}
"""The kinds of command that go to a `Host`, with where their endpoint stands."""

_SEVERITY: Final = ("allow", "hold", "deny")


def errands(kind: str, arguments: Json) -> list[Json]:
    """The same command at each other host that it hands credentials to for a token: each is to be decided about, too.

    An authority that stands in a secret can't be seen here: whoever keeps the secret has named it.
    """
    way = _PLACED.get(kind)
    if way is None:
        return []
    holder = arguments
    for name in way:
        holder = member(holder, name)
    endpoint = member(holder, "endpoint")
    policies = [each for each in (member(endpoint, "authentication"), member(arguments, "authentication")) if each]
    if not policies:
        return []
    here = address(endpoint if isinstance(endpoint, str) else str(member(endpoint, "uri"))).host
    places = {address(uri).host: uri for policy in policies for uri in _authorities(policy)}
    return [_elsewhere(arguments, way, uri) for host, uri in places.items() if host != here]


def strictest(one: Decision, other: Decision) -> Decision:
    """What is to be done with a command of which two things are asked: both have to be allowed."""
    first = max((one, other), key=lambda each: _SEVERITY.index(each.verdict))
    deciding = [each for each in (one, other) if each.verdict == first.verdict]
    approvals = [each.approval for each in deciding if each.approval is not None]
    return Decision(
        first.verdict,
        tuple(dict.fromkeys(id for each in deciding for id in each.policies)),
        combine(approvals) if approvals else None,
        tuple(dict.fromkeys((*one.rates, *other.rates))),
        tuple(dict.fromkeys((*one.warnings, *other.warnings))),
        one.error or other.error,
    )


def _authorities(policy: Json) -> Iterator[str]:
    for scheme in ("oauth2", "oidc"):
        settings = member(policy, scheme)
        for uri in (member(settings, "authority"), member(member(settings, "endpoints"), "token")):
            if isinstance(uri, str) and "://" in uri:
                yield uri


def _elsewhere(arguments: dict[str, Json], way: tuple[str, ...], uri: str) -> Json:
    """The arguments with another URI in the place of their endpoint's."""
    if not way:
        return {**arguments, "endpoint": {"uri": uri}}
    return {**arguments, way[0]: _elsewhere(arguments[way[0]], way[1:], uri)}
