"""What stands on the screen until the node answers, and when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.ui.frame import Footer, Header

_LOOKING: Final = "Looking for the node of this home …"
_SHOWN: Final = 12
"""Kept keys that are named; of more, the last ones."""


class StartScreen(Screen[None]):
    """The first frame: drawn before there is a node."""

    class Uncovered(Message):
        """No dialog lies upon it any more."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._says = _LOOKING
        self._then = ""
        self._keys: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(_LOOKING, classes="empty", markup=False, id="words")
        yield Footer()

    def on_screen_resume(self) -> None:
        self.app.post_message(self.Uncovered())

    def told(self, wrong: ReachError) -> None:
        """Say why there is no connection yet."""
        lines = ["There is no node yet; the workbench tries again by itself.", "", wrong.message]
        lines += [part for part in (wrong.where, f"→ {wrong.hint}" if wrong.hint else None) if part]
        self._says = "\n".join(lines)
        self._show()

    def goes_to(self, screen: str) -> None:
        """Say which screen comes then."""
        self._then = screen
        self._show()

    def kept(self, keys: Sequence[str]) -> None:
        """Say which keys wait for the node."""
        self._keys = keys
        self._show()

    def _show(self) -> None:
        lines = [self._says]
        lines += ["", f"Then: {self._then}"] if self._then else []
        if self._keys:
            more = "… " if len(self._keys) > _SHOWN else ""
            lines += ["", f"Kept until then: {more}{' '.join(self._keys[-_SHOWN:])}"]
        self.query_one("#words", Static).update("\n".join(lines))
