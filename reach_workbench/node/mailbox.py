"""Requests between processes that share a home: one owns it, the others ask through the database."""

from __future__ import annotations

import asyncio

from reach_workbench import errors
from reach_workbench.clock import Clock
from reach_workbench.engine.values import Json
from reach_workbench.errors import HomeInUse, NobodyWaits, ReachError
from reach_workbench.protocol.node import Node
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store

_PATIENCE = 10.0
"""Seconds to wait for the owner's answer."""

_LOOK = 0.05


async def ask(store: Store, settings: Settings, kind: str, payload: dict[str, Json]) -> dict[str, Json]:
    """Ask the owner of the home, and wait for its answer; raises what it raised."""
    number = store.post_request(kind, payload)
    for _ in range(round(_PATIENCE / _LOOK)):
        request = store.read.request(number)
        if request.answered_at is not None:
            answer: dict[str, Json] = request.answer
            if "error" in answer:
                raise _error(answer["error"])
            return answer
        await asyncio.sleep(_LOOK)
    raise HomeInUse(
        "the process that owns this home did not answer",
        where=str(settings.home),
        hint="it may be busy or stopped; the request is kept and carried out when it goes on",
    )


def _error(written: dict[str, Json]) -> ReachError:
    kinds = {
        kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReachError)
    }
    kind = kinds.get(written["code"], ReachError)
    return kind(written["message"], where=written.get("where"), hint=written.get("hint"))


class Mailbox:
    """The owner's side: looks for requests now and then, and answers them in order."""

    def __init__(self, node: Node, store: Store, clock: Clock, seconds: float) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        seen = -1
        while True:
            version = self._store.foreign_version()
            if version != seen:
                seen = version
                for request in self._store.read.requests():
                    answer = await self._answer(request.kind, request.payload)
                    unit = self._store.unit()
                    unit.answer_request(request.id, answer, at=self._clock.now())
                    await self._store.commit(unit)
            await asyncio.sleep(self._seconds)

    async def _answer(self, kind: str, payload: dict[str, Json]) -> dict[str, Json]:
        node = self._node
        try:
            if kind == "publish":
                try:
                    published = await node.publish(payload["event"])
                except NobodyWaits:
                    return {"consumed_by": []}
                return {"consumed_by": list(published.consumed_by)}
            run = payload.pop("run")
            if kind == "suspend":
                await node.suspend(run, payload.get("reason"))
            elif kind == "cancel":
                await node.cancel(run, payload.get("reason"))
            elif kind == "resume":
                points = payload.get("breakpoints")
                await node.resume(run, breakpoints=tuple(points) if points is not None else None)
            elif kind == "step":
                await node.step(run, payload.get("mode", "over"), until=payload.get("until"))
            elif kind == "resolve":
                await node.resolve(run, payload["command"], payload["decision"], value=payload.get("value"))
            else:
                return {"error": {"code": "usage", "message": f"this node does not know the request {kind!r}"}}
        except ReachError as wrong:
            return {"error": wrong.as_dict()}
        except (KeyError, TypeError, ValueError) as wrong:
            return {"error": {"code": "usage", "message": f"the request {kind!r} is malformed: {wrong!r}"}}
        return {"done": True}
