"""A record of the audit log as the bytes that its leaf in the tree covers.

They are the record as canonical JSON (RFC 8785):

    {"at":…,"id":…,"payload":…,"run":…,"tenant":…,"type":…}

`id` counts from 1 without a gap, so that the record is leaf `id - 1`; `at` is milliseconds since 1970; `run` is null
where a record is about no run. The payload is kept as canonical JSON, so it goes in as it is. No two rows give the
same bytes, whatever was done to them: read from the end, `type`, `tenant` and `run` come off in one way only.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import Final

from orjson import dumps

_FORM: Final = b'{"at":%d,"id":%d,"payload":%b,"run":%b,"tenant":%d,"type":%b}'
_LEAF: Final = b"\0" + _FORM

_are_integers: Final = Struct("qqq").pack
"""Raises for any other kind of number: `%d` would write 1.5 as 1."""


def record_bytes(id: int, at: int, tenant: int, run: str | None, type: str, payload: bytes) -> bytes:
    """The canonical form of a record; `payload` is canonical JSON already.

    Raises TypeError or struct.error for a part of another kind: a number that is no integer, text that is no Unicode.
    """
    _are_integers(id, at, tenant)
    return _FORM % (at, id, payload, dumps(run), tenant, dumps(type))


def record_leaf(id: int, at: int, tenant: int, run: str | None, type: str, payload: bytes) -> bytes:
    """The leaf of a record, SHA-256 of 0x00 and its canonical form (RFC 6962, 2.1). Raises as `record_bytes`."""
    _are_integers(id, at, tenant)
    return sha256(_LEAF % (at, id, payload, dumps(run), tenant, dumps(type))).digest()
