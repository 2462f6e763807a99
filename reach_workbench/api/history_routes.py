"""/v1/runs/{run}/…: what a run recorded, as pages and streams, and the questions a debugger asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, WebSocket

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import MOST, Accept, At, EventNumber, RunName
from reach_workbench.api.streams import EVENT_STREAM, Streams
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.protocol import debugging
from reach_workbench.protocol.authoring import ProgramView
from reach_workbench.protocol.debugging import Comparison, Evaluation, EventPage, Found, LogLine, Motion, Origin
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import Change, StateView


@dataclass(frozen=True, slots=True)
class Sought:
    """The event on which a motion of the cursor ends."""

    at: int


def routes(node: Node, streams: Streams) -> APIRouter:
    router = APIRouter(prefix="/v1/runs/{run}", route_class=StrictRoute, tags=["history"])

    @router.get(
        "/events",
        response_model=EventPage,
        responses=problems(404)
        | {200: {"description": "A page; with `Accept: text/event-stream`, SSE.", "content": {EVENT_STREAM: {}}}},
    )
    async def events(
        run: RunName,
        first: Annotated[int, Query(ge=1, le=MOST, description="of a page")] = 1,
        count: Annotated[int, Query(ge=1, le=1000, description="of a page")] = 100,
        after: Annotated[int, Query(ge=0, le=MOST, description="where a stream begins")] = 0,
        follow: Annotated[bool, Query(description="whether a stream goes on until the run has ended")] = True,
        last_event_id: Annotated[int | None, Header(ge=0, le=MOST)] = None,
        accept: Accept = "",
    ) -> Response:
        """The events of a run: a page of them, or a stream (SSE) whose ids are their numbers."""
        if EVENT_STREAM not in accept:
            return answer(await node.page(run, first, count))
        name = (await node.run(run)).id
        start = last_event_id if last_event_id is not None else after
        return streams.events(node.events(name, after=start, follow=follow))

    @router.websocket("/events")
    async def socket(socket: WebSocket, run: str) -> None:
        after = socket.query_params.get("after", "0")
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else 0
        name = run if run.isascii() and run.isalnum() else "-"
        await streams.socket(socket, node.events(name, after=number, follow=True))

    @router.get("/state", response_model=StateView, responses=problems(404))
    async def state(run: RunName, at: At = None) -> Response:
        """The state after an event."""
        return answer(await node.state(run, at))

    @router.get("/diff", response_model=Sequence[Change], responses=problems(404))
    async def diff(run: RunName, before: EventNumber, after: EventNumber) -> Response:
        """How the state after one event differs from that after another."""
        return answer(await node.diff(run, before, after))

    @router.get("/find", response_model=Found, responses=problems(404))
    async def find(
        run: RunName,
        text: Annotated[str, Query(max_length=10_000)] = "",
        types: Annotated[list[str] | None, Query(max_length=100)] = None,
        task: Annotated[str | None, Query(max_length=4000)] = None,
        after: EventNumber = 0,
        backwards: bool = False,
        limit: Annotated[int, Query(ge=1, le=debugging.MOST_FOUND)] = 1000,
    ) -> Response:
        """The numbers of the events that fit."""
        query = debugging.Query(text, tuple(types or ()), task)
        return answer(await node.find(run, query, after=after, backwards=backwards, limit=limit))

    @router.get("/seek", response_model=Sought, responses=problems(404))
    async def seek(run: RunName, at: EventNumber, motion: Motion) -> Response:
        """Where a motion of the cursor ends."""
        return answer(Sought(await node.seek(run, at, motion)))

    @router.post("/evaluate", response_model=Evaluation, responses=problems(404))
    async def evaluate(run: RunName, body: bodies.Evaluate) -> Response:
        """A jq expression over the run at an event."""
        return answer(await node.evaluate(run, body.at, body.expression, data=body.data))

    @router.get("/origin", response_model=Origin | None, responses=problems(404))
    async def origin(run: RunName, at: EventNumber, pointer: Annotated[str, Query(max_length=10_000)]) -> Response:
        """The event that produced a value of the state."""
        return answer(await node.origin(run, at, pointer))

    @router.get("/compare", response_model=Comparison, responses=problems(404))
    async def compare(
        run: RunName, other: Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z]+$")]
    ) -> Response:
        """Where two runs differ first."""
        return answer(await node.compare(run, other))

    @router.get("/program", response_model=ProgramView, responses=problems(404))
    async def program(run: RunName) -> Response:
        """The workflow of the run."""
        return answer(await node.program(run))

    @router.get("/log", response_model=Sequence[LogLine], responses=problems(404))
    async def log(run: RunName) -> Response:
        """What breakpoints with a log message wrote."""
        return answer(await node.log_lines(run))

    return router
