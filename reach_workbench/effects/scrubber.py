"""Puts placeholders back where a secret's value returns from the world."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

import orjson

from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import defuse, shape
from reach_workbench.engine.values import Json

_FEIGNED: Final = re.compile("⟦(?=secret:)".encode())

HIDDEN: Final = "***"
"""Stands for a credential that was derived (a token that was fetched) and so has no placeholder."""

SHORTEST: Final = 4
"""A shorter secret occurs in ordinary text by chance: it is replaced in what we sent, not in what came back."""


class Scrubber:
    """Replaces the secrets of one command, plain or as they look when encoded, in what it records.

    Known encodings: JSON strings, percent-encoding, form encoding and base 64. What comes back and looks like a
    placeholder is none from then on.
    """

    def __init__(self, secrets: dict[str, Json]) -> None:
        self._shown: dict[str, str] = {}  # every form of every secret, to what takes its place
        self._long: dict[str, str] = {}  # those of secrets that are not too short to search for
        self._numbers: dict[str, str] = {}
        for name, value in secrets.items():
            for leaf, placeholder in _leaves(value, shape(name, value)):
                if isinstance(leaf, str):
                    self._learn(leaf, placeholder)
                elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
                    self._numbers.setdefault(str(leaf), placeholder)
                    self._learn(str(leaf), placeholder)
        self._every = _Replacer(self._shown)
        self._safe = _Replacer(self._long)

    def also(self, value: str) -> None:
        """From now on `value` is hidden too, as `***`."""
        self._learn(value, HIDDEN)
        self._every = _Replacer(self._shown)
        self._safe = _Replacer(self._long)

    def sent(self, written: str) -> str:
        """A header or URI of a request we made: every secret is replaced, however short."""
        return self._every.text(written)

    def text(self, written: str) -> str:
        """A text that came from outside."""
        return self._safe.text(defuse(written)) if self._shown else written

    def data(self, written: bytes) -> bytes:
        if not self._shown:
            return written
        return self._safe.data(_FEIGNED.sub(rb"\g<0> ", written))

    def value(self, written: Json) -> Json:
        """A JSON value with every string in it, keys included, scrubbed; the value itself if nothing is secret.

        Raises Fault `runtime` for a value nested too deeply to be searched.
        """
        if not self._shown:
            return written
        try:
            return self._value(written)
        except RecursionError:
            raise Fault("runtime", "the output is nested too deeply to be searched for secrets", code="limit") from None

    def fault(self, fault: Fault) -> Fault:
        """The same fault with nothing secret in its words, some of which were scrubbed before."""
        hide = self._safe.text
        return Fault(
            hide(fault.type),
            hide(fault.detail),
            status=fault.status,
            title=None if fault.title is None else hide(fault.title),
            instance=fault.instance,
            code=fault.code,
        )

    def _learn(self, plain: str, shown: str) -> None:
        if not plain:
            return
        raw = plain.encode("utf-8", "surrogatepass")
        for form in (plain, _json_text(plain), quote(raw, safe=""), quote_plus(raw), base64.b64encode(raw).decode()):
            self._shown.setdefault(form, shown)
            if len(plain) >= SHORTEST:
                self._long.setdefault(form, shown)

    def _value(self, written: Json) -> Json:
        if isinstance(written, str):
            return self.text(written)
        if isinstance(written, dict):
            return {self.text(key): self._value(part) for key, part in written.items()}
        if isinstance(written, list):
            return [self._value(part) for part in written]
        if self._numbers and isinstance(written, (int, float)) and not isinstance(written, bool):
            digits = str(written)
            return self._numbers.get(digits, written) if len(digits) >= SHORTEST else written
        return written


class _Replacer:
    """Replaces forms by what stands for them in one pass, so that a placeholder put in is never searched again."""

    def __init__(self, shown: dict[str, str]) -> None:
        self._shown = shown
        self._text: re.Pattern[str] | None = None
        self._data: re.Pattern[bytes] | None = None

    def text(self, written: str) -> str:
        if not self._shown:
            return written
        if self._text is None:
            self._text = re.compile("|".join(re.escape(form) for form in self._longest_first()))
        return self._text.sub(lambda found: self._shown[found[0]], written)

    def data(self, written: bytes) -> bytes:
        if not self._shown:
            return written
        if self._data is None:
            self._data = re.compile(b"|".join(re.escape(_raw(form)) for form in self._longest_first()))
        return self._data.sub(lambda found: self._shown[found[0].decode("utf-8", "surrogatepass")].encode(), written)

    def _longest_first(self) -> list[str]:
        return sorted(self._shown, key=len, reverse=True)


def _raw(form: str) -> bytes:
    return form.encode("utf-8", "surrogatepass")


def _json_text(plain: str) -> str:
    """`plain` as it stands between the quotes of a JSON string."""
    try:
        return orjson.dumps(plain).decode()[1:-1]
    except TypeError:  # a lone surrogate
        return plain


def _leaves(value: Json, placeholders: Json) -> Iterator[tuple[Json, str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, placeholders[key])
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _leaves(part, placeholders[place])
    else:
        yield value, placeholders
