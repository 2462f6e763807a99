"""JSON values as the engine handles them: plain Python objects, never changed in place."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""None, bool, int, float, str, list[Json] or dict[str, Json]; anything else is refused at the border."""
