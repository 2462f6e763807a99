"""Requests between processes that share a home: one owns it, the others ask through the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from reach_workbench import errors
from reach_workbench.clock import Clock
from reach_workbench.engine.values import Json
from reach_workbench.errors import HomeFreed, HomeInUse, NobodyWaits, NotFound, ReachError, StoreError
from reach_workbench.node.bell import Bell, ring
from reach_workbench.node.breakpoints import written
from reach_workbench.protocol import wire
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.protocol.gates import SignedVerdict
from reach_workbench.protocol.node import Node
from reach_workbench.settings import Settings
from reach_workbench.storage.home import holder
from reach_workbench.storage.records import RequestRecord
from reach_workbench.storage.store import Store

_PATIENCE: Final = 10.0
"""Seconds to wait for the owner to take a request up."""

_FRESH: Final = 8_000
"""Milliseconds after which the owner does not take a request up any more: who asked is about to give up."""

_KEPT: Final = 24 * 3_600_000
"""Milliseconds that answered requests are kept."""

_PROMPT: Final = 5.0
"""Seconds after which who asked is told that a slow request is being carried out."""

_UNDER_WAY: Final[dict[str, Json]] = {"done": True}

_LOOK: Final = 0.05

_PARTING: Final = 1.0
"""Seconds that the end of the owner waits for the answers that are under way."""

_SELDOM: Final = 2.0
"""Seconds between two looks of an owner with a bell, each of which wakes a machine that may have rest. A ring that was
lost must not take as long as `_FRESH`."""


async def ask(store: Store, settings: Settings, kind: str, payload: dict[str, Json]) -> dict[str, Json]:
    """Ask the owner of the home, and wait for its answer; raises what it raised, HomeFreed or HomeInUse.

    Whenever no answer is waited for any more the request is withdrawn: what is said to have failed is not carried out
    by whoever owns the home next. One that was taken up can't be, and is said to be in doubt.
    """
    number = store.post_request(kind, payload)
    try:
        ring(settings.home)
        return await _answer_to(number, store, settings)
    except asyncio.CancelledError:
        with suppress(StoreError):
            store.withdraw_request(number)
        raise


async def _answer_to(number: int, store: Store, settings: Settings) -> dict[str, Json]:
    home = settings.home
    for _ in range(round(_PATIENCE / _LOOK)):
        gone = holder(home) is None  # before looking for the answer, which it may have given last
        request = store.read.request(number)
        if request.answered_at is not None:
            return _said(request)
        if gone and request.taken:
            raise _doubtful("the process that owned this home ended while it did what was asked", home)
        if gone and _withdrawn(store, number):
            raise HomeFreed(
                "the process that owned this home ended before it took up what was asked: nothing was done",
                where=str(home),
                hint="run the command again",
            )
        await asyncio.sleep(_LOOK)
    if _withdrawn(store, number):
        raise HomeInUse(
            "the process that owns this home did not answer, and was not told to do it any more",
            where=str(home),
            hint="it may be busy or stopped; ask again",
        )
    request = store.read.request(number)
    if request.answered_at is not None:
        return _said(request)
    raise _doubtful("the process that owns this home took up what was asked and did not answer", home)


def _said(request: RequestRecord) -> dict[str, Json]:
    answer: dict[str, Json] = request.answer
    if "error" in answer:
        raise _error(answer["error"])
    return answer


def _withdrawn(store: Store, number: int) -> bool:
    try:
        return store.withdraw_request(number)
    except StoreError:  # locked or full: it stands, and may still be taken up
        return False


def _doubtful(what: str, home: Path) -> HomeInUse:
    return HomeInUse(
        f"{what}; whether it is done is not known", where=str(home), hint="`reach show RUN` tells, else ask again"
    )


def _error(written: dict[str, Json]) -> ReachError:
    kinds = {
        kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReachError)
    }
    kind = kinds.get(written["code"], ReachError)
    return kind(written["message"], where=written.get("where"), hint=written.get("hint"))


class Mailbox:
    """The owner's side: looks for requests now and then, and answers them.

    Requests about the same run are carried out one after the other; a slow one keeps no other waiting. `exported` is
    told of a run that another process takes out of the home, and how many of its events.
    """

    def __init__(
        self,
        node: Node,
        store: Store,
        clock: Clock,
        settings: Settings,
        exported: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self._node = node
        self._exported = exported
        self._store = store
        self._clock = clock
        self._seconds = settings.runner.poll_seconds
        self._home = settings.home
        self._seen = -1
        self._bell: Bell | None = None
        self._task: asyncio.Task[None] | None = None
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    def hang_bell(self) -> None:
        """From now on look seldom, and when another process rings."""
        with suppress(OSError):  # not every file system has named pipes: then it looks often
            self._bell = Bell(self._home)

    async def stop(self) -> None:
        """Take nothing up any more, and let what was taken up be answered if that is soon."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if tasks := list(self._answering.values()):
            _, late = await asyncio.wait(tasks, timeout=_PARTING)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    async def _work(self) -> None:
        while True:
            try:
                version = self._store.foreign_version()
                if version != self._seen:
                    for request in self._store.read.requests():
                        self._take_up(request)
                    self._seen = version
            except StoreError:
                self._seen = -1  # locked or out of order for now: look again
            bell = self._bell
            if bell is None or self._seen == -1:
                await asyncio.sleep(self._seconds)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._seconds, _SELDOM)):  # wait_for loses a cancellation up to 3.11
                    await bell.rung.wait()
            bell.rung.clear()

    def _take_up(self, request: RequestRecord) -> None:
        if request.id not in self._answering:
            task = asyncio.get_running_loop().create_task(self._see_to(request))
            self._answering[request.id] = task
            task.add_done_callback(lambda _: self._answering.pop(request.id, None))

    async def _see_to(self, request: RequestRecord) -> None:
        subject = str(request.payload.get("run", request.id))
        turn = self._turns.setdefault(subject, asyncio.Lock())
        try:
            async with turn:
                if not await self._taken(request):
                    return
                work = asyncio.ensure_future(self._answer(request))
                try:
                    if request.kind != "publish":
                        await asyncio.wait([work], timeout=_PROMPT)
                    await self._reply(request, await work if request.kind == "publish" or work.done() else _UNDER_WAY)
                    await work
                finally:
                    work.cancel()
        except (NotFound, StoreError):
            return  # nobody hears the answer; what was done is done
        finally:
            if not turn.locked():
                self._turns.pop(subject, None)

    async def _taken(self, request: RequestRecord) -> bool:
        """Take it up, unless who asked has withdrawn it."""
        unit = self._store.unit()
        unit.take_request(request.id)
        try:
            await self._store.commit(unit)
        except NotFound:
            return False
        except StoreError:
            self._seen = -1  # locked or full for now: look again
            raise
        return True

    async def _reply(self, request: RequestRecord, answer: dict[str, Json]) -> None:
        unit = self._store.unit()
        now = self._clock.now()
        unit.answer_request(request.id, answer, at=now)
        unit.forget_requests(before=now - _KEPT)
        await self._store.commit(unit)

    async def _answer(self, request: RequestRecord) -> dict[str, Json]:
        if self._clock.now() - request.created_at > _FRESH:
            message = "this was asked of a process that did not answer, too long ago to be carried out now"
            return {"error": {"code": "home-in-use", "message": message, "hint": "ask again"}}
        try:
            return await self._carry_out(request.kind, dict(request.payload))
        except NobodyWaits:
            return {"consumed_by": []}
        except ReachError as wrong:
            return {"error": wrong.as_dict()}
        except (KeyError, TypeError, ValueError) as wrong:
            return _malformed(request.kind, repr(wrong))
        except Exception as wrong:
            message = f"carrying out the request {request.kind!r} failed: {wrong!r}"
            return {"error": {"code": "bug", "message": message, "hint": "please report it"}}

    async def _carry_out(self, kind: str, payload: dict[str, Json]) -> dict[str, Json]:
        node = self._node
        if kind == "publish":
            published = await node.publish(payload["event"])
            return {
                "consumed_by": list(published.consumed_by),
                "queued": published.queued,
                "kept_for": list(published.kept_for),
            }
        if kind == "set-breakpoint":
            return {"breakpoint": written(await node.set_breakpoint(Breakpoint(**payload["breakpoint"])))}
        if kind == "clear-breakpoint":
            await node.clear_breakpoint(payload["id"])
            return _UNDER_WAY
        if kind == "decide":
            await node.decide(payload["gate"], wire.decode(SignedVerdict, payload["verdict"]))
            return _UNDER_WAY
        if kind == "edit-gate":
            opened = await node.edit_gate(payload["gate"], payload["arguments"], by=payload.get("by"))
            return {"gate": opened.id if opened is not None else None}
        if kind == "save-policy":
            await node.save_policy(payload["text"], by=payload.get("by"))
            return _UNDER_WAY
        if kind == "add-reviewer":
            return {"reviewer": wire.tree(await node.add_reviewer(**payload))}
        if kind == "revoke-reviewer":
            return {"reviewer": wire.tree(await node.revoke_reviewer(payload["key_id"]))}
        run = payload["run"]
        if kind == "exported":
            await self._exported(run, payload["events"])
        elif kind == "suspend":
            await node.suspend(run, payload.get("reason"))
        elif kind == "pause":
            await node.pause(run)
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
            return _malformed(kind, "this node does not know it")
        return _UNDER_WAY


def _malformed(kind: str, why: str) -> dict[str, Json]:
    return {"error": {"code": "usage", "message": f"the request {kind!r} is malformed: {why}"}}
