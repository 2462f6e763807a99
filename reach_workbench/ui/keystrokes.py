"""Keys that come faster than the screen follows: each acts on what the one before has brought.

The toolkit hands a key to what has the focus when it comes, though the key before may be about to put the focus
elsewhere or to open a dialog. Over a slow line keys come together, and `/ n` would search and step at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Final

from textual.app import App
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

_SOON: Final = 0.1
"""Seconds after a key within which the next one may come too early."""

_ASKING: Final = frozenset({"ask", "dialog", "new", "run", "fork"})
"""Groups of the workers that are about to open a dialog."""

_LONGEST: Final = 3.0
"""Seconds that a key waits at most for the dialog that the one before opens."""


class Keystrokes:
    """Lets keys through, or keeps them for a moment. What is typed into a field, letter by letter, never waits."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._kept: deque[Key] = deque()
        self._released: Key | None = None
        self._task: asyncio.Task[None] | None = None
        self._last = 0.0
        self._stack: list[Screen[Any]] = []
        self._field: Widget | None = None

    def takes(self, event: Key) -> bool:
        """Whether the key is kept until its turn; else it acts now."""
        app, now = self._app, asyncio.get_running_loop().time()
        if event is not self._released:
            if self._task is not None and not self._task.done():
                self._kept.append(event)
                return True
            text = self._field is not None and self._field is app.focused and self._types(event)
            if not text and (now < self._last + _SOON or self._opens()):
                self._kept.append(event)
                self._task = asyncio.create_task(self._follow())
                return True
        self._last, self._stack = now, list(app.screen_stack)
        self._field = app.focused if self._types(event) else None
        return False

    def _types(self, event: Key) -> bool:
        focused = self._app.focused
        return focused is not None and focused.check_consume_key(event.key, event.character)

    def _opens(self) -> bool:
        """Whether the screen in front is being made, or the last key is about to put a dialog upon it."""
        app = self._app
        if not app.screen.is_running:
            return True
        if isinstance(app.screen, ModalScreen) or app.screen_stack != self._stack:
            return False
        return any(not worker.is_finished and worker.group in _ASKING for worker in app.workers)

    async def _follow(self) -> None:
        while self._kept:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST):
                    await dealt_with(self._app)
                    while self._opens():
                        await asyncio.sleep(0.01)
                    await dealt_with(self._app)
            key = self._kept.popleft()
            self._released = Key(key.key, key.character)
            self._app.post_message(self._released)


async def dealt_with(app: App[Any]) -> None:
    """Until every message so far was: a key goes from the app to what has the focus, and from there up again."""
    around = app.focused.ancestors_with_self if app.focused is not None else app.screen.ancestors_with_self
    for pump in (app, *around, app):
        done = asyncio.Event()
        if pump.call_later(done.set):
            await done.wait()
