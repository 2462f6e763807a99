"""Checkpoints of the audit log as it grows: after so many records, after so many seconds, and when the node closes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.errors import KeysUnavailable, ReachError
from reach_workbench.keys.aside import aside
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.rotating import Signer, due_key, own_key
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, pin
from reach_workbench.storage.store import Store

_PARTING: Final = 3.0
"""Seconds that are waited for the key once the node ends."""

_LOG: Final = logging.getLogger(__name__)


class Pinning:
    """Belongs to a node that owns its home. A checkpoint that can't be written keeps no run waiting.

    `key` is asked when the first one is due, in a thread: it may have to unlock something. `problem` is what kept the
    last one from being written; it is tried again.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock, key: Signer) -> None:
        self._store = store
        self._file = file_of(settings)
        self._every, self._seconds = settings.audit.checkpoint_records, settings.audit.checkpoint_seconds
        self._clock = clock
        self._key = key
        self._tried = 0
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._parting = asyncio.Event()
        self.problem: ReachError | None = None

    def start(self) -> None:
        """Watch the log from now on; what an earlier process left without a checkpoint is due like a new record."""
        try:
            head = self._store.read.audit_head()
        except ReachError as wrong:
            self._note(wrong)
        else:
            self._tried, self._size = head.pinned, head.tree.size
            self._look()
        self._store.watch_audit(self._grown)

    async def now(self) -> None:
        """Make a checkpoint of the log as it stands, unless the last one is. Raises what kept it from being written."""
        await self._finish()
        await self._pin()
        if self.problem is not None:
            raise self.problem

    async def close(self) -> None:
        """Make the last one, if the key can be had by then."""
        asyncio.get_running_loop().call_later(_PARTING, self._parting.set)
        await self._finish()
        self._drop_timer()
        await self._pin()

    def _grown(self, size: int) -> None:
        self._size = size
        self._look()

    def _look(self) -> None:
        """See to it that whatever is not covered yet will be, and that what failed is tried again."""
        left = self._size - self._tried
        if self._task is not None:
            return
        if left > 0 and left >= self._every:
            self._begin()
        elif (left > 0 or self.problem is not None) and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._begin)

    def _begin(self) -> None:
        self._drop_timer()
        if self._task is None:
            self._task = asyncio.ensure_future(self._pin())
            self._task.add_done_callback(self._done)

    def _done(self, _: object) -> None:
        self._task = None
        self._look()

    async def _finish(self) -> None:
        while self._task is not None:
            await asyncio.wait([self._task])
            await asyncio.sleep(0)  # its callback comes first

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _pin(self) -> None:
        self._tried = self._size
        try:
            head = self._store.read.audit_head()
            self._tried = head.tree.size
            if head.tree.size > head.pinned:
                due = due_key(self._store)
                key = await self._had(due)
                if due_key(self._store) != due:  # the key was changed meanwhile
                    return await self._pin()
                number = await asyncio.to_thread(pin, self._file, key, head, self._clock.now())
                unit = self._store.unit()
                unit.pin_audit(pins=number, size=head.tree.size)
                await self._store.commit(unit)
            self.problem = None
        except ReachError as wrong:
            self._note(wrong)

    async def _had(self, due: str | None) -> SigningKey:
        """The key with that id. A keyring that does not answer keeps the node from ending no longer than `_PARTING`."""
        asking = asyncio.ensure_future(aside(lambda: own_key(self._key, due)))
        parting = asyncio.ensure_future(self._parting.wait())
        try:
            await asyncio.wait({asking, parting}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise KeysUnavailable(
                    "the node ended before its key could be had", hint="the next one that serves makes the checkpoint"
                )
            return asking.result()
        finally:
            parting.cancel()
            asking.cancel()

    def _note(self, wrong: ReachError) -> None:
        if self.problem is None or self.problem.code != wrong.code:  # once is enough: it is tried again and again
            _LOG.warning("no checkpoint of the audit log: %s (%s)", wrong.message, wrong.code)
        self.problem = wrong
