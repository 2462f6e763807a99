"""The parameters that several routes take, with their limits; OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query

from reach_workbench.errors import NotFound

MOST: Final = 2**53 - 1
"""The largest number that every JSON reader keeps exactly."""

Json = Any
"""Any JSON value."""


_Named = Annotated[str, Path(max_length=64, description="a run's id, its beginning, or `last`")]


async def _run_name(run: _Named) -> str:
    """Only ids: in process a name with a dot or a slash is an archive's file, which is no one else's business.

    Not a plain function: that would be called in a thread, for which each request then waits.
    """
    if not (run.isascii() and run.isalnum()):
        raise NotFound(f"there is no run {run!r}", hint="`GET /v1/runs` lists the runs")
    return run


RunName = Annotated[str, Depends(_run_name)]
At = Annotated[int | None, Query(ge=0, le=MOST, description="after this event; without it, now")]
EventNumber = Annotated[int, Query(ge=0, le=MOST)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[str | None, Query(max_length=64, pattern=r"^[0-9A-Za-z_-]*$", description="older than this one")]
Seconds = Annotated[float, Query(ge=0, le=30, description="how long to wait before answering with 202")]
Accept = Annotated[str, Header(max_length=1000, include_in_schema=False)]
