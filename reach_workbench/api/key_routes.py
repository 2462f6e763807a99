"""/v1/keys: the key that the node signs with, and those it had before."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.rotating import KeyRotation, NodeKeyView


def routes(node: Node) -> APIRouter:
    router = APIRouter(prefix="/v1/keys", route_class=StrictRoute, tags=["keys"])

    @router.get("", response_model=Sequence[NodeKeyView], responses=problems())
    async def list_() -> Response:
        """The oldest first and the one in force last; none while the first was never changed."""
        return answer(await node.node_keys())

    @router.post("", status_code=201, response_model=NodeKeyView, responses=problems())
    async def rotate(body: bodies.RotationBody) -> Response:
        """Let another key sign for the node from now on, as the one in force has signed."""
        return answer(await node.rotate_key(KeyRotation(body.body, body.before, body.after)), 201)

    return router
