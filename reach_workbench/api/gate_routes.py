"""/v1/gates: actions that are held, and what reviewers say about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import Before, Limit, RunName
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.protocol.gates import GateState, GateView, SignedVerdict
from reach_workbench.protocol.node import Node

GateName = Annotated[str, Path(max_length=64, pattern=r"^[0-9a-z]+$", description="a gate's id, or its beginning")]


def routes(node: Node) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["gates"])

    @router.get("/gates", response_model=Sequence[GateView], responses=problems(404))
    async def list_(state: GateState = "open", limit: Limit = 100, after: Before = None) -> Response:
        """Held actions: the open ones oldest first, others newest first; `after` a gate."""
        return answer(await node.gates(state=state, limit=limit, after=after or None))

    @router.get("/runs/{run}/gates", response_model=Sequence[GateView], responses=problems(404))
    async def of_run(run: RunName, state: GateState = "all", limit: Limit = 100) -> Response:
        """The gates of one run, the newest first."""
        return answer(await node.gates(state=state, run=run, limit=limit))

    @router.get("/gates/{gate}", response_model=GateView, responses=problems(404))
    async def show(gate: GateName) -> Response:
        """One held action, whole, with the policies that hold it."""
        return answer(await node.gate(gate))

    @router.post("/gates/{gate}/verdicts", response_model=GateView, responses=problems(403, 404, 409))
    async def decide(gate: GateName, body: bodies.Verdict) -> Response:
        """Take a verdict that a reviewer has signed about this very action."""
        return answer(await node.decide(gate, SignedVerdict(body.body, body.key, body.signature)))

    @router.post("/gates/{gate}/edit", response_model=GateView | None, responses=problems(404, 409))
    async def edit(gate: GateName, body: bodies.EditGate) -> Response:
        """Change the action: its gate is superseded, and what it is now is decided about from the start."""
        return answer(await node.edit_gate(gate, body.arguments, by=body.by))

    return router
