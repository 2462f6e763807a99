"""The kind of route whose body is read by the same rules as everything on the wire: no NaN, every digit kept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from reach_workbench.protocol import wire


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return read


class _StrictRequest(Request):
    async def json(self) -> Any:
        return wire.parse(await self.body())
