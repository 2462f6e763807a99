"""Moments as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from reach_workbench.errors import UsageError

_AGE: Final = re.compile(r"([1-9][0-9]{0,5})(min|h|d)")
_UNITS: Final = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}


def moment(word: str | None, option: str, now: int) -> int | None:
    """Milliseconds since 1970 of `2h` (so long ago), `2026-03-01` or `2026-03-01T12:00:00Z`; UTC where no zone stands.

    Raises UsageError naming the option.
    """
    if word is None:
        return None
    if age := _AGE.fullmatch(word):
        return now - int(age[1]) * _UNITS[age[2]]
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise UsageError(
            f"{option} can't be {word!r}",
            hint="it takes an age such as 90min, 2h or 7d, or a moment such as 2026-03-01",
        ) from None
    return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
