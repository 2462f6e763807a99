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

    `query` are the names of the parameters. A URI that can't be read, which no adapter would
    call, has empty parts.
    """

    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    query: tuple[str, ...] = ()


def address(uri: str) -> Address:
    """The parts of a URI. Placeholders of secrets are kept whole wherever they stand."""
    return _remembered(uri) if len(uri) <= _SHORT else _parts(uri)


def _parts(uri: str) -> Address:
    hidden: list[str] = []

    def hide(found: re.Match[str]) -> str:
        hidden.append(found[0])
        return f"\ue000{len(hidden) - 1}\ue001"

    def shown(part: str) -> str:
        for place, placeholder in enumerate(hidden):
            part = part.replace(f"\ue000{place}\ue001", placeholder)
        return part

    try:
        parts = urlsplit(PLACEHOLDER.sub(hide, uri) if "⟦" in uri else uri)
        host = _host(parts.hostname or "")
    except ValueError:  # brackets that do not match, characters that only look like others
        return Address()
    try:
        port = parts.port
    except ValueError:
        port = 0
    names = [unquote_plus(pair.partition("=")[0]) for pair in parts.query.split("&") if pair]
    return Address(
        scheme=parts.scheme,
        host=shown(host),
        port=_PORTS.get(parts.scheme, 0) if port is None else port,
        path=shown(parts.path),
        query=tuple(map(shown, names)),
    )


_remembered = lru_cache(maxsize=1024)(_parts)


def _host(name: str) -> str:
    name = _DOTS.sub(".", name).lower().rstrip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
