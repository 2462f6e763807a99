"""/v1/reviewers: who may decide about gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.errors import NotFound
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.reviewing import ReviewerView

_KeyId = Annotated[str, Path(max_length=64, description="the id of a reviewer's key")]


def routes(node: Node) -> APIRouter:
    router = APIRouter(prefix="/v1/reviewers", route_class=StrictRoute, tags=["reviewers"])

    @router.get("", response_model=Sequence[ReviewerView], responses=problems())
    async def list_() -> Response:
        """All that are or were, the oldest first."""
        return answer(await node.reviewers())

    @router.post("", status_code=201, response_model=ReviewerView, responses=problems())
    async def add(body: bodies.ReviewerBody) -> Response:
        """Let a key decide in that name; of one that does already the groups are changed."""
        added = await node.add_reviewer(body.name, body.public_key, tuple(body.groups))
        return answer(added, 201, {"Location": f"/v1/reviewers/{added.key_id}"})

    @router.get("/{key_id}", response_model=ReviewerView, responses=problems(404))
    async def show(key_id: _KeyId) -> Response:
        for each in await node.reviewers():
            if each.key_id == key_id:
                return answer(each)
        raise NotFound(f"there is no reviewer with the key {key_id!r}", hint="`GET /v1/reviewers` lists them")

    @router.delete("/{key_id}", response_model=ReviewerView, responses=problems(404))
    async def revoke(key_id: _KeyId) -> Response:
        """Let a key decide no more; it stays on the list, as revoked."""
        return answer(await node.revoke_reviewer(key_id))

    return router
