"""Takes secrets out of what is written down for people to read."""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import Any, Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"

SHORTEST: Final = 4
"""A shorter secret occurs in ordinary text by chance."""

_NAMES: Final = re.compile(r"passw|secret|token|authoriz|credential|api_?key|cookie", re.I)
"""A member of such a name is hidden whatever it holds."""

_BEARER: Final = re.compile(r"\b(Bearer|Basic|Digest)\s+[\w.~+/=-]{8,}", re.I)
_IN_URL: Final = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")


class Redactor:
    """Knows the secrets of this process's runs, in the forms they take: as they are, in JSON, in URLs, in base 64.

    It is asked from any thread.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def learn(self, value: Any) -> None:
        """From now on the texts and numbers in `value` are hidden."""
        found: set[str] = set()
        waiting = [value]
        while waiting:
            part = waiting.pop()
            if isinstance(part, dict):
                waiting += part.values()
            elif isinstance(part, list | tuple):
                waiting += part
            elif isinstance(part, str) or (isinstance(part, int | float) and not isinstance(part, bool)):
                found |= _forms(str(part))
        if found <= self._known:
            return
        with self._lock:
            self._known |= found
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, written: str) -> str:
        if self._pattern is not None:
            written = self._pattern.sub(HIDDEN, written)
        return _IN_URL.sub(HIDDEN, _BEARER.sub(rf"\1 {HIDDEN}", written))

    def value(self, written: Any, depth: int = 0) -> Any:
        """The value with nothing secret in its texts, names of members included."""
        if isinstance(written, str):
            return self.text(written)
        if depth > 20:
            return HIDDEN
        if isinstance(written, dict):
            return {
                self.text(str(name)): HIDDEN
                if _NAMES.search(str(name)) and part is not None
                else self.value(part, depth + 1)
                for name, part in written.items()
            }
        if isinstance(written, list | tuple):
            return [self.value(part, depth + 1) for part in written]
        if written is None or isinstance(written, bool):
            return written
        shown = self.text(str(written))
        return written if isinstance(written, int | float) and shown == str(written) else shown


def _forms(secret: str) -> set[str]:
    if len(secret) < SHORTEST:
        return set()
    raw = secret.encode("utf-8", "replace")
    text = raw.decode()
    quoted = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {text, *quoted, quote(text, safe=""), quote_plus(text), *encoded}
