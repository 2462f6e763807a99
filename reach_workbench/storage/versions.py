"""Which of several workflow versions is the latest (Semantic Versioning 2.0.0, section 11)."""

from __future__ import annotations

from collections.abc import Iterable


def newest(versions: Iterable[str]) -> str:
    """The version with the highest precedence; one that is not a semantic version comes before all that are."""
    return max(versions, key=_precedence)


def _precedence(version: str) -> tuple[bool, tuple[int, ...], bool, tuple[tuple[bool, int, str], ...], str]:
    core, _, extra = version.partition("+")[0].partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(number.isascii() and number.isdigit() for number in numbers):
        return (False, (), False, (), version)
    parts = tuple(
        (False, int(part), "") if part.isascii() and part.isdigit() else (True, 0, part)
        for part in extra.split(".")
        if part
    )
    return (True, tuple(map(int, numbers)), not extra, parts, version)
