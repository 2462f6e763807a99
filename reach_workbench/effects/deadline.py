"""The time one effect may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reach_workbench.effects.effect import Limits
from reach_workbench.engine.faults import Fault


@asynccontextmanager
async def deadline(limits: Limits, what: str) -> AsyncIterator[None]:
    """Cancels the block after `limits.effect_seconds` and raises Fault `timeout`, which names the setting."""
    timer = asyncio.timeout(limits.effect_seconds)
    try:
        async with timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        raise Fault(
            "timeout",
            f"{what} took longer than {limits.effect_seconds:g} s, the setting `limits.effect_seconds`",
            code="limit",
        ) from None
