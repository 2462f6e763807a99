"""JSON values and states as bytes in a column. The first byte tells how to read them.

| first byte | meaning |
|---|---|
| space | JSON with an integer beyond 64 bits or a lone surrogate: read by the exact parser |
| `x` | zlib, of either of the others |
| any other | plain JSON in UTF-8 |
"""

from __future__ import annotations

import json
import zlib
from typing import Final

import orjson

from reach_workbench.engine.values import Json

COMPRESS_ABOVE: Final = 4096
"""Bytes from which a value is worth compressing: about a page of the database."""


def pack(value: Json) -> bytes:
    """The value as bytes. Raises TypeError, ValueError or RecursionError for what JSON can't carry."""
    try:
        plain = orjson.dumps(value)
    except TypeError:
        plain = b" " + json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    return squeeze(plain)


def unpack(packed: bytes) -> Json:
    """The value again. Raises ValueError for bytes that `pack` never made."""
    plain = stretch(packed)
    if plain[:1] == b" ":
        return json.loads(plain)
    return orjson.loads(plain)


def squeeze(plain: bytes) -> bytes:
    """JSON text, compressed when it is long and compression helps."""
    if len(plain) > COMPRESS_ABOVE:
        small = zlib.compress(plain, 1)
        if len(small) < len(plain):
            return small
    return plain


def stretch(packed: bytes) -> bytes:
    """Undo `squeeze`. Raises ValueError when the bytes are damaged."""
    if packed[:1] != b"x":
        return packed
    try:
        return zlib.decompress(packed)
    except zlib.error as wrong:
        raise ValueError(str(wrong)) from None
