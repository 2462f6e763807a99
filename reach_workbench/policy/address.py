"""A URI in the parts a policy asks for, as the adapters will read it (RFC 3986)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_plus, urlsplit

from reach_workbench.engine.secrets import PLACEHOLDER

_PORTS: Final = {"http": 80, "https": 443}
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
"""What internationalized names take for a full stop (RFC 3490, section 3.1)."""


_SHORT: Final = 2048
"""Longer URIs are not remembered."""


class Address(NamedTuple):
    """`host` is in lower case, internationalized labels as `xn--…`, without the last dot; `port` 0 is unknown.

    `search` is what stands behind the question mark. A URI that can't be read, which no adapter
    would call, has empty parts.
    """

    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    search: str = ""

    @property
    def query(self) -> list[str]:
        """The names of the query's parameters."""
        return [unquote_plus(pair.partition("=")[0]) for pair in self.search.split("&") if pair]


def address(uri: str) -> Address:
    """The parts of a URI. Placeholders of secrets are kept whole wherever they stand."""
    return _remembered(uri) if len(uri) <= _SHORT else _parts(uri)


def _parts(uri: str) -> Address:
    if "⟦" in uri:
        return _with_secrets(uri)
    try:
        parts = urlsplit(uri)
        host = _host(parts.hostname or "")
    except ValueError:  # brackets that do not match, characters that only look like others
        return Address()
    try:
        port = parts.port
    except ValueError:
        port = 0
    return Address(parts.scheme, host, _PORTS.get(parts.scheme, 0) if port is None else port, parts.path, parts.query)


def _with_secrets(uri: str) -> Address:
    """The parts with placeholders, whose own signs mean nothing in a URI, in their places."""
    hidden: list[str] = []

    def hide(found: re.Match[str]) -> str:
        hidden.append(found[0])
        return f"\ue000{len(hidden) - 1}\ue001"

    def shown(part: str) -> str:
        part = part.replace("\ue002", "⟦")
        for place, placeholder in enumerate(hidden):
            part = part.replace(f"\ue000{place}\ue001", placeholder)
        return part

    # A bracket that belongs to no placeholder stays what it is.
    scheme, host, port, path, search = _parts(PLACEHOLDER.sub(hide, uri).replace("⟦", "\ue002"))
    return Address(scheme, shown(host), port, shown(path), shown(search))


_remembered = lru_cache(maxsize=1024)(_parts)


def _host(name: str) -> str:
    if not name.isascii():
        name = _DOTS.sub(".", name).lower()
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return name.rstrip(".")
    return name.rstrip(".")
