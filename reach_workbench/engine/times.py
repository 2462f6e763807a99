"""Timestamps as the specification describes them; the moment always comes from a fact."""

from __future__ import annotations

from datetime import UTC, datetime

from reach_workbench.engine.values import Json


def iso8601(milliseconds: int) -> str:
    """The moment (milliseconds since 1970-01-01 UTC) as `2022-01-01T12:00:00.123Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:03d}Z"


def descriptor(milliseconds: int) -> dict[str, Json]:
    """The DateTime descriptor of dsl.md, Runtime expression arguments."""
    return {
        "iso8601": iso8601(milliseconds),
        "epoch": {"seconds": milliseconds // 1000, "milliseconds": milliseconds},
    }
