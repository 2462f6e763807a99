"""When schedules are due (dsl-reference.md, Schedule). Times are milliseconds since 1970-01-01 UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from reach_workbench.engine.durations import milliseconds
from reach_workbench.engine.values import Json

SHORTEST: Final = 1_000
"""Milliseconds between two starts of an `every`, however short it says."""

_COUNTED: Final = 10_000
"""Missed times of a cron expression that are counted; a year of minutes would take seconds to count."""


class Due(NamedTuple):
    """`missed` times lie between the one that is due and now; `next_at` comes after now."""

    missed: int
    next_at: int | None


def first(kind: str, rule: Json, now: int) -> int | None:
    """When a schedule that is new is due for the first time; None when that is not a matter of time."""
    if kind == "every":
        return now + _interval(rule)
    if kind == "cron":
        return next(_times(rule, now), None)
    return now if kind == "after" else None


def passed(kind: str, rule: Json, due: int, now: int) -> Due:
    """What follows a time `due` that has come by `now`. The times of an `every` keep their distance from the first."""
    if kind == "every":
        interval = _interval(rule)
        missed = (now - due) // interval
        return Due(missed, due + (missed + 1) * interval)
    if kind != "cron":
        return Due(0, None)
    missed = 0
    for time in _times(rule, due):
        if time > now:
            return Due(missed, time)
        missed += 1
        if missed == _COUNTED:
            break
    return Due(missed, next(_times(rule, now), None))


def again(rule: Json, ended_at: int) -> int:
    """When an `after` starts again whose run ended then."""
    return ended_at + milliseconds(rule)


def _interval(rule: Json) -> int:
    return max(milliseconds(rule), SHORTEST)


def _times(expression: str, after: int) -> Iterator[int]:
    """The times of a cron expression in UTC; nothing for one that never comes, such as 30 February."""
    from cronsim import CronSim, CronSimError

    try:
        for time in CronSim(expression, datetime.fromtimestamp(after // 1000, UTC)):
            yield int(time.timestamp()) * 1000
    except CronSimError:
        return
