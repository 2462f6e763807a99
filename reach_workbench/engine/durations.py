"""Durations: ISO 8601 strings and the specification's duration objects, as milliseconds."""

from __future__ import annotations

import re
from typing import Final

from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_ISO: Final = re.compile(
    r"P(?!$)(?:(?P<years>\d+(?:\.\d+)?)Y)?(?:(?P<months>\d+(?:\.\d+)?)M)?(?:(?P<weeks>\d+(?:\.\d+)?)W)?"
    r"(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)

UNITS: Final = {
    "years": 365 * 86_400_000,
    "months": 30 * 86_400_000,
    "weeks": 7 * 86_400_000,
    "days": 86_400_000,
    "hours": 3_600_000,
    "minutes": 60_000,
    "seconds": 1_000,
    "milliseconds": 1,
}
"""Milliseconds of each unit. A year counts 365 days and a month 30: a run must not depend on a calendar."""


def milliseconds(value: Json) -> int:
    """The duration in milliseconds; raises Fault("validation") for anything that is not one.

    Takes an ISO 8601 string (`PT1.5S`) or an object such as {"minutes": 2, "seconds": 30}
    (dsl-reference.md, Duration).
    """
    if isinstance(value, str) and (found := _ISO.fullmatch(value)):
        return round(sum(float(amount) * UNITS[unit] for unit, amount in found.groupdict().items() if amount))
    if isinstance(value, dict) and value and value.keys() <= UNITS.keys():
        amounts = list(value.values())
        if all(isinstance(amount, (int, float)) and not isinstance(amount, bool) for amount in amounts):
            total: float = sum(amount * UNITS[unit] for unit, amount in value.items())
            return round(total)
    raise Fault(
        "validation", f"{value!r} is no duration: give ISO 8601 such as PT30S, or an object such as seconds: 30"
    )
