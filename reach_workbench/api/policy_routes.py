"""/v1/policies: those in force, what they decided and why, and what others would change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import MOST, Accept
from reach_workbench.api.progressing import progressing
from reach_workbench.api.streams import EVENT_STREAM, Streams
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.errors import NotFound
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.policies import (
    CaseView,
    CommandRuling,
    PolicyCheck,
    PolicyStatus,
    TryPolicies,
    TryReport,
)

_Run = Annotated[str, Query(max_length=64, description="a run's id, its beginning, or `last`")]
_Command = Annotated[int | None, Query(ge=0, le=MOST, description="only this one, by the number of its event")]


def routes(node: Node, streams: Streams) -> APIRouter:
    router = APIRouter(prefix="/v1/policies", route_class=StrictRoute, tags=["policies"])

    @router.get("", response_model=PolicyStatus, responses=problems())
    async def policies() -> Response:
        """The policies in force, with their texts."""
        return answer(await node.policies())

    @router.put("", response_model=PolicyStatus, responses=problems(503))
    async def save(body: bodies.SavePolicy) -> Response:
        """Write the tenant's policy file; refused with every finding when the text has errors."""
        return answer(await node.save_policy(body.text, by=body.by))

    @router.post("/check", response_model=PolicyCheck, responses=problems())
    async def check(body: bodies.PolicyBody) -> Response:
        """Everything there is to say about a text."""
        return answer(await node.check_policy(body.text))

    @router.post("/test", response_model=Sequence[CaseView], responses=problems())
    async def test(body: bodies.PolicyOrNone) -> Response:
        """The cases in files beside the policy file, decided by it or by a text in its place."""
        return answer(await node.test_policy(body.text))

    @router.get("/explain", response_model=Sequence[CommandRuling], responses=problems(404))
    async def explain(run: _Run, command: _Command = None) -> Response:
        """What was decided about the commands of a run, why, and what would change it."""
        if not (run.isascii() and run.isalnum()):
            raise NotFound(f"there is no run {run!r}", hint="`GET /v1/runs` lists the runs")
        return answer(await node.explain_policy(run, command))

    @router.post(
        "/try",
        response_model=TryReport,
        responses=problems()
        | {200: {"description": "What would change; as a stream, progress first.", "content": {EVENT_STREAM: {}}}},
    )
    async def try_(body: bodies.Trial, accept: Accept = "") -> Response:
        """Judge every recorded action by other policies. With `Accept: text/event-stream`, progress on the way."""
        asked = TryPolicies(body.files, body.basis, body.since, body.until, body.limit)
        if EVENT_STREAM not in accept:
            return answer(await node.try_policies(asked))
        work = progressing(lambda note: node.try_policies(asked, progress=note), "trial")
        return streams.sse(work, lambda each: each)

    return router
