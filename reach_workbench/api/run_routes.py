"""/v1/runs: runs are started, listed, driven and ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.parameters import Before, Limit, RunName, Seconds
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.api.waiting import Waiting
from reach_workbench.protocol.debugging import Outcome
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView, StartRun, Status

_UNDER_WAY: dict[int | str, dict[str, Any]] = {202: {"model": RunView, "description": "Still under way: the run now."}}
_PATIENCE = 25.0


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, the newest first. `next` is what to ask for with `before`; None when there are no more."""

    runs: tuple[RunView, ...]
    next: str | None


def routes(node: Node, waiting: Waiting) -> APIRouter:
    router = APIRouter(prefix="/v1/runs", route_class=StrictRoute, tags=["runs"])

    @router.post("", status_code=201, response_model=RunView, responses=problems(404))
    async def start(body: bodies.Start) -> Response:
        """Start a run of a workflow's text."""
        view = await node.start(
            StartRun(
                source=body.source,
                file=Path(body.file),
                input=body.input,
                secrets=body.secrets,
                breakpoints=tuple(body.breakpoints),
                hold=body.hold,
                requester=body.requester,
                may=tuple(body.may) if body.may is not None else None,
            )
        )
        return answer(view, 201, {"Location": f"/v1/runs/{view.id}"})

    @router.get("", response_model=RunPage, responses=problems(404))
    async def list_(
        status: Status | None = None,
        workflow: Annotated[str | None, Query(max_length=1000, description="namespace/name")] = None,
        text: Annotated[str, Query(max_length=1000, description="part of an id or of a workflow's name")] = "",
        limit: Limit = 50,
        before: Before = None,
    ) -> Response:
        """Runs, the newest first."""
        found = tuple(await node.runs(status=status, workflow=workflow, text=text, limit=limit, before=before or None))
        return answer(RunPage(found, found[-1].id if len(found) == limit else None))

    @router.get("/{run}", response_model=RunView, responses=problems(404))
    async def show(run: RunName) -> Response:
        return answer(await node.run(run))

    @router.get("/{run}/wait", response_model=RunView, responses=problems(404) | _UNDER_WAY)
    async def wait(run: RunName, seconds: Seconds = _PATIENCE) -> Response:
        """The run once it has ended, is held, suspended, or waits for a decision."""
        name = (await node.run(run)).id
        return await waiting.look(name, node.wait(name), seconds)

    @router.post("/{run}/cancel", response_model=RunView, responses=problems(404, 409) | _UNDER_WAY)
    async def cancel(run: RunName, body: bodies.Reason, seconds: Seconds = _PATIENCE) -> Response:
        """End a run for good."""
        name = (await node.run(run)).id
        return await waiting.settle(name, node.cancel(name, body.reason), seconds)

    @router.post("/{run}/suspend", response_model=RunView, responses=problems(404, 409) | _UNDER_WAY)
    async def suspend(run: RunName, body: bodies.Reason, seconds: Seconds = _PATIENCE) -> Response:
        """Stop a run so that it can go on later."""
        name = (await node.run(run)).id
        return await waiting.settle(name, node.suspend(name, body.reason), seconds)

    @router.post("/{run}/resume", response_model=RunView, responses=problems(404, 409))
    async def resume(run: RunName, body: bodies.Resume) -> Response:
        """Go on with a run that is held, suspended or was cut off."""
        breakpoints = tuple(body.breakpoints) if body.breakpoints is not None else None
        return answer(await node.resume(run, breakpoints=breakpoints, secrets=body.secrets))

    @router.post("/{run}/step", response_model=RunView, responses=problems(404, 409) | _UNDER_WAY)
    async def step(run: RunName, body: bodies.Step, seconds: Seconds = _PATIENCE) -> Response:
        """One step of a held run."""
        name = (await node.run(run)).id
        work = node.step(name, body.mode, until=body.until, secrets=body.secrets)
        return await waiting.settle(name, work, seconds)

    @router.post("/{run}/pause", response_model=RunView, responses=problems(404, 409))
    async def pause(run: RunName) -> Response:
        """Hold a run before the next task that it starts."""
        return answer(await node.pause(run))

    @router.post("/{run}/resolve", response_model=RunView, responses=problems(404, 409))
    async def resolve(run: RunName, body: bodies.Resolve) -> Response:
        """Decide an effect in doubt."""
        return answer(await node.resolve(run, body.command, body.decision, value=body.value))

    @router.post("/{run}/fork", status_code=201, response_model=RunView, responses=problems(404, 409))
    async def fork(run: RunName, body: bodies.Fork) -> Response:
        """A new run with the same first `at` events."""
        more: dict[str, Any] = {}
        if body.outcome is not None:
            more["outcome"] = Outcome(body.outcome.output, body.outcome.error)
        view = await node.fork(
            run,
            body.at,
            edits=body.edits,
            source=body.source,
            file=Path(body.file) if body.file is not None else None,
            secrets=body.secrets,
            hold=body.hold,
            requester=body.requester,
            **more,
        )
        return answer(view, 201, {"Location": f"/v1/runs/{view.id}"})

    return router
