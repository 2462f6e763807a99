"""What stands on the screen until the node answers, and when it does not."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.ui.frame import Footer, Header


class StartScreen(Screen[None]):
    """The first frame: drawn before there is a node."""

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static("Looking for the node of this home …", classes="empty", markup=False, id="words")
        yield Footer()

    def told(self, wrong: ReachError) -> None:
        """Say why there is no connection yet."""
        lines = ["There is no node yet; the workbench tries again by itself.", "", wrong.message]
        lines += [part for part in (wrong.where, f"→ {wrong.hint}" if wrong.hint else None) if part]
        self.query_one("#words", Static).update("\n".join(lines))
