"""How long requests take: told to whoever counts, by the route's pattern and never by the path.

Each request has an id, which the answer's `X-Request-Id` and the log's lines carry.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reach_workbench.clock import SystemClock
from reach_workbench.telemetry.logs import bound

Record = Callable[[str, str, int, float], None]
"""Is told method, route, status and seconds until the answer began."""


class Measuring:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, record: Record) -> None:
        self._app = app
        self._record = record
        self._clock = SystemClock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.elapsed()
        id = self._clock.entropy(6).hex()

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", id.encode())]
                route = getattr(scope.get("route"), "path", "-")
                self._record(scope["method"], route, message["status"], self._clock.elapsed() - began)
            await send(message)

        with bound(request=id):
            await self._app(scope, receive, say)
