"""/v1/runs/{run}/verify and /archive, /v1/archives: proving a run, and carrying it elsewhere."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import Accept, RunName
from reach_workbench.api.progressing import progressing
from reach_workbench.api.streams import EVENT_STREAM, Streams
from reach_workbench.errors import LimitExceeded, ReachError
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView, Verification

ARCHIVE: Final = "application/zip"
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}


def routes(node: Node, streams: Streams, archive_bytes: int) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["proof"])

    @router.post(
        "/runs/{run}/verify",
        response_model=Verification,
        responses=problems(404)
        | {200: {"description": "What replaying gave; as a stream, progress first.", "content": {EVENT_STREAM: {}}}},
    )
    async def verify(run: RunName, accept: Accept = "") -> Response:
        """Replay a run and compare every digest. With `Accept: text/event-stream`, progress on the way."""
        if EVENT_STREAM not in accept:
            return answer(await node.verify(run))
        name = (await node.run(run)).id
        work = progressing(lambda note: node.verify(name, progress=note), "verification")
        return streams.sse(work, lambda each: each)

    @router.get(
        "/runs/{run}/archive",
        response_class=FileResponse,
        responses=problems(404) | {200: {"description": "The archive.", "content": {ARCHIVE: _BYTES}}},
    )
    async def export(run: RunName, unsigned: bool = False) -> Response:
        """The run as a capsule, a file that can be verified anywhere; signed by the node's key unless `unsigned`."""
        view = await node.run(run)
        file = _temporary()
        try:
            await node.export(view.id, file, unsigned=unsigned)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        done = BackgroundTask(file.unlink, missing_ok=True)
        return FileResponse(file, media_type=ARCHIVE, filename=f"{view.id}.reach", background=done)

    @router.post(
        "/archives",
        status_code=201,
        response_model=RunView,
        responses=problems(409),
        openapi_extra={"requestBody": {"required": True, "content": {ARCHIVE: _BYTES}}},
    )
    async def import_(request: Request) -> Response:
        """Verify an archive and store its run."""
        file = _temporary()
        try:
            await _receive(request, file, archive_bytes)
            view = await node.import_(file)
        except ReachError as wrong:
            # The file's name means nothing to who sent it.
            wrong.message = wrong.message.replace(str(file), "the archive")
            wrong.where = wrong.where.replace(str(file), "the archive") if wrong.where else None
            raise
        finally:
            file.unlink(missing_ok=True)
        return answer(view, 201, {"Location": f"/v1/runs/{view.id}"})

    return router


def _temporary() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="reach-", suffix=".reach")
    os.close(descriptor)
    return Path(name)


async def _receive(request: Request, file: Path, most: int) -> None:
    """The body into a file, without ever holding it whole."""
    size = 0
    with file.open("wb") as into:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise LimitExceeded(f"the archive has more than {most:,} bytes (setting api.archive_bytes)")
            await asyncio.to_thread(into.write, chunk)
