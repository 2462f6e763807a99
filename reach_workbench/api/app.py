"""The HTTP API of a node: `create_app` puts the routes together, with the door in front of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp

from reach_workbench import __version__
from reach_workbench.api import (
    answers,
    audit_routes,
    breakpoint_routes,
    gate_routes,
    health_routes,
    history_routes,
    key_routes,
    policy_routes,
    proof_routes,
    reviewer_routes,
    run_routes,
    system_routes,
    workflow_routes,
)
from reach_workbench.api.door import Door, Refused
from reach_workbench.api.measuring import Measuring, Record
from reach_workbench.api.streams import Streams
from reach_workbench.api.waiting import Waiting
from reach_workbench.protocol.node import Node

_SUMMARY: Final = "Runs workflows, walks through them, and proves what they did."
_BODY: Final = 64 * 1024 * 1024
_ARCHIVE: Final = 2 * 1024 * 1024 * 1024


class Api:
    """The ASGI application over a node; `close` ends its streams and what it still carries out."""

    def __init__(
        self, routes: FastAPI, streams: Streams, waiting: Waiting, record: Record | None, refused: Refused | None
    ) -> None:
        self.routes = routes
        self._streams = streams
        self._waiting = waiting
        self._record = record
        self._refused = refused

    def door(self, token: str | None) -> ASGIApp:
        """The way in from one address; with `token`, every request but the probes must carry it."""
        front = Door(self.routes, token, self._refused)
        return Measuring(front, self._record) if self._record is not None else front

    def end_streams(self) -> None:
        """Let every stream end, so that its connection does; clients ask again where they were."""
        self._streams.close()

    async def close(self) -> None:
        self.end_streams()
        await self._waiting.close()


def create_app(
    node: Node,
    *,
    body_bytes: int = _BODY,
    archive_bytes: int = _ARCHIVE,
    metrics: Callable[[], Awaitable[str]] | None = None,
    record: Record | None = None,
    refused: Refused | None = None,
) -> Api:
    """The API of `node`.

    `metrics` gives the Prometheus text (without it, the node's vitals are told); `record` is told of
    every answer: its method, route, status and seconds; `refused` of requests without the node's token.
    """
    streams, waiting = Streams(), Waiting(node)
    app = FastAPI(
        title="Reach",
        summary=_SUMMARY,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.body_bytes = body_bytes
    for router in (
        run_routes.routes(node, waiting),
        history_routes.routes(node, streams),
        proof_routes.routes(node, streams, archive_bytes),
        audit_routes.routes(node, streams),
        breakpoint_routes.routes(node),
        gate_routes.routes(node),
        policy_routes.routes(node, streams),
        key_routes.routes(node),
        reviewer_routes.routes(node),
        workflow_routes.routes(node),
        system_routes.routes(node, streams),
        health_routes.routes(node, metrics or (lambda: _vitals(node))),
    ):
        app.router.routes += router.routes  # including them would make each a second time, for a fifth of a second
    answers.answer_for_errors(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return Api(app, streams, waiting, record, refused)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        written = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
        )
        written["components"]["schemas"]["Problem"] = dict(answers.SCHEMA)
        app.openapi_schema = written
    return app.openapi_schema


async def _vitals(node: Node) -> str:
    """The node's vitals in the Prometheus text format."""
    vitals = asdict(await node.vitals())
    lines = [f"# TYPE reach_{name} gauge\nreach_{name} {value}\n" for name, value in vitals.items() if name != "at"]
    return "".join(lines)
