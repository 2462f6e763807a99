"""The head of a policy: which principals, actions and resources it speaks about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from reach_workbench.engine.values import Json
from reach_workbench.policy.request import Request

Thing = tuple[str, str]
"""An entity's type and id."""


class Scope(NamedTuple):
    """The three constraints in Cedar's JSON form; `actions` None means every action, `thing` None no one resource."""

    principal: dict[str, Json]
    actions: frozenset[str] | None
    resource: dict[str, Json]
    thing: Thing | None

    def fits(self, request: Request, groups: frozenset[str]) -> bool:
        """Whether the head lets the policy speak about the request. Says true when in doubt."""
        return (
            (self.actions is None or request.action in self.actions)
            and _fits(self.resource, (request.resource_type, request.resource), frozenset())
            and _fits(self.principal, ("User", request.principal), groups)
        )


def scope_of(policy: dict[str, Json]) -> Scope:
    """The head of a policy in Cedar's JSON form."""
    action, resource = policy["action"], policy["resource"]
    named = [action["entity"]] if "entity" in action else action.get("entities")
    actions = None if named is None else frozenset(entity["id"] for entity in named)
    within = resource.get("in") or resource
    thing = _thing(within["entity"]) if "entity" in within else None  # no resource is in another one
    return Scope(policy["principal"], actions, resource, thing)


class Index:
    """Finds the few policies that can speak about a request among the many of a file."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._scopes = tuple(scopes)
        self._anything: dict[str | None, list[int]] = {}
        self._things: dict[tuple[str | None, Thing], list[int]] = {}
        for place, scope in enumerate(self._scopes):
            for action in [None] if scope.actions is None else scope.actions:
                if scope.thing is None:
                    self._anything.setdefault(action, []).append(place)
                else:
                    self._things.setdefault((action, scope.thing), []).append(place)

    def find(self, request: Request) -> tuple[int, ...]:
        """The numbers of the policies whose head fits, in their order."""
        groups = frozenset(request.groups)
        return tuple(sorted(place for place in self._near(request) if self._scopes[place].fits(request, groups)))

    def _near(self, request: Request) -> Iterator[int]:
        thing = (request.resource_type, request.resource)
        for action in (None, request.action):
            yield from self._anything.get(action, ())
            yield from self._things.get((action, thing), ())


def _thing(entity: Any) -> Thing:
    return entity["type"], entity["id"]


def _fits(constraint: dict[str, Json], thing: Thing, groups: frozenset[str]) -> bool:
    match constraint["op"]:
        case "==":
            return _thing(constraint["entity"]) == thing
        case "in":
            return _within(constraint["entity"], thing, groups)
        case "is":
            inside = constraint.get("in")
            return constraint["entity_type"] == thing[0] and (
                inside is None or _within(inside["entity"], thing, groups)
            )
    return True


def _within(entity: Any, thing: Thing, groups: frozenset[str]) -> bool:
    """Whether the thing is the entity, or a user who is in that group."""
    holder = _thing(entity)
    return holder == thing or (holder[0] == "Group" and holder[1] in groups)
