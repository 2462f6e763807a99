"""Words and signs that several screens say things with: statuses, ages, values. One sign is one cell wide."""

from __future__ import annotations

import re
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


_UTC: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MOMENTS: Final = frozenset({"due", "until", "expires"})
"""Members of events' data that are moments in milliseconds since 1970 (`engine/events.py`)."""
_LEAST: Final = 10**11
_MEMBER: Final = re.compile(rf'^( *"({"|".join(sorted(_MOMENTS))})": (\d+),?)$', re.MULTILINE)


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
    return _written(at, "%Y-%m-%d %H:%M:%S") if at is not None else "–"


def zoned(at: int | None) -> str:
    """The same with its zone, for what is read or copied as evidence."""
    return _written(at, "%Y-%m-%d %H:%M:%S %Z") if at is not None else "–"


def zone() -> str:
    """The zone in which the screens tell times, now."""
    return _written(now(), "%Z")


def _written(at: int, form: str) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at / 1000).astimezone().strftime(form)


def here(words: str) -> str:
    """Words of the node, whose moments are in UTC (`…T12:00:00.123Z`), with these as local time."""
    return _UTC.sub(lambda found: moment(_milliseconds(found[0])), words) if "Z" in words else words


def _milliseconds(text: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(text).timestamp() * 1000)


def beside(name: str, value: object) -> str:
    """The reading of a recorded moment, which events hold in milliseconds; nothing for anything else."""
    told = name in _MOMENTS and isinstance(value, int) and not isinstance(value, bool) and value >= _LEAST
    return moment(value) if told and isinstance(value, int) else ""


def shortened(run: str) -> str:
    """A run's id as every list writes it: its beginning is time, its end chance. A node takes it for the whole one."""
    return f"{run[:10]}…{run[-4:]}" if len(run) > 15 else run


def pretty(value: object) -> str:
    """A JSON value over several lines; what would act on a terminal is escaped."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def pretty_data(value: object) -> str:
    """The same of an event's or a record's data: its moments have their reading beside them."""
    return with_readings(pretty(value))


def with_readings(text: str) -> str:
    """JSON over several lines, with the reading of an event's moment beside it."""
    return _MEMBER.sub(_with_reading, text)


def _with_reading(found: re.Match[str]) -> str:
    reading = beside(found[2], int(found[3]))
    return f"{found[1]}  ({reading})" if reading else found[1]
