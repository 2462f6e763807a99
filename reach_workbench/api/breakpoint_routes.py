"""/v1/breakpoints: where runs are held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.errors import NotFound
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.protocol.node import Node

_Id = Annotated[str, Path(max_length=64)]


def routes(node: Node) -> APIRouter:
    router = APIRouter(prefix="/v1/breakpoints", route_class=StrictRoute, tags=["breakpoints"])

    @router.get("", response_model=Sequence[Breakpoint], responses=problems())
    async def list_() -> Response:
        return answer(await node.breakpoints())

    @router.post("", status_code=201, response_model=Breakpoint, responses=problems(404))
    async def add(body: bodies.BreakpointBody) -> Response:
        added = await node.set_breakpoint(Breakpoint(**body.model_dump()))
        return answer(added, 201, {"Location": f"/v1/breakpoints/{added.id}"})

    @router.get("/{id}", response_model=Breakpoint, responses=problems(404))
    async def show(id: _Id) -> Response:
        return answer(await _known(node, id))

    @router.put("/{id}", response_model=Breakpoint, responses=problems(404))
    async def change(id: _Id, body: bodies.BreakpointBody) -> Response:
        await _known(node, id)
        return answer(await node.set_breakpoint(Breakpoint(id, **body.model_dump())))

    @router.delete("/{id}", status_code=204, response_class=Response, responses=problems(404))
    async def clear(id: _Id) -> Response:
        await _known(node, id)
        await node.clear_breakpoint(id)
        return Response(status_code=204)

    return router


async def _known(node: Node, id: str) -> Breakpoint:
    for each in await node.breakpoints():
        if each.id == id:
            return each
    raise NotFound(f"there is no breakpoint {id!r}", hint="`GET /v1/breakpoints` lists them")
