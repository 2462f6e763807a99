"""Staying with a run until it ends, stops or is interrupted, telling its progress meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reach_workbench.cli.asking import can_ask
from reach_workbench.cli.history import EventFile
from reach_workbench.cli.outcome import exit_code, show_result
from reach_workbench.cli.pending import waits
from reach_workbench.cli.session import Interruption, Session, give_up, unless_interrupted
from reach_workbench.cli.source import Source
from reach_workbench.cli.standing import stand
from reach_workbench.cli.watching import Watcher
from reach_workbench.errors import NodeUnreachable, RunStateError
from reach_workbench.protocol.node_views import EventView, RunView

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node


ENDED: Final = ("completed", "faulted", "cancelled")


class Follower:
    """One run that this process drives. `after` is the last event that is not news."""

    def __init__(
        self,
        session: Session,
        node: Node,
        view: RunView,
        interruption: Interruption,
        *,
        file: EventFile | None,
        quiet: bool,
        after: int = 0,
    ) -> None:
        self._session = session
        self._interruption = interruption
        self._node = node
        self._run = view.id
        self._file = file
        self._seen = 0 if file is not None else after
        self._after = after
        self._entered = False
        self._watcher = None if quiet else Watcher(session.terminal, self._waiting)

    async def follow(self) -> RunView:
        """The run once it has ended or stopped; it may go on, and be followed again. Ctrl-C suspends it."""
        if self._watcher is not None and self._after and not self._entered:
            state = await self._node.state(self._run, self._after)
            self._watcher.enter(state.stack, self._after)
            await self._watcher.tell_waits(each.task for each in state.pending if each.kind == "event")
        self._entered = True
        telling = asyncio.ensure_future(self._tell(follow=True)) if self._tells else None
        try:
            self._interruption.last_words = self._last_words
            view = await unless_interrupted(self._node.wait(self._run), self._interruption)
            if view is None:
                view = await self._suspend()
        finally:
            if telling is not None:
                await give_up(telling)
        if telling is not None:
            if not telling.cancelled() and (wrong := telling.exception()) is not None:
                raise wrong
            await self._tell(follow=False)
        if self._watcher is not None:
            self._watcher.finish()
        return view

    @property
    def _tells(self) -> bool:
        return self._watcher is not None or self._file is not None

    async def _tell(self, *, follow: bool) -> None:
        async with aclosing(self._node.events(self._run, after=self._seen, follow=follow)) as events:  # type: ignore[type-var]
            async for event in events:
                self._seen = event.seq
                await self._take(event)

    async def _take(self, event: EventView) -> None:
        if self._file is not None:
            self._file.write(event)
        if self._watcher is not None and event.seq > self._after:
            await self._watcher.take(event)

    async def _waiting(self, task: str) -> list[str]:
        state = await self._node.state(self._run)
        pending = tuple(each for each in state.pending if each.kind == "event" and each.task == task)
        going_on = replace(state, pending=pending, status="waiting")  # even if it is only about to be resumed
        return list(waits(going_on, self._session.line, {}))

    async def _suspend(self) -> RunView:
        self._session.terminal.say("suspending, once what is under way has ended (Ctrl-C again leaves at once)")
        try:
            return await self._node.suspend(self._run, "interrupted")
        except RunStateError:
            return await self._node.run(self._run)  # it ended first

    def _last_words(self) -> None:
        self._session.terminal.say(f"left; go on with: {self._session.line('resume', self._run)}")


async def finish(
    session: Session,
    node: Node,
    view: RunView,
    source: Source | None,
    interruption: Interruption,
    *,
    file: EventFile | None,
    quiet: bool,
    after: int,
) -> int:
    """Follow a run and show how it ended, or where it stopped and how to go on; returns the exit code."""
    quiet = quiet or session.terminal.json
    with _named_when_lost(session, view.id):
        follower = Follower(session, node, view, interruption, file=file, quiet=quiet, after=after)
        view = await follower.follow()
        left: set[str] = set()
        while await _decided_here(session, node, view, interruption, left):
            view = await follower.follow()
        show_result(session, view, source)
        if view.status not in ENDED:
            await stand(session, node, view, source)
    return exit_code(view)


@contextmanager
def _named_when_lost(session: Session, run: str) -> Iterator[None]:
    """A node that is lost takes no run with it: what is said of that names the run, and what goes on with it."""
    try:
        yield
    except NodeUnreachable as wrong:
        raise NodeUnreachable(
            f"run {run} was left: {wrong.message}",
            where=wrong.where,
            hint=f"`{session.line('show', run)}` tells how far it came, "
            f"`{session.line('resume', run)}` goes on with it",
        ) from None


async def _decided_here(
    session: Session, node: Node, view: RunView, interruption: Interruption, left: set[str]
) -> bool:
    """Ask whoever sits here about the gates that hold the run, but those `left`; whether it goes on."""
    if view.status in ENDED or interruption.asked.is_set() or not can_ask(session.terminal):
        return False
    from reach_workbench.cli.gatepage import held_in
    from reach_workbench.cli.verdicts import ask_about

    goes_on = False
    for gate in await held_in(node, view.id):
        if gate.id not in left and not await ask_about(session, node, gate, interruption):
            left.add(gate.id)
        else:
            goes_on |= gate.id not in left
        if interruption.asked.is_set():
            break
    return goes_on
