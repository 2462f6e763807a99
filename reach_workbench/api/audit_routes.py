"""/v1/audit and /v1/runs/{run}/audit: reading the audit log, and verifying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import MOST, Accept, EventNumber, Limit, RunName
from reach_workbench.api.progressing import progressing
from reach_workbench.api.streams import EVENT_STREAM, Streams
from reach_workbench.protocol.audit import AuditVerification, AuditView
from reach_workbench.protocol.node import Node

_Run = Annotated[str | None, Query(max_length=64, pattern=r"^[0-9A-Za-z]*$")]
_Type = Annotated[str, Query(max_length=200, description="how the type of a record begins, for example `gate.`")]
_Text = Annotated[str, Query(max_length=200, description="part of its type, run or data, whatever the case")]
_Time = Annotated[int | None, Query(ge=0, le=MOST, description="milliseconds since 1970")]
_Before = Annotated[int | None, Query(ge=0, le=MOST, description="only records with a smaller number")]


def routes(node: Node, streams: Streams) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["audit"])

    @router.get("/runs/{run}/audit", response_model=Sequence[AuditView], responses=problems(404))
    async def audit_of(
        run: RunName,
        type: _Type = "",
        text: _Text = "",
        since: _Time = None,
        until: _Time = None,
        after: EventNumber = 0,
        before: _Before = None,
        limit: Limit = 100,
    ) -> Response:
        """The audit log's records about a run, the newest first."""
        found = await node.audit(
            (await node.run(run)).id,
            type=type,
            text=text,
            since=since,
            until=until,
            after=after,
            before=before,
            limit=limit,
        )
        return answer(found)

    @router.get("/audit", response_model=Sequence[AuditView], responses=problems(404))
    async def audit(
        run: _Run = None,
        type: _Type = "",
        text: _Text = "",
        since: _Time = None,
        until: _Time = None,
        after: EventNumber = 0,
        before: _Before = None,
        limit: Limit = 100,
    ) -> Response:
        """The audit log, the newest record first."""
        found = await node.audit(
            run or None,
            type=type,
            text=text,
            since=since,
            until=until,
            after=after,
            before=before,
            limit=limit,
        )
        return answer(found)

    @router.post(
        "/audit/verify",
        response_model=AuditVerification,
        responses=problems()
        | {200: {"description": "What was found; as a stream, progress first.", "content": {EVENT_STREAM: {}}}},
    )
    async def verify(accept: Accept = "") -> Response:
        """Verify every record and checkpoint. With `Accept: text/event-stream`, progress on the way."""
        if EVENT_STREAM not in accept:
            return answer(await node.audit_verify())
        work = progressing(lambda note: node.audit_verify(progress=note), "verification")
        return streams.sse(work, lambda each: each)

    return router
