"""Keys pressed before the node is there: kept, shown, and played once the screen stands that they were meant for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from textual.app import App
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import TextArea

from reach_workbench.ui.help import Help
from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import ACTIONS, Action, actions
from reach_workbench.ui.keystrokes import dealt_with
from reach_workbench.ui.palette import Palette
from reach_workbench.ui.start import StartScreen

AT_ONCE: Final = frozenset({"app.help", "app.palette", "app.theme", "app.reconnect", "app.quit"})
"""What needs no node."""

LOOKS: Final = frozenset(
    {
        *(action.id for action in actions("app")),
        "flows.complete", "flows.definition", "flows.next-problem", "flows.graph",
        "debug.back", "debug.forward", "debug.mark-back", "debug.mark", "debug.over-back", "debug.out-back",
        "debug.continue-back", "debug.verify", "debug.who-wrote", "debug.live", "debug.find", "debug.find-next",
        "debug.filter", "debug.start", "debug.end", "debug.jq",
        "runs.open", "runs.filter", "runs.compare", "runs.lineage", "runs.verify",
        "inbox.open", "inbox.run", "inbox.filter", "nodes.refresh",
        "audit.verify", "audit.filter", "audit.open", "audit.refresh", "system.schedules",
        "policies.open", "policies.next-problem", "policies.refresh",
    }
)  # fmt: skip
"""What may be played unseen: it goes somewhere or looks at something, and changes neither a run nor a text."""

_MOVES: Final = frozenset({"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "escape"})
"""What changes nothing where text is written."""

_LONGEST: Final = 2.0
"""Seconds for which a screen may read what it shows before the next key is played all the same."""

_MOST: Final = 200
"""Keys kept; somebody who leans on the keyboard says nothing more."""


class Early:
    """Takes keys until the first screen stands and the kept ones are played; those that come meanwhile queue up."""

    def __init__(self, app: App[Any], keys_of: Callable[[Action], tuple[str, ...]]) -> None:
        self._app, self._keys_of = app, keys_of
        self._kept: deque[Key] = deque()
        self._over = False
        self._playing = False
        self._played: Key | None = None

    @property
    def over(self) -> bool:
        """Whether all that was kept has been played."""
        return self._over

    def takes(self, event: Key) -> bool:
        """Whether the key is kept; else it acts now, as any key does."""
        if self._over or event is self._played:
            return False
        action = self._action(event.key, "app")
        if self._playing:
            if action is not None and action.id == "app.quit" and not event.is_printable:
                return False
        elif not isinstance(self._app.screen, StartScreen) or (
            action is not None and (action.id in AT_ONCE or (action.leads and not self._kept))
        ):
            return False
        self.keep(event)
        return True

    def keep(self, event: Key) -> None:
        if len(self._kept) < _MOST:
            self._kept.append(event)
        self.tell()

    def keep_action(self, action: Action) -> None:
        """What the palette was asked for."""
        key = self._keys_of(action)[0]
        self.keep(Key(key, key if len(key) == 1 else None))

    def tell(self) -> None:
        """Show on the start screen what is kept."""
        start = self._app.screen_stack[0]
        if not self._playing and isinstance(start, StartScreen):
            start.kept([shown(event.key) for event in self._kept])

    def play(self) -> None:
        """The first screen is coming: what is kept is for it."""
        self._playing = True
        self._app.run_worker(self._play(), group="early")

    async def _play(self) -> None:
        """One key after another, each on what the one before has brought, up to one that would act unseen."""
        try:
            while self._kept:
                await self._settled()
                if self._acts(self._kept[0]):
                    self._leave()
                    break
                key = self._kept.popleft()
                self._played = Key(key.key, key.character)
                self._app.post_message(self._played)
        finally:
            self._over = True

    def _acts(self, event: Key) -> bool:
        screen, focused = self._app.screen, self._app.focused
        if isinstance(screen, Palette):
            return event.key == "enter"
        if isinstance(screen, ModalScreen):
            return not isinstance(screen, Help)
        text = focused is not None and focused.check_consume_key(event.key, event.character)
        if text and not isinstance(focused, TextArea):
            return False  # a filter, a search
        action = None if text else self._action(event.key, "app", str(getattr(screen, "scope", "")))
        if action is not None:
            return action.id not in LOOKS
        return isinstance(focused, TextArea) and event.key not in _MOVES

    def _leave(self) -> None:
        keys = " ".join(shown(event.key) for event in self._kept)
        self._kept.clear()
        words = f"{keys}\nPressed before the node was there; they would act on what you had not seen."
        self._app.notify(words, title="Keys left out", severity="warning", timeout=8, markup=False)

    def _action(self, key: str, *scopes: str) -> Action | None:
        return next((each for each in ACTIONS if each.scope in scopes and key in self._keys_of(each)), None)

    async def _settled(self) -> None:
        """Until the screen in front is drawn, has read what it shows, and every message so far was dealt with."""
        app = self._app
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST):
                await dealt_with(app)
                while not app.screen.is_running or any(
                    worker.node is app.screen and not worker.is_finished for worker in app.workers
                ):
                    await asyncio.sleep(0.01)
                await dealt_with(app)
