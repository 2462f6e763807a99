"""The kind of route whose body is read by the same rules as everything on the wire: no NaN, every digit kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from json import JSONDecodeError
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from reach_workbench.errors import BadInput
from reach_workbench.protocol import wire


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return read


class _StrictRequest(Request):
    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in parts; raises a 413 as soon as there is more than `app.state.body_bytes`."""
        most: int = self.app.state.body_bytes
        size = int(self.headers.get("content-length") or 0)
        if size <= most:
            size = 0
            async for chunk in super().stream():
                size += len(chunk)
                if size > most:
                    break
                yield chunk
        if size > most:
            raise HTTPException(413)

    async def json(self) -> Any:
        try:
            return wire.parse(await self.body())
        except BadInput as wrong:
            # The one exception from which FastAPI makes a request that is not valid.
            raise JSONDecodeError(wrong.message, "", 0) from None
