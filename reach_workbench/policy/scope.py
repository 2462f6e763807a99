"""The head of a policy: which principals, actions and resources it speaks about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import ACTIONS
from reach_workbench.policy.request import Request

Thing = tuple[str, str]
"""An entity's type and id."""


class Scope(NamedTuple):
    """The three constraints in Cedar's JSON form; `actions` None means every action, `thing` None no one resource."""

    principal: dict[str, Json]
    actions: frozenset[str] | None
    resource: dict[str, Json]
    thing: Thing | None

    def is_about(self, action: str, thing: Thing) -> bool:
        """Whether the head lets the policy speak about the action and the resource."""
        return (self.actions is None or action in self.actions) and _fits(self.resource, thing, frozenset())

    @property
    def everyone(self) -> bool:
        """Whether it speaks about every principal, each of which is a user."""
        return self.principal["op"] == "All" or self.principal == {"op": "is", "entity_type": "User"}

    def concerns(self, principal: str, groups: frozenset[str]) -> bool:
        """Whether the head lets the policy speak about the user."""
        return _fits(self.principal, ("User", principal), groups)


def scope_of(policy: dict[str, Json]) -> Scope:
    """The head of a policy in Cedar's JSON form."""
    action, resource = policy["action"], policy["resource"]
    named = [action["entity"]] if "entity" in action else action.get("entities")
    actions = None if named is None else frozenset(entity["id"] for entity in named)
    within = resource.get("in") or resource
    thing = _thing(within["entity"]) if "entity" in within else None  # no resource is in another one
    return Scope(policy["principal"], actions, resource, thing)


class _Near(NamedTuple):
    """The policies about an action and a resource: those about everyone, and those about some users only."""

    everyone: tuple[int, ...]
    some: tuple[int, ...]


class Index:
    """Finds the few policies that can speak about a request among the many of a file."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._scopes = tuple(scopes)
        self._anything: dict[str | None, list[int]] = {}
        self._things: dict[tuple[str | None, Thing], list[int]] = {}
        self._near: dict[tuple[str, str, str | None], _Near] = {}
        for place, scope in enumerate(self._scopes):
            for action in [None] if scope.actions is None else scope.actions:
                if scope.thing is None:
                    self._anything.setdefault(action, []).append(place)
                else:
                    self._things.setdefault((action, scope.thing), []).append(place)

    def find(self, request: Request) -> tuple[int, ...]:
        """The numbers of the policies whose head fits, in their order."""
        action, thing = request.action, (request.resource_type, request.resource)
        named = (action, thing) in self._things or (None, thing) in self._things
        # What no policy names is one for all, so there are no more of these than the policies can name.
        key = (action, request.resource_type, request.resource if named else None)
        near = self._near.get(key)
        if near is None:
            near = self._about(action, thing)
            if action in ACTIONS and request.resource_type == ACTIONS[action].resource_type:
                self._near[key] = near
        if not near.some:
            return near.everyone
        groups = frozenset(request.groups)
        concerned = [place for place in near.some if self._scopes[place].concerns(request.principal, groups)]
        return tuple(sorted((*near.everyone, *concerned))) if concerned else near.everyone

    def sets(self) -> Iterator[tuple[int, ...]]:
        """The policies that requests about each thing a policy names will find, whoever asks.

        Left out are those that only some users meet: who will ask is not known.
        """
        found: set[tuple[int, ...]] = set()
        for (named, thing), action in product(self._things, ACTIONS.values()):
            if named in (None, action.name) and thing[0] == action.resource_type:
                near = self._about(action.name, thing)
                found.add(near.everyone)
        yield from sorted(found)

    def _about(self, action: str, thing: Thing) -> _Near:
        places: list[int] = []
        for each in (None, action):
            places += self._anything.get(each, ())
            places += self._things.get((each, thing), ())
        about = sorted(place for place in places if self._scopes[place].is_about(action, thing))
        return _Near(
            tuple(place for place in about if self._scopes[place].everyone),
            tuple(place for place in about if not self._scopes[place].everyone),
        )


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
        case "All":
            return True
    raise ValueError(f"a head can't have the operator {constraint['op']!r}")


def _within(entity: Any, thing: Thing, groups: frozenset[str]) -> bool:
    """Whether the thing is the entity, or a user who is in that group."""
    holder = _thing(entity)
    return holder == thing or (holder[0] == "Group" and holder[1] in groups)
