"""How every route answers: views as JSON, failures as problems, and the part of OpenAPI that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from reach_workbench.errors import BadInput, Bug, LimitExceeded, NotFound, ReachError, UsageError
from reach_workbench.protocol import wire
from reach_workbench.protocol.problems import MEDIA_TYPE, problem

_REF: Final = {"$ref": "#/components/schemas/Problem"}

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Problem details (RFC 9457) with the code of the error; `docs/errors.md` lists the codes.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "where": {"type": "string"},
        "hint": {"type": "string"},
        "diagnostics": {"type": "array", "items": {"$ref": "#/components/schemas/Diagnostic"}},
    },
}
"""The schema `Problem` of the OpenAPI document."""

_MEANINGS: Final = {
    400: "The request makes no sense.",
    401: "The token is missing or wrong.",
    403: "What was signed does not count: it is about something else, or not by one who may decide.",
    404: "What the request names does not exist.",
    405: "The path has no such method.",
    409: "The run is not in a state that allows it.",
    413: "A limit of the settings was reached.",
    422: "The request's parts are not what they must be.",
    503: "The node can't do it now, or not where its home is.",
    426: "Node and client speak no common version of the protocol.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents: those statuses, and the ones that any request may meet."""
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": dict(_REF)}}}
        for status in sorted({400, 401, 413, 422, 426, *statuses})
    }


def answer(view: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A view, or a sequence of them, as JSON."""
    return Response(wire.dumps(view), status, dict(headers or {}), "application/json")


def refusal(wrong: ReachError, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """An error as a problem."""
    written = problem(wrong, status)
    return Response(wire.dumps(written), written["status"], dict(headers or {}), MEDIA_TYPE)


def bug(wrong: BaseException) -> Bug:
    """What a route says about an exception that is none of ours."""
    return Bug(f"this is a bug in Reach: {type(wrong).__name__}: {wrong}", hint="please report it")


def answer_for_errors(app: FastAPI) -> None:
    """Let every error of the app leave as a problem."""

    async def ours(_: Request, wrong: Exception) -> Response:
        return refusal(wrong if isinstance(wrong, ReachError) else bug(wrong))

    async def invalid(_: Request, wrong: Exception) -> Response:
        errors = wrong.errors() if isinstance(wrong, RequestValidationError) else []
        first: Mapping[str, Any] = errors[0] if errors else {}
        place = ".".join(str(part) for part in first.get("loc", ()))
        said = first.get("ctx", {}).get("error") if first.get("type") == "json_invalid" else first.get("msg")
        if first.get("type") == "extra_forbidden":
            said = f"what is asked for has no member {str(first['loc'][-1])!r}"
        return refusal(BadInput(str(said or "the request is not valid"), where=place or None))

    async def http(_: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, HTTPException)
        kind = {404: NotFound, 413: LimitExceeded}.get(wrong.status_code, UsageError)
        return refusal(kind(_said(wrong)), wrong.status_code, wrong.headers)

    app.add_exception_handler(ReachError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(asyncio.TimeoutError, ours)
    app.add_exception_handler(Exception, ours)


def _said(wrong: HTTPException) -> str:
    if wrong.status_code == 404:
        return "there is nothing at this address"
    if wrong.status_code == 413:
        return "the request's body is larger than setting api.body_bytes allows"
    return str(wrong.detail)
