"""The node itself: who it is, how it fares, its queue, its schedules, and the events that reach it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import Before, Limit
from reach_workbench.api.streams import EVENT_STREAM, Streams
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import Check, Published
from reach_workbench.protocol.system import JobState, JobView, NodeInfo, ScheduleView, Vitals

_Id = Annotated[str, Path(max_length=64)]


def routes(node: Node, streams: Streams) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["system"])

    @router.get("/node", response_model=NodeInfo, responses=problems())
    async def info() -> Response:
        """Who answers."""
        return answer(await node.info())

    @router.get("/vitals", response_model=Vitals, responses=problems())
    async def vitals() -> Response:
        return answer(await node.vitals())

    @router.get(
        "/activity",
        response_class=Response,
        responses=problems() | {200: {"description": "Runs as they change (SSE).", "content": {EVENT_STREAM: {}}}},
    )
    async def activity() -> Response:
        """Views of runs as they change, without end."""
        return streams.numbered(node.activity())

    @router.get("/checks", response_model=Sequence[Check], responses=problems())
    async def checks() -> Response:
        """The installation and the home, examined."""
        return answer(await node.doctor())

    @router.get("/jobs", response_model=Sequence[JobView], responses=problems(404))
    async def jobs(status: JobState | None = None, limit: Limit = 50, before: Before = None) -> Response:
        """The queue, the newest first."""
        return answer(await node.jobs(status=status, limit=limit, before=before or None))

    @router.post("/jobs/{id}/requeue", status_code=204, response_class=Response, responses=problems(404, 409))
    async def requeue(id: _Id) -> Response:
        """Try a dead letter again."""
        await node.requeue(id)
        return Response(status_code=204)

    @router.delete("/jobs/{id}", status_code=204, response_class=Response, responses=problems(404, 409))
    async def drop(id: _Id) -> Response:
        """Delete a dead letter."""
        await node.drop(id)
        return Response(status_code=204)

    @router.get("/schedules", response_model=Sequence[ScheduleView], responses=problems())
    async def schedules() -> Response:
        """The workflows that start by themselves."""
        return answer(await node.schedules())

    @router.post("/events", response_model=Published, responses=problems(409))
    async def publish(body: bodies.CloudEvent) -> Response:
        """Send a CloudEvent to the runs that wait for it."""
        return answer(await node.publish(body.model_dump()))

    return router
