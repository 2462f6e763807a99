"""Requests whose end may be far away: they answer after a while, and the work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from fastapi import Response

from reach_workbench.api.answers import answer
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView


class Waiting:
    """The work that goes on after its answer. 200 says that it is done, 202 that it is under way."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tasks: set[asyncio.Task[RunView]] = set()

    async def settle(self, run: str, work: Coroutine[Any, Any, RunView], seconds: float) -> Response:
        """Carry `work` out, whether or not it takes longer than the request waits."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return await self._answer(run, task, seconds)

    async def look(self, run: str, work: Coroutine[Any, Any, RunView], seconds: float) -> Response:
        """Wait for `work`, and give it up when it takes longer."""
        task = asyncio.ensure_future(work)
        try:
            return await self._answer(run, task, seconds)
        finally:
            task.cancel()

    async def _answer(self, run: str, task: asyncio.Task[RunView], seconds: float) -> Response:
        done, _ = await asyncio.wait((task,), timeout=seconds)
        return answer(task.result()) if done else answer(await self._node.run(run), 202)

    def _forget(self, task: asyncio.Task[RunView]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # who asked has had an answer; the run's view tells the rest

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
