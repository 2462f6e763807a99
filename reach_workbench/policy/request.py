"""The question put to the policies: who wants to do what with which thing, in what context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import ACTIONS
from reach_workbench.policy.context import Asked, Context
from reach_workbench.policy.wording import text


@dataclass(frozen=True, slots=True)
class Request:
    """One command, before it is performed. `context` is {args, run, tenant, digest, secrets}, see `actions`.

    A request of `request_of` has a `Context`, of which only what a policy reads is worked out.
    """

    principal: str
    groups: tuple[str, ...]
    action: str
    resource_type: str
    resource: str
    context: Mapping[str, Json]


def request_of(
    kind: str,
    arguments: Json,
    *,
    requester: str,
    groups: Iterable[str],
    run: str,
    workflow: str,
    version: str,
    program: str,
    task: str,
    tenant: str,
    origin: str = "",
) -> Request:
    """The request for a command of that kind. `workflow` is "namespace/name", `program` the digest.

    Never raises: whatever the arguments are, what Cedar has no type for is given as canonical
    JSON text. Placeholders of secrets stay placeholders.
    """
    action = ACTIONS.get(kind)
    return Request(
        text(requester),
        tuple(map(text, groups)),
        text(kind),
        action.resource_type if action is not None else "",
        action.resource(arguments) if action is not None else "",
        Context(Asked(kind, arguments, run, workflow, version, program, task, tenant, origin)),
    )
