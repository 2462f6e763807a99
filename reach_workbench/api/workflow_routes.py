"""/v1/workflows: workflows are stored and listed, and their text is checked, completed and changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Response

from reach_workbench.api import bodies
from reach_workbench.api.answers import answer, problems
from reach_workbench.api.strict_route import StrictRoute
from reach_workbench.protocol.authoring import Compilation, Completion, Explanation, WorkflowView
from reach_workbench.protocol.node import Node


@dataclass(frozen=True, slots=True)
class Stored:
    """A workflow's namespace/name:version."""

    workflow: str


@dataclass(frozen=True, slots=True)
class Text:
    """A document after a change."""

    source: str


def routes(node: Node) -> APIRouter:
    router = APIRouter(prefix="/v1/workflows", route_class=StrictRoute, tags=["workflows"])

    @router.get("", response_model=Sequence[WorkflowView], responses=problems())
    async def list_() -> Response:
        """The workflows that others can run by name."""
        return answer(await node.workflows())

    @router.post("", status_code=201, response_model=Stored, responses=problems())
    async def store(body: bodies.Document) -> Response:
        """Store a workflow."""
        return answer(Stored(await node.add(body.source, Path(body.file))), 201)

    @router.post("/compile", response_model=Compilation, responses=problems())
    async def compile_(body: bodies.Document) -> Response:
        """What the compiler says about a text."""
        return answer(await node.compile(body.source, Path(body.file)))

    @router.post("/complete", response_model=Sequence[Completion], responses=problems())
    async def complete(body: bodies.Cursor) -> Response:
        """What may be written at a place."""
        return answer(await node.complete(body.source, body.line, body.column))

    @router.post("/explain", response_model=Explanation | None, responses=problems())
    async def explain(body: bodies.Cursor) -> Response:
        """What stands at a place."""
        return answer(await node.explain(body.source, body.line, body.column))

    @router.post("/rename", response_model=Text, responses=problems(404))
    async def rename(body: bodies.Rename) -> Response:
        """The text with a task renamed."""
        return answer(Text(await node.rename(body.source, body.reference, body.name)))

    @router.post("/format", response_model=Text, responses=problems())
    async def format_(body: bodies.TextOnly) -> Response:
        """The text with even indentation and spacing."""
        return answer(Text(await node.format(body.source)))

    return router
