"""Words and signs that several screens say things with: statuses, ages, values. One sign is one cell wide."""

from __future__ import annotations

from typing import Final

from reach_workbench.clock import SystemClock
from reach_workbench.protocol.node_views import RunView

SIGNS: Final = {
    "pending": "·",
    "running": "▶",
    "waiting": "◷",
    "suspended": "‖",
    "held": "●",
    "cancelled": "⊘",
    "faulted": "✗",
    "completed": "✓",
}
"""Said together with the word of the status, never alone."""

MOODS: Final = {"running": "busy", "held": "busy", "faulted": "bad", "cancelled": "quiet"}

ENDED: Final = frozenset({"completed", "faulted", "cancelled"})


def status(run: RunView) -> str:
    """`✓ completed`; a run that waits for a person says so instead."""
    return "? in doubt" if run.in_doubt else "◆ at a gate" if run.gates else f"{SIGNS[run.status]} {run.status}"


def now() -> int:
    """Milliseconds since 1970, as ages are told by."""
    return SystemClock().now()


def lasting(milliseconds: int) -> str:
    """A length of time in its largest unit: `340 ms`, `12 s`, `4 min`, `3 h`, `2 d`."""
    if milliseconds < 1000:
        return f"{max(0, milliseconds)} ms"
    seconds = milliseconds // 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ago(at: int, now: int | None = None) -> str:
    """How long ago a moment was; `in 5 s` for one that is to come."""
    since = SystemClock().now() if now is None else now
    return f"in {lasting(at - since)}" if at > since + 1000 else f"{lasting(since - at)} ago"


def moment(at: int | None) -> str:
    """A moment as local date and time, or a dash."""
    if at is None:
        return "–"
    from datetime import datetime

    return datetime.fromtimestamp(at / 1000).strftime("%Y-%m-%d %H:%M:%S")


def shortened(run: str) -> str:
    """The part of a run's id that tells it from others on a screen: its end is chance, its beginning time."""
    return f"{run[:10]}…{run[-4:]}" if len(run) > 15 else run


def pretty(value: object) -> str:
    """A JSON value over several lines; what would act on a terminal is escaped."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
