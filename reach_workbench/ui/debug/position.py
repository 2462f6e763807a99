"""Where the cursor stands in a run, and which of the modes that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from reach_workbench.protocol.node_views import RunView, Verification
from reach_workbench.ui.words import ENDED, shortened

Kind = Literal["LIVE", "PAUSED", "PAST", "REPLAY", "FORK"]

STOPPED: Final = ("held", "suspended")


@dataclass(frozen=True, slots=True)
class Mode:
    """`word` is what the header shows, `kind` what borders and footer are chosen by."""

    kind: Kind
    word: str


@dataclass(slots=True)
class Position:
    """The open run and the cursor in it; `cursor` is the number of an event, from 1.

    While `following` the cursor stays at the live end. A verification is told of as long as the
    cursor stays where it was put by it.
    """

    run: RunView
    cursor: int
    following: bool = True
    verification: Verification | None = None
    verified_at: int = 0

    @property
    def total(self) -> int:
        return self.run.seq

    @property
    def at_end(self) -> bool:
        return self.cursor >= self.run.seq

    @property
    def ended(self) -> bool:
        return self.run.status in ENDED

    @property
    def stopped(self) -> bool:
        """Whether the run stands still and can be driven by steps."""
        return self.run.status in STOPPED

    @property
    def driving(self) -> bool:
        """Whether the stepping keys drive the run; else they move the cursor."""
        return self.at_end and not self.ended

    @property
    def mode(self) -> Mode:
        found = self.verification
        if found is not None and self.cursor == self.verified_at:
            return Mode("REPLAY", "REPLAY ✓" if found.ok else f"REPLAY ✗ at {found.seq or 0:,}")
        if not self.at_end:
            return Mode("PAST", "PAST")
        if self.run.forked_from is not None:
            word = f"FORK of {shortened(self.run.forked_from)}"
            return Mode("FORK", f"{word} · PAUSED" if self.stopped else word)
        if self.stopped:
            return Mode("PAUSED", "PAUSED")
        return Mode("LIVE", "LIVE")

    def move(self, to: int) -> bool:
        """Put the cursor there, within the run; says whether it moved."""
        to = max(1, min(to, self.run.seq))
        moved = to != self.cursor
        self.cursor = to
        self.following = to == self.run.seq
        return moved

    def renew(self, run: RunView) -> None:
        """The run has gone on: the cursor goes along when it follows the live end."""
        self.run = run
        if self.following:
            self.cursor = max(1, run.seq)
        self.cursor = max(1, min(self.cursor, run.seq))
