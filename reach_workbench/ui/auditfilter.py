"""What is typed into the filter of the audit log, as a question to the node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TYPE: Final = re.compile(r"[a-z][a-z_-]*\.[a-z._-]*\Z")
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})(min|h|d)\Z")
_UNITS: Final = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """How the type begins, the longest age in milliseconds, and text that is part of type, run or data."""

    type: str = ""
    age: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, typed: str) -> AuditFilter:
        """`gate.`, `2h`, any other words; in any order."""
        type, age, text = "", None, []
        for word in typed.split():
            if not type and _TYPE.match(word):
                type = word
            elif age is None and (found := _AGE.match(word)):
                age = int(found[1]) * _UNITS[found[2]]
            else:
                text.append(word)
        return cls(type, age, " ".join(text))

    @property
    def empty(self) -> bool:
        return self == AuditFilter()
