"""/healthz, /readyz, /metrics and /v1/version: what probes, scrapers and clients ask first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from reach_workbench import __version__
from reach_workbench.api.answers import answer, problems
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.system import OLDEST, PROTOCOL

METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Version:
    """The program's version, and the versions of the protocol that this node speaks."""

    version: str
    protocol: int
    oldest: int


def routes(node: Node, metrics: Callable[[], Awaitable[str]]) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """Whether the process answers."""
        return "ok\n"

    @router.get("/readyz", response_class=PlainTextResponse, responses=problems())
    async def readyz() -> str:
        """Whether the node takes requests: its store can be read."""
        await node.runs(limit=1)
        return "ready\n"

    @router.get("/v1/version", response_model=Version, responses=problems())
    async def version() -> Response:
        """For a client to see whether it may speak to this node: the header `Reach-Protocol` names one version."""
        return answer(Version(__version__, PROTOCOL, OLDEST))

    @router.get(
        "/metrics",
        response_class=Response,
        responses=problems() | {200: {"description": "Prometheus text.", "content": {"text/plain": {}}}},
    )
    async def scrape() -> Response:
        return Response(await metrics(), media_type=METRICS)

    return router
